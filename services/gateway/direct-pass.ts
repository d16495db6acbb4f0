import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { logAnswer, requestMetrics } from '#platform/http/observation';
import { type Problem, problemBody, problemMediaType } from '#platform/http/problem-details';
import { faultOfUrl } from '#platform/http/server';
import { sharedAnswerHeader } from '#platform/http/shared-answer';
import type { Host } from '#platform/service-host';
import { unsampledTraceparent, wouldTraceRead } from '#platform/telemetry/tracing';
import type { ServiceName } from '../table.js';
import type { Places } from './load-shedding.js';
import { bearsCredentials, privateCaching } from './private-answers.js';
import { isPassable, type RemoteServer } from './remote-pass.js';
import type { Forwarding } from './routing-table.js';
import type { SharedAnswers } from './shared-answers.js';
import { keepShared } from './sharing.js';
import { away, late, staysOpen, type Upstream } from './upstream.js';

/** How a request reaches its service past the router, and by which route of the gateway it counts. */
export type Pass = {
  route: string;
  /** Takes the request; `own` are the headers that the gateway adds to the answer, names and values in turn. */
  begin(
    request: IncomingMessage,
    response: ServerResponse,
    own: readonly string[],
    correlationId: string,
  ): void;
};

export type DirectPass = {
  /** Undefined for what the router has to forward; otherwise a place is taken for the response. */
  find(request: IncomingMessage, response: ServerResponse): Pass | undefined;
};

type Target = Forwarding & {
  upstream: Upstream;
  mayPassAfterMs: number;
  /** The end of the target's own path in a path that belongs to it; undefined for others. */
  endIn(path: string): number | undefined;
};

const plainPath = /^\/api\/[\w./-]*$/;
/** What the router replaces by what it knows itself. No service reads them, and none shall read what a client wrote. */
const claimsOfClient = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'forwarded'] as const;
/** After a request without an answer the router forwards for so long, and its circuit breaker decides. */
const restMs = 2_000;

// Over seventy lines: what one pass does from its search to its end.
/**
 * Passes reads to their services without the gateway's router and hooks, since the service has its own. A service of this
 * process is given the gateway's own request and response; the answer of another process is passed on as it comes. The
 * router forwards what has more than one instance, an open circuit, a path in another spelling, or a trace; and
 * everything of the services in `except`.
 */
export const createDirectPass = (
  host: Host,
  parts: {
    table: readonly Forwarding[];
    upstreams: Readonly<Record<ServiceName, Upstream>>;
    /** Services whose answers the router forwards. */
    except: readonly ServiceName[];
    /** Paths that the gateway answers itself. */
    ownPaths: ReadonlySet<string>;
    places: Places;
    shared: Pick<SharedAnswers, 'keep'>;
    answerTimeoutMs: number;
  },
): DirectPass => {
  const { places, shared, answerTimeoutMs } = parts;
  const countRequest = requestMetrics(host);
  const targets: Target[] = parts.table.map((forwarding) => ({
    ...forwarding,
    upstream: parts.upstreams[forwarding.to],
    mayPassAfterMs: 0,
    endIn: endOf(forwarding.path),
  }));

  /** The most specific one. */
  const targetOf = (path: string): Target | undefined => {
    let found: Target | undefined;
    for (const target of targets)
      if (target.path.length > (found?.path.length ?? 0) && target.endIn(path) !== undefined) found = target;
    return found;
  };

  return {
    find: (request, response) => {
      const { url = '' } = request;
      const queryAt = url.indexOf('?');
      const path = queryAt < 0 ? url : url.slice(0, queryAt);
      if (!plainPath.test(path) || path.includes('..') || faultOfUrl(url) !== undefined || wouldTraceRead())
        return undefined;
      if (parts.ownPaths.has(path)) return undefined;
      const target = targetOf(path);
      // Only now, because a path of theirs may lie below one of another service.
      if (target === undefined || parts.except.includes(target.to)) return undefined;
      if (performance.now() < target.mayPassAfterMs) return undefined;
      const server = target.upstream.local() ?? remoteFor(request, target.upstream);
      if (server === undefined || !places.tryEnter(response, url)) return undefined;
      const route = path.length === target.endIn(path) ? target.path : `${target.path}/*`;
      return {
        route,
        begin: (request, answer, own, correlationId) => {
          const startedAtMs = performance.now();
          const traceparent = unsampledTraceparent();
          const named = { 'x-correlation-id': correlationId, traceparent };
          const timer = setTimeout(() => {
            target.mayPassAfterMs = performance.now() + restMs;
            answerInstead(answer, named, late(target.to));
          }, answerTimeoutMs);
          const onHead = (contentType: string): void => {
            clearTimeout(timer);
            if (contentType.startsWith('text/event-stream')) places.leave(answer);
          };
          addHeaders(answer, own, bearsCredentials(request.headers), onHead);
          answer.once('close', () => {
            clearTimeout(timer);
            if (!answer.headersSent) return;
            const elapsedMs = performance.now() - startedAtMs;
            countRequest({ method: 'GET', route, status: answer.statusCode }, elapsedMs);
            logAnswer(host.logger, {
              method: 'GET',
              path,
              status: answer.statusCode,
              elapsedMs,
              correlationId,
            });
          });
          for (const name of claimsOfClient) delete request.headers[name];
          Object.assign(request.headers, named);
          server.pass(request, answer, {
            answered: (status, headers, body) => keepShared(shared, { url, route, status, headers, body }),
            failed: () => answerInstead(answer, named, away(target.to)),
          });
        },
      };
    },
  };
};

