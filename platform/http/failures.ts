import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { PlatformError } from '#platform/errors';
import { newId } from '#platform/ids';
import { isUnhurried } from './long-requests.js';
import {
  type InputError,
  Problem,
  problem,
  problemBody,
  problemMediaType,
  unavailable,
} from './problem-details.js';

export const sendProblem = (reply: FastifyReply, correlationId: string, answer: Problem): FastifyReply =>
  reply
    .code(answer.status)
    .headers({ 'x-correlation-id': correlationId, ...answer.headers })
    .type(problemMediaType)
    .send(JSON.stringify(problemBody(answer, correlationId)));

const inputErrorsMax = 50;

const partNames: Record<string, string> = {
  querystring: 'query',
  params: 'path',
  headers: 'header',
  body: 'body',
};

const fastifyProblems: Record<string, [status: number, code: string, detail: string]> = {
  FST_ERR_CTP_BODY_TOO_LARGE: [413, 'body_too_large', 'The body is larger than this route takes.'],
  FST_ERR_CTP_EMPTY_JSON_BODY: [400, 'malformed_json', 'The body is empty.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [
    400,
    'malformed_body',
    'The body is not as long as Content-Length says.',
  ],
  FST_ERR_BAD_URL: [400, 'invalid_url', 'The URL is not well formed.'],
  FST_ERR_ROUTE_MISSING_HANDLER: [404, 'route_not_found', 'There is nothing at this address.'],
  // Nothing has a name that long.
  FST_ERR_MAX_PARAM_LENGTH: [404, 'route_not_found', 'There is nothing at this address.'],
};

/** 400 for a part of a request (`body`, `querystring`, `params`, `headers`), with a list of the errors in it. */
export const invalidInput = (httpPart: string, errors: readonly InputError[]): Problem => {
  const part = partNames[httpPart] ?? 'body';
  return problem(400, `invalid_${part}`, `The ${part} is not as documented.`, {
    errors: errors.slice(0, inputErrorsMax).map(({ path, message }) => ({
      path: part === 'body' ? path : `/${part}${path}`,
      message,
    })),
  });
};

/**
 * Converts a thrown error to the caller's answer. An unexpected error becomes a 500 that shows nothing of its cause.
 * `mediaType` is the one that the route takes.
 */
export const asProblem = (error: unknown, mediaType = 'application/json'): Problem => {
  if (error instanceof Problem) return error;
  if (hasZodFastifySchemaValidationErrors(error))
    return invalidInput(
      error.validationContext ?? 'body',
      error.validation.map(({ instancePath, message = 'is not valid' }) => ({
        path: instancePath === '/' ? '' : instancePath,
        message,
      })),
    );
  if (error instanceof PlatformError && error.retriable)
    return unavailable(
      error.code,
      'A service or database that this request needs is not available. Try again.',
      2,
    );
  const { code = '', statusCode } = (error ?? {}) as { code?: string; statusCode?: number };
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
    return problem(415, 'unsupported_media_type', `The body must be ${mediaType}.`);
  const known = fastifyProblems[code];
  if (known !== undefined) return problem(...known);
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return problem(
      statusCode,
      'bad_request',
      error instanceof Error ? error.message : 'The request is not valid.',
    );
  return problem(
    500,
    'internal_error',
    'An unexpected error occurred. The log has it under the correlation id.',
  );
};

/** Answers bytes that are not valid HTTP and so never become a request, and a request that has not come in time. */
export const answerBrokenConnection = (error: Error & { code?: string }, socket: Socket): void => {
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && isUnhurried(socket)) return;
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status =
    error.code === 'HPE_HEADER_OVERFLOW' ? 431 : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
  const correlationId = newId();
  const body = JSON.stringify(
    problemBody(
      problem(status, 'malformed_request', 'This is not a well-formed HTTP request.'),
      correlationId,
    ),
  );
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: ${problemMediaType}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
      `X-Correlation-Id: ${correlationId}\r\nConnection: close\r\n\r\n${body}`,
  );
};
