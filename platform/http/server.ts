import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyContextConfig,
  type FastifyError,
  type FastifyHttpOptions,
  type FastifyRequest,
  type FastifyServerFactory,
  type HTTPMethods,
  LogController,
  type RouteOptions,
} from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { newId } from '#platform/ids';
import type { Component, Host } from '#platform/service-host';
import { endsWithin } from '#platform/waiting/deadline';
import { type Authenticator, anonymous, authorise, credentialsOf } from './auth.js';
import { assertVersion, ifMatchMissing } from './etag.js';
import { answerBrokenConnection, asProblem, sendProblem } from './failures.js';
import type { HttpApp, HttpServerOptions } from './http-app.js';
import { type Announcement, announceLocalServer } from './local-server.js';
import { createLoopWatch } from './loop-watch.js';
import { observe } from './observation.js';
import type { DescribedRoute } from './openapi.js';
import { Problem, problem, problemBody, problemMediaType } from './problem-details.js';
import { completeRoute } from './route-options.js';
import { addSystemRoutes } from './system-routes.js';
import { jsonParserWithin, serializerWithin, validatorWithin } from './validation.js';

export type HttpServer = {
  /** Declare routes on it; each says `access` (see route-options.ts). */
  app: HttpApp;
  /** Listens on `start`; on `stop` finishes the running requests (3 s at most). Use it last, so that it stops first. */
  component: Component & { readonly url: string };
};

const drainMs = 3000;
/** The size of the request line and all headers: a query may name a few hundred ids. */
const headerBytesMax = 65_536;
/** Of a path's parameter: a path with a longer one is no route, whatever the method. */
const paramCharsMax = 2048;
/** The time to receive a whole request that is not streamed: see `mayTakeLong`. */
const requestTimeoutMs = 120_000;

/**
 * An HTTP server that applies the conventions to every route: correlation, trace and metrics; authentication first,
 * then preconditions, then the body; and an RFC 9457 answer for every failure.
 */
export const createHttpServer = (host: Host, options: HttpServerOptions): HttpServer => {
  const app: HttpApp = Fastify({
    loggerInstance: host.logger as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    // Log lines of a request have the correlation id of its context; an id of Fastify's own would add nothing.
    childLoggerFactory: (logger) => logger,
    bodyLimit: options.bodyBytesMax ?? 1_048_576,
    requestTimeout: requestTimeoutMs,
    http: { maxHeaderSize: headerBytesMax },
    trustProxy: trusting(options.trustedProxies),
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    genReqId: correlationIdOf,
    frameworkErrors: (error, request, reply) => {
      sendProblem(reply, correlationIdOf(request.raw), asProblem(error));
    },
    clientErrorHandler: answerBrokenConnection,
    routerOptions: { maxParamLength: paramCharsMax },
    ...(options.front === undefined ? {} : { serverFactory: behindFront(options.front, host.stopping) }),
  }).withTypeProvider<ZodTypeProvider>();

  app.server.on('checkExpectation', answerExpectation);

  const watch = createLoopWatch(host);
  app.setValidatorCompiler(validatorWithin(watch));
  app.setSerializerCompiler(serializerWithin(watch));
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, jsonParserWithin(watch));

  const routes = watchRoutes(app);
  observe(app, host);
  options.beforeAuthentication?.(app);
  guard(app, options, routes);
  answerProblems(app, routes);
  addSystemRoutes(app, host, options, routes.described);

  return { app, component: listener(app, host, options.port) };
};

/**
 * Decides which addresses are trusted proxies. It is a function because Fastify itself does not accept a number of
 * hops.
 */
const trusting = (proxies: HttpServerOptions['trustedProxies']) =>
  typeof proxies === 'number' ? (_address: string, hop: number) => hop < proxies : (proxies ?? false);

type RouteBook = {
  described: DescribedRoute[];
  methodsOf(path: string): string[];
  /** True where the path is a route of its own without this method, which the router then takes for a parameter. */
  isMistaken(request: FastifyRequest): boolean;
};

