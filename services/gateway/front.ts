import type { IncomingMessage, ServerResponse } from 'node:http';
import { anonymous, type Principal, type RememberingAuthenticator, userIdOf } from '#platform/http/auth';
import type { ClientNetworks } from '#platform/http/client-address';
import { isUnchanged } from '#platform/http/etag';
import { logAnswer, requestMetrics } from '#platform/http/observation';
import { correlationIdOf, withheldBodyHeader } from '#platform/http/server';
import type { Host } from '#platform/service-host';
import { unsampledTraceparent } from '#platform/telemetry/tracing';
import { labelOf } from '#schemas/recommendation-label';
import {
  type CachedAnswer,
  type CatalogueCache,
  isCatalogueRead,
  seesWhatAllSee,
} from './catalogue-cache.js';
import type { DirectPass } from './direct-pass.js';
import type { ErasedAccounts } from './erased-accounts-store.js';
import { isOfOwnCart } from './own-cart-calls.js';
import { bearsCredentials, privateCaching } from './private-answers.js';
import type { CountOptions, RequestCounter } from './request-counter.js';
import { type LimitName, limitOf } from './routing-table.js';
import type { RoleAnswer, SharedAnswers } from './shared-answers.js';

export type FrontParts = {
  auth: Pick<RememberingAuthenticator, 'remembered'>;
  erased: Pick<ErasedAccounts, 'has'>;
  cache: Pick<CatalogueCache, 'find'>;
  shared: Pick<SharedAnswers, 'find'>;
  direct: DirectPass;
  counter: Pick<RequestCounter, 'countIfFree'>;
  networks: Pick<ClientNetworks, 'known'>;
  limits: Readonly<Record<LimitName, CountOptions>>;
  /** Of every answer of the API. */
  headers: Readonly<Record<string, string>>;
};

type Cached = RoleAnswer & Partial<Pick<CachedAnswer, 'etag'>>;

const listPath = '/api/products';

// Over seventy lines: the one way of a read past the router, in the order of its checks.
/**
 * Answers reads from the caches without the router, and has other reads passed to their services directly. Everything else
 * is left to the router: API keys, tokens and clients that were not seen lately, requests of a trace, what is fetched for
 * the catalogue's cache, lists that go with the caller's cart, and clients near their limit. It answers, counts and names each
 * request as the router's hooks do. A cached answer takes no place among the requests in progress, since it ends at once.
 */
export const createFront = (
  host: Host,
  { auth, erased, cache, shared, direct, counter, networks, limits, headers }: FrontParts,
): ((request: IncomingMessage, response: ServerResponse) => boolean) => {
  const countRequest = requestMetrics(host);
  const lists = host.metrics.counter('recommendation_requests_total', 'Recommendation lists answered.', [
    'scenario',
    'source',
  ]);
  const constant = Object.entries(headers).flat();

  const cachedFor = (
    { url = '', headers: { accept } }: IncomingMessage,
    principal: Principal | undefined,
  ): Cached | undefined => {
    if (!url.startsWith(listPath))
      return takesJson(accept) ? shared.find(url, principal ?? anonymous) : undefined;
    if (principal !== undefined && !seesWhatAllSee(principal)) return undefined;
    const answer = cache.find(url);
    return answer && { ...answer, route: routeOf(url) };
  };

  return (request, response) => {
    // Every request comes by here first, and only the gateway may say this to a service.
    if (request.headers[withheldBodyHeader] !== undefined) delete request.headers[withheldBodyHeader];
    const { method, url = '' } = request;
    const { traceparent, 'x-api-key': apiKey } = request.headers;
    if (method !== 'GET' || traceparent !== undefined || apiKey !== undefined) return false;
    const { authorization } = request.headers;
    const principal = authorization === undefined ? undefined : auth.remembered(authorization);
    if (authorization !== undefined && principal?.kind !== 'user') return false;
    const userId = principal && userIdOf(principal);
    if (userId !== undefined && erased.has(userId)) return false;
    const client = userId ?? networks.known(request);
    const path = url.split('?', 1)[0] ?? '';
    const name = limitOf('GET', path);
    if (client === undefined || name === undefined || isOfOwnCart(path, request)) return false;

    const answer = cachedFor(request, principal);
    const isForCache = isCatalogueRead(url) && (principal === undefined || seesWhatAllSee(principal));
    const pass = answer === undefined && !isForCache ? direct.find(request, response) : undefined;
    if (answer === undefined && pass === undefined) return false;
    const count = counter.countIfFree(`${name}:${client}`, limits[name]);
    if (count === undefined) return false;

    const { requestsMax } = limits[name];
    const own = [
      'ratelimit-limit',
      String(requestsMax),
      'ratelimit-remaining',
      String(requestsMax - count.current),
      'ratelimit-reset',
      String(Math.ceil(count.ttlMs / 1000)),
      ...constant,
    ];
    const correlationId = correlationIdOf(request);
    if (answer !== undefined) sendCached(request, response, answer, own, correlationId);
    else pass?.begin(request, response, own, correlationId);
    return true;
  };

  function sendCached(
    request: IncomingMessage,
    response: ServerResponse,
    { etag, body, contentType, length, route, vary, ownId }: Cached,
    own: string[],
    correlationId: string,
  ): void {
    const startedAtMs = performance.now();
    own.push('x-correlation-id', correlationId, 'traceparent', unsampledTraceparent());
    if (vary !== undefined) own.push('vary', vary);
    // What has an ETag is of the catalogue, and the same for all.
    if (etag !== undefined) own.push('etag', etag);
    else if (bearsCredentials(request.headers)) own.push('cache-control', privateCaching);
    // As `sendUnchanged` does, but on Node's own response and with all headers written at once.
    const isKnown = etag !== undefined && isUnchanged(request, etag);
    if (isKnown) response.writeHead(304, own).end();
    else {
      own.push('content-type', contentType, 'content-length', length);
      response.writeHead(200, own).end(body);
    }
    const elapsedMs = performance.now() - startedAtMs;
    const status = isKnown ? 304 : 200;
    countRequest({ method: 'GET', route, status }, elapsedMs);
    if (ownId !== undefined) lists.inc({ scenario: labelOf(ownId)?.scenario ?? '', source: 'shared' });
    // Most are not logged, and then nothing is made for it.
    if (!host.logger.isLevelEnabled('debug')) return;
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    logAnswer(host.logger, { method: 'GET', path, status, elapsedMs, correlationId });
  }
};

/** Answers are shared as JSON; who may prefer another format asks the service itself. */
const takesJson = (accept: string | undefined): boolean =>
  accept === undefined || accept === '*/*' || accept === 'application/json';

const routeOf = (url: string): string => (url[listPath.length] === '/' ? `${listPath}/*` : listPath);
