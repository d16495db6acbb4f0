import type { AddressInfo, Socket } from 'node:net';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type HTTPMethods,
  LogController,
  type RawReplyDefaultExpression,
  type RawRequestDefaultExpression,
  type RawServerDefault,
  type RouteOptions,
} from 'fastify';
import {
  hasZodFastifySchemaValidationErrors,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod';
import { z } from 'zod';
import { PlatformError } from '#platform/errors';
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
import { type DescribedRoute, describeRoutes, type OpenApiDocument } from './openapi.js';
import { Problem, problem, problemBody, problemMediaType, unavailable } from './problem-details.js';
import { completeRoute } from './route-options.js';
import { parseJson } from './strict-json.js';

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
  /** Believe `X-Forwarded-For`: only behind a proxy that sets it. Off if unset. */
  trustProxy?: boolean;
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
const systemRoutes = new Set(['/health', '/health/live', '/health/ready', '/metrics', '/openapi.json']);

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
    trustProxy: options.trustProxy ?? false,
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

  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, parseJson);

  const routes = watchRoutes(app);
  observe(app, host);
  guard(app, options.auth, routes);
  answerProblems(app, routes);
  systemRoutesOf(app, host, options, routes);

  return { app, component: listener(app, host, options.port) };
};

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
    if (requires.includes('idempotency-key') && request.headers['idempotency-key'] === undefined)
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

const sendProblem = (reply: FastifyReply, correlationId: string, answer: Problem): FastifyReply =>
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
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [415, 'unsupported_media_type', 'The body must be application/json.'],
  FST_ERR_CTP_BODY_TOO_LARGE: [413, 'body_too_large', 'The body is larger than this route takes.'],
  FST_ERR_CTP_EMPTY_JSON_BODY: [400, 'malformed_json', 'The body is empty.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [
    400,
    'malformed_body',
    'The body is not as long as Content-Length says.',
  ],
  FST_ERR_BAD_URL: [400, 'invalid_url', 'The URL is not well formed.'],
  FST_ERR_ROUTE_MISSING_HANDLER: [404, 'route_not_found', 'There is nothing at this address.'],
};

/** What a thrown thing is to the caller. Only what nobody foresaw is a 500, and it tells nothing. */
export const asProblem = (error: unknown): Problem => {
  if (error instanceof Problem) return error;
  if (hasZodFastifySchemaValidationErrors(error)) {
    const part = partNames[error.validationContext ?? 'body'] ?? 'body';
    return problem(400, `invalid_${part}`, `The ${part} is not as documented.`, {
      errors: error.validation.slice(0, inputErrorsMax).map((issue) => {
        const path = issue.instancePath === '/' ? '' : issue.instancePath;
        return {
          path: part === 'body' ? path : `/${part}${path}`,
          message: issue.message ?? 'is not valid',
        };
      }),
    });
  }
  if (error instanceof PlatformError && error.retriable)
    return unavailable(error.code, 'Something this needs is away at the moment.', 2);
  const { code = '', statusCode } = (error ?? {}) as { code?: string; statusCode?: number };
  const known = fastifyProblems[code];
  if (known !== undefined) return problem(...known);
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return problem(
      statusCode,
      'bad_request',
      error instanceof Error ? error.message : 'The request is not valid.',
    );
  return problem(500, 'internal_error', 'Something went wrong here; the correlation id finds it in the log.');
};

/** For what is not HTTP well enough to become a request. */
const answerBrokenConnection = (error: Error & { code?: string }, socket: Socket): void => {
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
    `HTTP/1.1 ${status} Bad Request\r\nContent-Type: ${problemMediaType}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
      `X-Correlation-Id: ${correlationId}\r\nConnection: close\r\n\r\n${body}`,
  );
};

const healthStatus = z.enum(['up', 'degraded', 'down']);
const healthSchema = z
  .object({
    status: healthStatus,
    service: z.string(),
    version: z.string(),
    dependencies: z.record(z.string(), z.object({ status: healthStatus, latencyMs: z.number() })),
  })
  .meta({ id: 'Health' });

const systemRoutesOf = (app: HttpApp, host: Host, options: HttpServerOptions, routes: RouteBook): void => {
  const tags = ['operations'];
  app.get(
    '/health/live',
    {
      access: 'anonymous',
      schema: { tags, summary: 'Is the process there?', response: { 200: healthSchema } },
    },
    () => ({ status: 'up' as const, service: host.service, version: host.version, dependencies: {} }),
  );
  for (const url of ['/health/ready', '/health'])
    app.get(
      url,
      {
        access: 'anonymous',
        schema: {
          tags,
          summary: 'Can it do its work? 503 when it is down.',
          response: { 200: healthSchema, 503: healthSchema },
        },
      },
      async (_request, reply) => {
        const report = await (options.health ?? host.health)();
        return reply.code(report.status === 'down' ? 503 : 200).send(report);
      },
    );
  app.get(
    '/metrics',
    {
      access: 'anonymous',
      schema: {
        tags,
        summary: 'Prometheus metrics.',
        response: { 200: { description: 'Metrics', content: { 'text/plain': { schema: z.string() } } } },
      },
    },
    async (_request, reply) => reply.type(host.metrics.contentType).send(await host.metrics.render()),
  );

  let described: Promise<OpenApiDocument> | undefined;
  const own = (): Promise<OpenApiDocument> => {
    described ??= describeRoutes(
      {
        title: options.title,
        version: host.version,
        ...(options.description === undefined ? {} : { description: options.description }),
      },
      routes.described,
    );
    return described;
  };
  const document = options.document?.(own) ?? own;
  app.get('/openapi.json', { access: 'anonymous', schema: { hide: true } }, () => document());
};

const listener = (app: HttpApp, host: Host, port: number): HttpServer['component'] => ({
  name: 'http',
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
