import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RememberingAuthenticator } from '#platform/http/auth';
import type { ClientNetworks } from '#platform/http/client-address';
import { isUnchanged } from '#platform/http/etag';
import { requestMetrics } from '#platform/http/observation';
import { correlationIdOf } from '#platform/http/server';
import type { Host } from '#platform/service-host';
import { type CachedAnswer, type CatalogueCache, seesWhatAllSee } from './catalogue-cache.js';
import type { CountOptions, RequestCounter } from './request-counter.js';
import type { RoleAnswer, SharedAnswers } from './shared-answers.js';

export type FrontParts = {
  auth: Pick<RememberingAuthenticator, 'remembered'>;
  cache: Pick<CatalogueCache, 'find'>;
  shared: Pick<SharedAnswers, 'find'>;
  counter: Pick<RequestCounter, 'countIfFree'>;
  networks: Pick<ClientNetworks, 'known'>;
  /** The limit of reads, and its name in the keys. */
  limit: { name: string } & CountOptions;
  /** Of every answer. */
  headers: Readonly<Record<string, string>>;
};

type Ready = { client: string; answer: RoleAnswer & Partial<Pick<CachedAnswer, 'etag'>> };

const listPath = '/api/products';

/**
 * Answers reads that are cached and free of limits, without the router. Everything else is left to the router: tokens
 * and clients that were not seen lately, requests of a trace, what is not cached or not for the caller's roles, and
 * clients near their limit. It answers, counts and names each request as the router's hooks do, and takes no place among
 * the requests in progress, since it ends at once.
 */
export const createFront = (
  host: Host,
  { auth, cache, shared, counter, networks, limit, headers }: FrontParts,
): ((request: IncomingMessage, response: ServerResponse) => boolean) => {
  const countRequest = requestMetrics(host);
  const constant = Object.entries(headers).flat();
  const limitText = String(limit.requestsMax);

  const ready = (request: IncomingMessage, url: string): Ready | undefined => {
    const { authorization } = request.headers;
    const principal = authorization === undefined ? undefined : auth.remembered(authorization);
    if (authorization !== undefined && principal?.kind !== 'user') return undefined;
    const client = principal?.kind === 'user' ? principal.userId : networks.known(request);
    if (client === undefined) return undefined;
    if (url.startsWith(listPath)) {
      const answer = principal === undefined || seesWhatAllSee(principal) ? cache.find(url) : undefined;
      return answer && { client, answer: { ...answer, route: routeOf(url) } };
    }
    const answer = principal === undefined ? undefined : shared.find(url, principal);
    return answer && { client, answer };
  };

  return (request, response) => {
    const { method, url = '' } = request;
    if (method !== 'GET' || request.headers.traceparent !== undefined) return false;
    const found = ready(request, url);
    if (found === undefined) return false;
    const count = counter.countIfFree(`${limit.name}:${found.client}`, limit);
    if (count === undefined) return false;

    const startedAtMs = performance.now();
    const correlationId = correlationIdOf(request);
    const { etag, body, contentType, length, route } = found.answer;
    const own = [
      'x-correlation-id',
      correlationId,
      'ratelimit-limit',
      limitText,
      'ratelimit-remaining',
      String(limit.requestsMax - count.current),
      'ratelimit-reset',
      String(Math.ceil(count.ttlMs / 1000)),
    ];
    if (etag !== undefined) own.push('etag', etag);
    const isKnown = etag !== undefined && isUnchanged(request, etag);
    if (isKnown) response.writeHead(304, [...own, ...constant]).end();
    else {
      own.push('content-type', contentType, 'content-length', length);
      response.writeHead(200, [...own, ...constant]).end(body);
    }
    const elapsedMs = performance.now() - startedAtMs;
    countRequest({ method, route, status: isKnown ? 304 : 200 }, elapsedMs);
    if (host.logger.isLevelEnabled('debug'))
      host.logger.debug(
        { correlationId, method, path: url.split('?', 1)[0], ms: Math.round(elapsedMs) },
        'answered',
      );
    return true;
  };
};

const routeOf = (url: string): string => (url[listPath.length] === '/' ? `${listPath}/*` : listPath);
