import type { FastifyRequest } from 'fastify';
import type { Host } from '#platform/service-host';
import { withCorrelation } from '#platform/telemetry/correlation';
import {
  type Context,
  contextFromTraceparent,
  contextWithTracer,
  runInContext,
  type Span,
  SpanKind,
  startRequestSpan,
  traceparentOf,
} from '#platform/telemetry/tracing';
import type { HttpApp } from './http-app.js';
import { isLocal } from './local-server.js';
import { systemRoutes } from './system-routes.js';

type Observed = { startedAtMs: number; span: Span | undefined; within: Context };

/**
 * Wraps every request in a correlation and a trace, which the answer names in `X-Correlation-Id` and `traceparent`, and
 * records its count, duration and log line. A request that a server passes on to another one of its process is logged by
 * the first.
 */
export const observe = (app: HttpApp, host: Host): void => {
  const count = requestMetrics(host);
  const seen = new WeakMap<FastifyRequest, Observed>();
  const enter = (request: FastifyRequest, next: () => void): void => {
    const observed = seen.get(request);
    if (observed === undefined) next();
    else withCorrelation({ correlationId: request.id }, () => runInContext(observed.within, next));
  };

  app.decorateRequest('correlationId', '');
  app.addHook('onRequest', (request, reply, next) => {
    request.correlationId = request.id;
    reply.header('x-correlation-id', request.id);
    const traced = traceOf(request, host);
    const traceparent = traceparentOf(traced.within);
    if (traceparent !== undefined) reply.header('traceparent', traceparent);
    seen.set(request, { startedAtMs: performance.now(), ...traced });
    enter(request, next);
  });
  // Reading the body loses the asynchronous context, so it is entered again here; these methods have none.
  app.addHook('preValidation', (request, _reply, next) => (isRead(request) ? next() : enter(request, next)));

  app.addHook('onResponse', (request, reply, done) => {
    const { startedAtMs = performance.now(), span } = seen.get(request) ?? {};
    const elapsedMs = performance.now() - startedAtMs;
    count({ method: request.method, route: routeOf(request), status: reply.statusCode }, elapsedMs);
    span?.setAttribute('http.response.status_code', reply.statusCode);
    if (reply.statusCode >= 500) span?.setStatus({ code: 2 });
    span?.end();
    // The server of this process that asked has logged the request.
    if (!systemRoutes.has(routeOf(request)) && !isLocal(request.raw))
      enter(request, () =>
        logAnswer(request.log, {
          method: request.method,
          path: pathOf(request),
          status: reply.statusCode,
          elapsedMs,
        }),
      );
    done();
  });
};

/** Counts an answered request. */
export const requestMetrics = ({ metrics }: Pick<Host, 'metrics'>) => {
  const labelNames = ['method', 'route', 'status'];
  const total = metrics.counter('http_requests_total', 'HTTP requests answered.', labelNames);
  const duration = metrics.histogram(
    'http_request_duration_seconds',
    'From the first byte of the request to the last of the answer.',
    labelNames,
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  );
  return (
    { method, route, status }: { method: string; route: string; status: number },
    elapsedMs: number,
  ): void => {
    const labels = { method: knownMethods.has(method) ? method : 'OTHER', route, status: String(status) };
    total.inc(labels);
    duration.observe(labels, elapsedMs / 1000);
  };
};

const traceOf = (request: FastifyRequest, { tracer }: Host): Pick<Observed, 'span' | 'within'> => {
  const route = routeOf(request);
  const parent = contextFromTraceparent(single(request.headers.traceparent));
  if (systemRoutes.has(route)) return { span: undefined, within: contextWithTracer(tracer, parent) };
  return startRequestSpan(`${request.method} ${route}`, {
    kind: SpanKind.SERVER,
    tracer,
    parent,
    isRead: isRead(request),
    attributes: {
      'http.request.method': request.method,
      'http.route': route,
      'url.path': pathOf(request),
      'correlation.id': request.id,
    },
  });
};

/** Successful reads are logged at debug level only. */
export const logAnswer = (
  logger: Pick<Host['logger'], 'debug' | 'info'>,
  {
    elapsedMs,
    ...answered
  }: { method: string; path: string; status: number; elapsedMs: number; correlationId?: string },
): void => {
  const level = answered.method === 'GET' && answered.status < 500 ? 'debug' : 'info';
  logger[level]({ ...answered, ms: Math.round(elapsedMs) }, 'answered');
};

const isRead = ({ method }: FastifyRequest): boolean => method === 'GET' || method === 'HEAD';
const routeOf = (request: FastifyRequest): string => request.routeOptions.url ?? 'unknown';
const pathOf = (request: FastifyRequest): string => request.url.split('?', 1)[0] ?? '';

const knownMethods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE']);

const single = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header[0] : header;
