import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { problem } from '#platform/http/problem-details';

/** A strong validator of a resource's version: quoted, from a version number or from what is shown. */
export const etagOf = (version: number | string | object): string =>
  typeof version === 'object'
    ? `"${createHash('sha256').update(JSON.stringify(version)).digest('base64url').slice(0, 22)}"`
    : `"${version}"`;

/**
 * Sets `ETag` and answers 304 where `If-None-Match` names it; else sends `body`.
 * `return sendWithEtag(request, reply, etagOf(product.version), body)`
 */
export const sendWithEtag = <T>(
  request: FastifyRequest,
  reply: FastifyReply,
  etag: string,
  body: T,
): unknown => {
  reply.header('etag', etag);
  const asked = request.headers['if-none-match'];
  if (asked !== undefined && listed(asked, etag, 'weak')) return reply.code(304).send();
  return reply.send(body);
};

/**
 * Refuses an update of a version that is no longer there: 428 without `If-Match`, 412 when it names another.
 * Routes that call it declare `requires: ['if-match']`, which answers 428 before the body is looked at.
 */
export const assertIfMatch = (request: FastifyRequest, etag: string): void => {
  const asked = request.headers['if-match'];
  if (asked === undefined)
    throw problem(428, 'if_match_required', 'Say with If-Match which version this update is based on.');
  if (!listed(asked, etag, 'strong'))
    throw problem(412, 'stale_version', 'The resource has changed since that version.');
};

const listed = (header: string, etag: string, comparison: 'strong' | 'weak'): boolean =>
  header.trim() === '*' ||
  header
    .split(',')
    .some((one) => (comparison === 'weak' ? one.trim().replace(/^W\//, '') : one.trim()) === etag);
