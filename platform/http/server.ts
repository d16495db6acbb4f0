import type { AddressInfo } from 'node:net';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyRequest,
  type HTTPMethods,
  LogController,
  type RawReplyDefaultExpression,
  type RawRequestDefaultExpression,
  type RawServerDefault,
  type RouteOptions,
} from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { newId } from '#platform/ids';
import type { Component, HealthReport, Host } from '#platform/service-host';
import { withCorrelation } from '#platform/telemetry/correlation';
import {
  type Context,
  contextFromTraceparent,
  contextWithTracer,
  runInContext,
  type Span,
  SpanKind,
  startSpan,
} from '#platform/telemetry/tracing';
import { type Authenticator, authorise } from './auth.js';
import { answerBrokenConnection, asProblem, sendProblem } from './failures.js';
import { createLoopWatch } from './loop-watch.js';
import type { DescribedRoute, OpenApiDocument } from './openapi.js';
import { Problem, problem } from './problem-details.js';
import { completeRoute } from './route-options.js';
import { addSystemRoutes, systemRoutes } from './system-routes.js';
import { jsonParserWithin, serializerWithin, validatorWithin } from './validation.js';

export type HttpApp = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression<RawServerDefault>,
  RawReplyDefaultExpression<RawServerDefault>,
  FastifyBaseLogger,
  ZodTypeProvider
>;

export type HttpServer = {
  /** Declare routes on it; each says `access` (see route-options.ts). */
  app: HttpApp;
  /** Listens on `start`; on `stop` finishes what is in hand (3 s at most). Use it last, so it stops first. */
  component: Component & { readonly url: string };
};

export type HttpServerOptions = {
  /** 0 lets the operating system choose; see `component.url`. */
  port: number;
  title: string;
  description?: string;
  /** Without one every caller is anonymous, and only public routes can be reached. */
  auth?: Authenticator;
  /** 1 MiB if unset. */
  bodyBytesMax?: number;
  /** Whose `X-Forwarded-For` counts (see `trustedProxies`); nobody's if unset. */
  trustedProxies?: number | string[] | undefined;
  /** What `/health/ready` says; the host's own components if unset. */
  health?: () => Promise<HealthReport>;
  /** What `/openapi.json` says, given how to make the document of the server's own routes; just that if unset. */
  document?: (own: () => Promise<OpenApiDocument>) => () => Promise<OpenApiDocument>;
};

const drainMs = 3000;
/** Of the request line and all headers: a query may name a few hundred ids. */
const headerBytesMax = 65_536;
/** To receive a whole request; a streamed import takes its time. */
const requestTimeoutMs = 120_000;

/**
 * An HTTP server that keeps the conventions by itself: correlation, trace, metrics, authentication before
 * preconditions before body, and an RFC 9457 answer for whatever goes wrong.
 */
export const createHttpServer = (host: Host, options: HttpServerOptions): HttpServer => {
  const app: HttpApp = Fastify({
    loggerInstance: host.logger as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    // Lines inside a request are known by the correlation of its context; an id of Fastify's own adds nothing.
    childLoggerFactory: (logger) => logger,
    bodyLimit: options.bodyBytesMax ?? 1_048_576,
    requestTimeout: requestTimeoutMs,
    http: { maxHeaderSize: headerBytesMax },
    trustProxy: trusting(options.trustedProxies),
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    genReqId: (raw) => acceptedCorrelationId(raw.headers['x-correlation-id']) ?? newId(),
    frameworkErrors: (error, request, reply) => {
      const id = acceptedCorrelationId(request.raw.headers['x-correlation-id']) ?? newId();
      sendProblem(reply, id, asProblem(error));
    },
    clientErrorHandler: answerBrokenConnection,
    routerOptions: { maxParamLength: 2048 },
  }).withTypeProvider<ZodTypeProvider>();

  const watch = createLoopWatch(host);
  app.setValidatorCompiler(validatorWithin(watch));
  app.setSerializerCompiler(serializerWithin(watch));
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, jsonParserWithin(watch));

  const routes = watchRoutes(app);
  observe(app, host);
  guard(app, options.auth, routes);
  answerProblems(app, routes);
  addSystemRoutes(app, host, options, routes.described);

  return { app, component: listener(app, host, options.port) };
};

/** Which of the addresses behind the connection's own are proxies. Fastify itself takes no number of hops. */
const trusting = (proxies: HttpServerOptions['trustedProxies']) =>
  typeof proxies === 'number' ? (_address: string, hop: number) => hop < proxies : (proxies ?? false);

type RouteBook = { described: DescribedRoute[]; methodsOf(path: string): string[] };

/** Completes every route as it is declared, and remembers it for the document and for 405. */
const watchRoutes = (app: HttpApp): RouteBook => {
  const described: DescribedRoute[] = [];
  const patterns = new Map<string, { matches: RegExp; methods: Set<string> }>();
  app.addHook('onRoute', (route: RouteOptions) => {
    // The CORS plugin's, which only ever answers what is no preflight, and that with 404 or 405.
    if (route.url === '*' && route.method === 'OPTIONS') return;
    completeRoute(route);
    const methods = [route.method].flat() as HTTPMethods[];
    const known = patterns.get(route.url) ?? { matches: patternOf(route.url), methods: new Set<string>() };
    patterns.set(route.url, known);
    for (const method of methods) {
      known.methods.add(method);
      if (method !== 'HEAD' && route.schema?.hide !== true && !route.url.includes('*'))
        described.push({ method, url: route.url, schema: route.schema ?? {} });
    }
  });
  return {
    described,
    methodsOf: (path) => [
      ...new Set([...patterns.values()].filter((p) => p.matches.test(path)).flatMap((p) => [...p.methods])),
    ],
  };
};