/** Completes every route when it is declared, and keeps it for the document and for 405. */
const watchRoutes = (app: HttpApp): RouteBook => {
  const described: DescribedRoute[] = [];
  const patterns = new Map<string, { matches: RegExp; methods: Set<string> }>();
  app.addHook('onRoute', (route: RouteOptions) => {
    // The CORS plugin's own route: it only receives OPTIONS requests that are no preflights, and answers 404 or 405.
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
    methodsOf: (path) => {
      const exact = patterns.get(path);
      const matching = exact ? [exact] : [...patterns.values()].filter((p) => p.matches.test(path));
      return [...new Set(matching.flatMap((p) => [...p.methods]))];
    },
    isMistaken: ({ method, url, routeOptions }) => {
      // A preflight is answered for every path.
      if (method === 'OPTIONS' || routeOptions.url === undefined || !/[:*]/.test(routeOptions.url))
        return false;
      return patterns.get(url.split('?', 1)[0] ?? '')?.methods.has(method) === false;
    },
  };
};

const patternOf = (url: string): RegExp =>
  new RegExp(
    `^${url
      .split('/')
      .map((part) =>
        part.startsWith(':')
          ? `[^/]{1,${paramCharsMax}}`
          : part.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*'),
      )
      .join('/')}$`,
  );

/** The caller's correlation id if it is a valid one, otherwise a new one. */
export const correlationIdOf = ({ headers }: Pick<IncomingMessage, 'headers'>): string => {
  const given = headers['x-correlation-id'];
  return typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : newId();
};

/** Answers a request that expects what no server of ours does, of which Node would only say 417. */
const answerExpectation = (request: IncomingMessage, response: ServerResponse): void => {
  const correlationId = correlationIdOf(request);
  const refusal = problem(417, 'expectation_failed', 'The only expectation that is met is 100-continue.');
  response
    .writeHead(refusal.status, { 'content-type': problemMediaType, 'x-correlation-id': correlationId })
    .end(JSON.stringify(problemBody(refusal, correlationId)));
};

/** A server as Fastify would make it, that asks the front first. */
const behindFront =
  (front: NonNullable<HttpServerOptions['front']>, stopping: AbortSignal): FastifyServerFactory =>
  (router, options): Server => {
    const {
      http = {},
      keepAliveTimeout,
      requestTimeout,
      connectionTimeout,
    } = options as FastifyHttpOptions<Server> & {
      http?: ServerOptions;
    };
    const server = createServer(http, (request, response) => {
      if (stopping.aborted || !front(request, response)) router(request, response);
    });
    server.keepAliveTimeout = keepAliveTimeout ?? server.keepAliveTimeout;
    server.requestTimeout = requestTimeout ?? server.requestTimeout;
    server.setTimeout(connectionTimeout ?? 0);
    return server;
  };

/** Authentication, authorisation and preconditions, in this order and before the body is read. */
const guard = (
  app: HttpApp,
  { auth, answerMissing }: Pick<HttpServerOptions, 'auth' | 'answerMissing'>,
  routes: RouteBook,
): void => {
  // Fastify requires reference types to be null at first; the hook below sets it before any handler runs.
  app.decorateRequest('principal', null as never);
  app.addHook('onRequest', (request, reply, done) => {
    request.principal = anonymous;
    // A route that does not exist is answered with 404, whatever the body is.
    if (request.is404 || routes.isMistaken(request)) {
      const problem = notThere(request, routes);
      return problem.status === 404 && answerMissing?.(request, reply) ? undefined : done(problem);
    }
    const { config } = request.routeOptions;
    const { access = 'anonymous', authorises, versionOf, scope = null } = config;
    const authorization = credentialsOf(request.headers);
    const isAsked = auth !== undefined && authorization !== undefined && access !== 'anonymous';
    // Most requests come without a token: then nothing is awaited.
    if (!isAsked && authorises === undefined && versionOf === undefined) {
      try {
        authorise(anonymous, access, scope);
        assertPreconditions(request, config);
        assertBodyIsThere(request);
      } catch (error) {
        return done(error as Error);
      }
      return done();
    }
    admit(request, config, isAsked ? auth : undefined).then(() => done(), done);
  });
};

const admit = async (
  request: FastifyRequest,
  config: FastifyContextConfig,
  auth: Authenticator | undefined,
): Promise<void> => {
  const { access = 'anonymous', authorises, versionOf, scope = null, anonymousWithoutKeys = false } = config;
  try {
    if (auth !== undefined) request.principal = await auth.principalOf(credentialsOf(request.headers));
  } catch (error) {
    if (!(anonymousWithoutKeys && error instanceof Problem && error.status === 503)) throw error;
  }
  authorise(request.principal, access, scope);
  await authorises?.(request);
  assertPreconditions(request, config);
  if (request.headers['if-match'] !== undefined) {
    const version = await versionOf?.(request);
    if (version !== undefined) assertVersion(request, version);
  }
  assertBodyIsThere(request);
};

const assertPreconditions = (request: FastifyRequest, { requires = [] }: FastifyContextConfig): void => {
  const { url, headers } = request;
  const fault = faultOfUrl(url);
  if (fault !== undefined) throw problem(400, 'invalid_url', fault);
  if (requires.includes('idempotency-key') && !headers['idempotency-key'])
    throw problem(400, 'idempotency_key_required', 'Send an Idempotency-Key, one per intention.');
  if (requires.includes('if-match') && headers['if-match'] === undefined) throw ifMatchMissing();
};

const assertBodyIsThere = ({ headers }: FastifyRequest): void => {
  if (headers[withheldBodyHeader] !== undefined)
    throw problem(413, 'body_too_large', 'The body is larger than this route takes.');
};

/**
 * With this header a front asks about a request whose body is too large to be passed on: what is refused before the body is
 * read is refused for that, everything else for the body.
 */
export const withheldBodyHeader = 'x-withheld-body';

/** Why the server refuses this URL, whatever the route is; undefined for one that can be read. */
export const faultOfUrl = (url: string): string | undefined => {
  if (url.includes('%00')) return 'The URL holds a NUL character.';
  return isDecodable(url) ? undefined : 'The query has an escape that is not valid UTF-8.';
};

/** The router checks the path alone; the parser of the query keeps what it cannot decode, or replaces it. */
const isDecodable = (url: string): boolean => {
  const queryAt = url.indexOf('?');
  if (queryAt < 0 || !url.includes('%', queryAt)) return true;
  try {
    decodeURIComponent(url.slice(queryAt));
    return true;
  } catch {
    return false;
  }
};

const answerProblems = (app: HttpApp, routes: RouteBook): void => {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const { consumes } = (request.routeOptions.schema ?? {}) as { consumes?: readonly string[] };
    const answer = asProblem(error, consumes?.[0]);
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

/** 405 with `Allow` where the path has other methods, else 404. */
const notThere = (request: FastifyRequest, routes: RouteBook): Problem => {
  const methods = routes.methodsOf(request.url.split('?', 1)[0] ?? '');
  return methods.length === 0
    ? problem(404, 'route_not_found', 'There is nothing at this address.')
    : problem(405, 'method_not_allowed', `This path does not support ${request.method}.`, {
        headers: { allow: methods.join(', ') },
      });
};

const listener = (app: HttpApp, host: Host, port: number): HttpServer['component'] => {
  let announced: Announcement | undefined;
  return {
    name: 'http',
    isFront: true,
    get url() {
      const { address, port: bound } = app.server.address() as AddressInfo;
      return `http://${address.includes(':') ? `[${address}]` : address}:${bound}`;
    },
    start: async () => {
      await app.listen({ port, host: host.listenAddress });
      const { port: bound } = app.server.address() as AddressInfo;
      announced = announceLocalServer(`http://127.0.0.1:${bound}`, app.routing);
    },
    stop: async () => {
      const ending = Promise.all([app.close(), announced?.retract()]);
      if (!(await endsWithin(drainMs, ending))) {
        app.server.closeAllConnections();
        announced?.sever();
      }
      await ending;
    },
  };
};