/** Where `path` ends in a path that is the same or below it. A segment `:name` stands for any one segment. */
const endOf = (path: string): ((of: string) => number | undefined) => {
  if (!path.includes('/:'))
    return (of) => (of.startsWith(path) && isEnd(of, path.length) ? path.length : undefined);
  const pattern = new RegExp(`^${path.replaceAll(/:\w+/g, '[^/]+')}(?=/|$)`);
  return (of) => pattern.exec(of)?.[0].length;
};

const isEnd = (path: string, at: number): boolean => path.length === at || path[at] === '/';

/** Has the response send `own` headers too, and none that is for the gateway alone; a private one says so to caches. */
const addHeaders = (
  response: ServerResponse,
  own: readonly string[],
  isPrivate: boolean,
  onHead: (contentType: string) => void,
): void => {
  const { writeHead } = response;
  response.writeHead = ((status: number, given?: unknown, last?: unknown) => {
    const passed = (typeof given === 'object' ? given : last) as OutgoingHttpHeaders | undefined;
    const set = response.getHeaders();
    let contentType = '';
    let saysCaching = false;
    const flat: (string | number | string[])[] = [...own];
    for (const headers of [set, passed ?? {}])
      for (const name in headers) {
        const [value, lower] = [headers[name], name.toLowerCase()];
        if (lower === 'content-type') contentType = String(value);
        if (lower === 'cache-control') saysCaching = true;
        if (value !== undefined && lower !== sharedAnswerHeader) flat.push(name, value as string);
      }
    if (isPrivate && !saysCaching) flat.push('cache-control', privateCaching);
    onHead(contentType);
    for (const name in set) response.removeHeader(name);
    response.writeHead = writeHead;
    return response.writeHead(status, flat as string[]);
  }) as ServerResponse['writeHead'];
};

const remoteFor = (request: IncomingMessage, upstream: Upstream): RemoteServer | undefined => {
  const { url: path = '', headers } = request;
  return isPassable(request) && !staysOpen({ method: 'GET', path, headers }) ? upstream.remote() : undefined;
};

/** Answers 503 in the place of a service, and ignores what it answers later. */
const answerInstead = (
  response: ServerResponse,
  named: Readonly<Record<'x-correlation-id' | 'traceparent', string>>,
  instead: Problem,
): void => {
  if (response.headersSent || response.destroyed) return;
  const body = JSON.stringify(problemBody(instead, named['x-correlation-id']));
  response.writeHead(instead.status, {
    ...named,
    ...instead.headers,
    'content-type': problemMediaType,
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
  const ignored = () => response;
  Object.assign(response, { writeHead: ignored, setHeader: ignored, end: ignored, write: () => true });
};