const patternOf = (url: string): RegExp =>
  new RegExp(
    `^${url
      .split('/')
      .map((part) =>
        part.startsWith(':') ? '[^/]+' : part.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*'),
      )
      .join('/')}$`,
  );

const acceptedCorrelationId = (header: string | string[] | undefined): string | undefined =>
  typeof header === 'string' && /^[\w.:-]{1,128}$/.test(header) ? header : undefined;

type Observed = { startedAtMs: number; span: Span | undefined; within: Context };

/** Correlation and trace around every request; its count, duration and log line after it. */
const observe = (app: HttpApp, host: Host): void => {
  const total = host.metrics.counter('http_requests_total', 'HTTP requests answered.', [
    'method',
    'route',
    'status',
  ]);
  const duration = host.metrics.histogram(
    'http_request_duration_seconds',
    'From the first byte of the request to the last of the answer.',
    ['method', 'route', 'status'],
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  );
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
    const route = request.routeOptions.url ?? 'unknown';
    const remote = contextFromTraceparent(single(request.headers.traceparent));
    const traced = !systemRoutes.has(route);
    const { span, within } = traced
      ? startSpan(`${request.method} ${route}`, {
          kind: SpanKind.SERVER,
          tracer: host.tracer,
          parent: remote,
          attributes: {
            'http.request.method': request.method,
            'http.route': route,
            'url.path': request.url.split('?', 1)[0] ?? '',
            'correlation.id': request.id,
          },
        })
      : { span: undefined, within: contextWithTracer(host.tracer, remote) };
    seen.set(request, { startedAtMs: performance.now(), span, within });
    enter(request, next);
  });
  // Reading the body leaves the context it was started in.
  app.addHook('preValidation', (request, _reply, next) => enter(request, next));

  app.addHook('onResponse', (request, reply, done) => {
    const observed = seen.get(request);
    const labels = {
      method: knownMethods.has(request.method) ? request.method : 'OTHER',
      route: request.routeOptions.url ?? 'unknown',
      status: String(reply.statusCode),
    };
    const elapsedMs = performance.now() - (observed?.startedAtMs ?? performance.now());
    total.inc(labels);
    duration.observe(labels, elapsedMs / 1000);
    observed?.span?.setAttribute('http.response.status_code', reply.statusCode);
    if (reply.statusCode >= 500) observed?.span?.setStatus({ code: 2 });
    observed?.span?.end();
    if (!systemRoutes.has(labels.route))
      enter(request, () =>
        request.log[request.method === 'GET' && reply.statusCode < 500 ? 'debug' : 'info'](
          {
            method: request.method,
            path: request.url.split('?', 1)[0],
            status: reply.statusCode,
            ms: Math.round(elapsedMs),
          },
          'answered',
        ),
      );
    done();
  });
};

const knownMethods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE']);

const single = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header[0] : header;

/** Authentication, authorisation and preconditions, in this order and before the body is read. */
const guard = (app: HttpApp, auth: Authenticator | undefined, routes: RouteBook): void => {
  // Fastify wants reference types null at first; the hook below sets it before anybody can look.
  app.decorateRequest('principal', null as never);
  app.addHook('onRequest', async (request) => {
    request.principal = { kind: 'anonymous' };
    // Before its body is looked at: what is not there cannot be asked wrongly.
    if (request.is404) throw notThere(request, routes);
    const { access = 'anonymous', requires = [], anonymousWithoutKeys = false } = request.routeOptions.config;
    const { authorization } = request.headers;
    if (auth !== undefined && authorization !== undefined && access !== 'anonymous')
      try {
        request.principal = await auth.principalOf(authorization);
      } catch (error) {
        if (!(anonymousWithoutKeys && error instanceof Problem && error.status === 503)) throw error;
      }
    authorise(request.principal, access);
    if (/%00/.test(request.url)) throw problem(400, 'invalid_url', 'The URL holds a NUL character.');
    if (requires.includes('idempotency-key') && !request.headers['idempotency-key'])
      throw problem(400, 'idempotency_key_required', 'Send an Idempotency-Key, one per intention.');
    if (requires.includes('if-match') && request.headers['if-match'] === undefined)
      throw problem(428, 'if_match_required', 'Say with If-Match which version this update is based on.');
  });
};

const answerProblems = (app: HttpApp, routes: RouteBook): void => {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const answer = asProblem(error);
    if (answer.status >= 500 && answer.status !== 503)
      request.log.error({ err: error, correlationId: request.id }, 'request failed');
    else if (!(error instanceof Problem) && answer.status === 503)
      request.log.warn({ err: error, correlationId: request.id }, 'dependency away');
    return sendProblem(reply, request.id, answer);
  });
  app.setNotFoundHandler((request, reply) => {
    sendProblem(reply, request.id, notThere(request, routes));
  });
};

/** 405 with `Allow` where the address takes other methods, else 404. */
const notThere = (request: FastifyRequest, routes: RouteBook): Problem => {
  const methods = routes.methodsOf(request.url.split('?', 1)[0] ?? '');
  return methods.length === 0
    ? problem(404, 'route_not_found', 'There is nothing at this address.')
    : problem(405, 'method_not_allowed', `${request.method} is not possible here.`, {
        headers: { allow: methods.join(', ') },
      });
};

const listener = (app: HttpApp, host: Host, port: number): HttpServer['component'] => ({
  name: 'http',
  isFront: true,
  get url() {
    const { address, port: bound } = app.server.address() as AddressInfo;
    return `http://${address.includes(':') ? `[${address}]` : address}:${bound}`;
  },
  start: async () => {
    await app.listen({ port, host: host.listenAddress });
  },
  stop: async () => {
    const impatience = setTimeout(() => app.server.closeAllConnections(), drainMs);
    await app.close();
    clearTimeout(impatience);
  },
});
