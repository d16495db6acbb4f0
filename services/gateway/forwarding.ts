import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Authenticator } from '#platform/http/auth';
import { sendUnchanged } from '#platform/http/etag';
import type { HttpApp } from '#platform/http/http-app';
import { mayTakeLong } from '#platform/http/long-requests';
import { Problem } from '#platform/http/problem-details';
import { withheldBodyHeader } from '#platform/http/server';
import { sharedAnswerHeader } from '#platform/http/shared-answer';
import { injectTrace } from '#platform/telemetry/tracing';
import type { ServiceName } from '../table.js';
import { withCartAtLogin } from './cart-at-login-calls.js';
import {
  type CachedAnswer,
  type CatalogueCache,
  isCached,
  isCatalogueRead,
  seesWhatAllSee,
} from './catalogue-cache.js';
import { isStreamed, type Places, streamedMediaType } from './load-shedding.js';
import { withOwnCart } from './own-cart-calls.js';
import { privateCaching } from './private-answers.js';
import type { Forwarding } from './routing-table.js';
import type { SharedAnswers } from './shared-answers.js';
import { keepShared, mayBeShared } from './sharing.js';
import {
  isSafe,
  type Upstream,
  type UpstreamRequest,
  type UpstreamResponse,
  wholeBodyOf,
} from './upstream.js';

/**
 * Headers that belong to one connection, not to the message (RFC 9110 section 7.6.1), or that the gateway sets itself.
 */
const notForwarded = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
  'host',
  'content-length',
  sharedAnswerHeader,
]);

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'] as const;

/**
 * Declares a route for each entry of the table. The gateway does not inspect what it forwards: the service
 * authenticates, validates and refuses. JSON bodies are read first (up to the body limit), so that a request can be
 * sent to another instance; NDJSON is streamed without a limit. A body beyond the limit stays here, and the service says
 * whether the request is refused for it or for something that comes first.
 */
export const forwardingRoutes = async (
  app: HttpApp,
  table: readonly Forwarding[],
  upstreams: Readonly<Record<ServiceName, Upstream>>,
  deps: ForwardingDeps,
): Promise<void> => {
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(streamedMediaType, (_request, body, done) => done(null, body));
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    for (const { path, to } of table)
      for (const url of [path, `${path}/*`]) {
        const handler = handlerOf(to, upstreams, deps);
        const route = { url, access: 'anonymous', schema: { hide: true }, handler } as const;
        const withholdBody = (request: FastifyRequest, reply: FastifyReply) => {
          request.headers[withheldBodyHeader] = '1';
          // What else comes of the body is not read.
          return handler(request, reply.header('connection', 'close'));
        };
        scope.route({
          ...route,
          method: [...methods],
          onRequest: async (request, reply) =>
            isTooLarge(request) ? withholdBody(request, reply) : undefined,
          errorHandler: async (error, request, reply) => {
            if (error.code !== 'FST_ERR_CTP_BODY_TOO_LARGE') throw error;
            return withholdBody(request, reply);
          },
        });
        // No route supports the method QUERY. The service answers 405, before the body would be read.
        scope.route({ ...route, method: 'QUERY', onRequest: handler });
      }
  });
};

type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>;

/** Some requests are more than passed on. */
const handlerOf = (
  to: ServiceName,
  upstreams: Readonly<Record<ServiceName, Upstream>>,
  deps: ForwardingDeps,
): Handler => {
  const { cart, [to]: upstream } = upstreams;
  switch (to) {
    case 'product':
      return catalogueHandler(upstream, deps);
    case 'user': {
      const complete: Completing = (request, answer) => withCartAtLogin(request, answer, cart);
      return (request, reply) => forward(request, reply, upstream, deps, { complete });
    }
    case 'recommendation':
      return async (request, reply) => {
        const path = await withOwnCart(request, { cart, auth: deps.auth });
        if (path !== request.url) reply.header('cache-control', privateCaching);
        return forward(request, reply, upstream, deps, { path });
      };
    default:
      return (request, reply) => forward(request, reply, upstream, deps);
  }
};

/** Of a body that is read first, by what its sender says of it. Of one that says nothing it shows as it is read. */
const isTooLarge = (request: FastifyRequest): boolean =>
  !isSafe(request.method) &&
  Number(request.headers['content-length'] ?? 0) > request.routeOptions.bodyLimit &&
  !isStreamed(request);

export type ForwardingDeps = {
  places: Pick<Places, 'leave'>;
  cache: CatalogueCache;
  shared: SharedAnswers;
  auth: Authenticator;
};

/** Answers reads of the catalogue from the cache, unless the caller's roles may change the answer. */
const catalogueHandler =
  (upstream: Upstream, deps: ForwardingDeps): Handler =>
  async (request, reply) => {
    const { cache, auth } = deps;
    const { method, url } = request;
    if (method === 'GET' && isCatalogueRead(url) && (await mayShareAnswer(request, auth))) {
      const answer = cache.find(url) ?? (await cache.read(url, () => upstream.send(sharedRead(request))));
      // It is the same for all, so everybody's cache may keep it.
      if (answer !== undefined) reply.removeHeader('cache-control');
      if (answer !== undefined)
        return isCached(answer) ? sendCached(request, reply, answer) : sendOn(reply, answer);
    }
    // What was refused has changed nothing, so anybody may send it; of a fault nobody knows.
    let isRefused = false;
    try {
      const sent = await forward(request, reply, upstream, deps);
      isRefused = isRefusal(reply.statusCode);
      return sent;
    } catch (error) {
      isRefused = error instanceof Problem && isRefusal(error.status);
      throw error;
    } finally {
      if (!isSafe(method) && !isRefused) cache.forget(url);
    }
  };

