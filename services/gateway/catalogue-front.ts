import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RememberingAuthenticator } from '#platform/http/auth';
import type { ClientNetworks } from '#platform/http/client-address';
import { isUnchanged } from '#platform/http/etag';
import { requestMetrics } from '#platform/http/observation';
import { correlationIdOf } from '#platform/http/server';
import type { Host } from '#platform/service-host';
import { type CatalogueCache, seesWhatAllSee } from './catalogue-cache.js';
import type { CountOptions, RequestCounter } from './request-counter.js';

/**
 * Answers reads of the catalogue that are cached and free of limits, without the router. Everything else is left to the
 * router: staff, tokens and clients that were not seen lately, requests of a trace, what is not cached, and clients near
 * their limit. It answers, counts and names each request as the router's hooks do, and takes no place
 * among the requests in progress, since it ends at once.
 */
export const createCatalogueFront = (
  host: Host,
  parts: {
    auth: Pick<RememberingAuthenticator, 'remembered'>;
    cache: CatalogueCache;
    counter: RequestCounter;
    networks: ClientNetworks;
    /** The limit of reads, and its name in the keys. */
    limit: { name: string } & CountOptions;
    /** Of every answer. */
    headers: Readonly<Record<string, string>>;
  },
): ((request: IncomingMessage, response: ServerResponse) => boolean) => {
  const { auth, cache, counter, networks, limit } = parts;
  const countRequest = requestMetrics(host);
  const constant = Object.entries(parts.headers).flat();
  const limitText = String(limit.requestsMax);

  /** Undefined for a client that has to be found out about, and for one whose roles may change the answer. */
  const clientOf = (request: IncomingMessage): string | undefined => {
    const { authorization } = request.headers;
    if (authorization === undefined) return networks.known(request);
    const principal = auth.remembered(authorization);
    return principal?.kind === 'user' && seesWhatAllSee(principal) ? principal.userId : undefined;
  };

  return (request, response) => {
    const { method, url = '', headers } = request;
    if (method !== 'GET' || headers.traceparent !== undefined) return false;
    const client = clientOf(request);
    if (client === undefined) return false;
    const answer = cache.find(url);
    if (answer === undefined) return false;
    const count = counter.countIfFree(`${limit.name}:${client}`, limit);
    if (count === undefined) return false;

    const startedAtMs = performance.now();
    const correlationId = correlationIdOf(request);
    const own = [
      'x-correlation-id',
      correlationId,
      'ratelimit-limit',
      limitText,
      'ratelimit-remaining',
      String(limit.requestsMax - count.current),
      'ratelimit-reset',
      String(Math.ceil(count.ttlMs / 1000)),
      'etag',
      answer.etag,
    ];
    const isKnown = isUnchanged(request, answer.etag);
    if (isKnown) response.writeHead(304, [...own, ...constant]).end();
    else
      response
        .writeHead(200, [
          ...own,
          ...constant,
          'content-type',
          answer.contentType,
          'content-length',
          answer.length,
        ])
        .end(answer.body);
    const route = url.length > listPath.length && url[listPath.length] === '/' ? `${listPath}/*` : listPath;
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

const listPath = '/api/products';