const isRefusal = (status: number): boolean => status >= 400 && status < 500;

/** False for an invalid token too, which is for the service to refuse. */
const mayShareAnswer = async ({ headers }: FastifyRequest, auth: Authenticator): Promise<boolean> => {
  if (headers.authorization === undefined) return true;
  try {
    return seesWhatAllSee(await auth.principalOf(headers.authorization));
  } catch {
    return false;
  }
};

const neverAborted = new AbortController().signal;

/** Headers with which one caller's answer would differ from that of others. */
const ownHeaders = ['authorization', 'if-none-match', 'if-modified-since', 'range'];

/** The request for an answer that is for all who ask: nobody's rights change it, and nobody's leaving ends it. */
const sharedRead = (request: FastifyRequest): UpstreamRequest => {
  const headers = requestHeaders(request);
  for (const name of ownHeaders) delete headers[name];
  injectTrace(headers as Record<string, string>);
  return { method: 'GET', path: request.url, headers, body: null, signal: neverAborted };
};

const sendCached = (request: FastifyRequest, reply: FastifyReply, answer: CachedAnswer): FastifyReply => {
  if (sendUnchanged(request, reply, answer.etag)) return reply;
  return reply.type(answer.contentType).send(answer.body);
};

/** Keeps an answer that its service lets callers with certain roles share. */
const shareIfSaid = async (
  request: FastifyRequest,
  answer: UpstreamResponse,
  shared: SharedAnswers,
): Promise<UpstreamResponse> => {
  const { headers, statusCode: status } = answer;
  if (request.method !== 'GET' || !mayBeShared(status, headers)) return answer;
  const body = await wholeBodyOf(answer);
  const route = request.routeOptions.url ?? '';
  keepShared(shared, { url: request.url, route, status, headers, body });
  return { ...answer, body };
};

/** Answers the caller as the service answered. What the gateway's own `Vary` names stays beside the service's. */
export const sendOn = (reply: FastifyReply, answer: UpstreamResponse): FastifyReply => {
  const headers = responseHeaders(answer);
  const own = reply.getHeader('vary');
  if (headers.vary !== undefined && own !== undefined) headers.vary = `${own}, ${headers.vary}`;
  return reply
    .code(answer.statusCode)
    .headers(headers)
    .send(answer.body ?? undefined);
};

/** What happens before a service's answer is sent. */
type Completing = (request: FastifyRequest, answer: UpstreamResponse) => Promise<UpstreamResponse>;
const asItIs: Completing = async (_request, answer) => answer;

const forward = async (
  request: FastifyRequest,
  reply: FastifyReply,
  upstream: Upstream,
  { places, shared }: ForwardingDeps,
  { complete = asItIs, path = request.url }: { complete?: Completing; path?: string } = {},
): Promise<FastifyReply> => {
  // Whose caller has gone while the gateway asked about it: no end would ever take it back, and it has no place.
  if (reply.raw.closed) return reply.hijack();
  const gone = new AbortController();
  // Every answer closes at its end; a reason that is there already saves an error with its stack.
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort(callerGone);
  });
  if (request.body instanceof Readable) mayTakeLong(request, reply);
  const headers = requestHeaders(request);
  injectTrace(headers as Record<string, string>);
  try {
    const answer = await upstream.send({
      method: request.method,
      path,
      headers,
      body: (request.body as UpstreamRequest['body'] | undefined) ?? null,
      signal: gone.signal,
    });
    if (String(answer.headers['content-type']).startsWith('text/event-stream')) places.leave(reply.raw);
    // An answer to more than was asked is the caller's own.
    const own = path === request.url ? await shareIfSaid(request, answer, shared) : answer;
    return sendOn(reply, await complete(request, own));
  } catch (error) {
    // The caller has gone away, so no answer is needed.
    if (gone.signal.aborted) return reply.hijack();
    throw error;
  }
};

const callerGone = Object.assign(new Error('the caller has gone away'), { name: 'AbortError' });

/** The headers of a request that a service receives. */
export const requestHeaders = (request: FastifyRequest): Record<string, string | string[]> => {
  const headers: Record<string, string | string[]> = {};
  const named = new Set(
    String(request.headers.connection ?? '')
      .toLowerCase()
      .split(',')
      .map((name) => name.trim()),
  );
  for (const [name, value] of Object.entries(request.headers))
    if (value !== undefined && !notForwarded.has(name) && !named.has(name)) headers[name] = value;
  // Also where the caller names it in `Connection`: without it the service would take the request for one without a body.
  const withheld = request.headers[withheldBodyHeader];
  if (withheld !== undefined) headers[withheldBodyHeader] = withheld;
  headers['x-correlation-id'] = request.id;
  headers['x-forwarded-for'] = request.ip;
  headers['x-forwarded-proto'] = request.protocol;
  headers['x-forwarded-host'] = request.host;
  return headers;
};

const responseHeaders = (answer: UpstreamResponse): Record<string, string | string[]> => {
  const headers: Record<string, string | string[]> = {};
  // Content-Length stays, because the bytes are forwarded unchanged.
  for (const [name, value] of Object.entries(answer.headers))
    if (value !== undefined && (name === 'content-length' || !notForwarded.has(name))) headers[name] = value;
  return headers;
};
