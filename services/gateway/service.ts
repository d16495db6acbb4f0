import cors, { type FastifyCorsOptionsDelegateCallback } from '@fastify/cors';
import helmet from '@fastify/helmet';
import Fastify from 'fastify';
import { createClientNetworks } from '#platform/http/client-address';
import { createHttpServer } from '#platform/http/server';
import { connectBroker } from '#platform/messaging/connect-broker';
import { createEventPublisher } from '#platform/messaging/events';
import { watchSchemaRegistry } from '#platform/messaging/registry-health';
import { createSchemaRegistry } from '#platform/messaging/schema-registry';
import { createRedis } from '#platform/redis/client';
import { useTokens } from '#platform/service';
import type { Host, Service } from '#platform/service-host';
import { createLiveSettings } from '#platform/settings/live-settings';
import { records } from '#schemas/events';
import { type JobName, jobs, type ServiceName, services } from '../table.js';
import { accountExportRoute, exportPath } from './account-export.js';
import { acceptingApiKeys, createApiKeys } from './api-keys.js';
import { createCatalogueCache } from './catalogue-cache.js';
import { collectorRoutes } from './collector.js';
import { type GatewayConfig, gatewayConfig } from './config.js';
import { consumerRoutes } from './consumer-routes.js';
import { createDirectPass } from './direct-pass.js';
import { createMergedDocument } from './documents.js';
import { createErasedAccounts, noteErasures } from './erased-accounts-store.js';
import { forwardingRoutes } from './forwarding.js';
import { createFront } from './front.js';
import { createAggregatedHealth } from './health.js';
import { relaxation } from './limit-settings.js';
import { createOpenTopic } from './live-calls.js';
import { liveRoutes } from './live-routes.js';
import { createPlaces, shedLoad } from './load-shedding.js';
import { createOpsSignals } from './ops-signal-reads.js';
import { pageRoutes } from './pages.js';
import { linksOf } from './platform-links.js';
import { bearsCredentials, privateCaching } from './private-answers.js';
import { currentLimits, limitRequests } from './rate-limits.js';
import { createRequestCounter } from './request-counter.js';
import { forwardings } from './routing-table.js';
import { createSharedAnswers } from './shared-answers.js';
import { createToolAnswers } from './tool-answers.js';
import { createUpstream, type Upstream } from './upstream.js';
import { pageForLost, webFiles, webRoutes } from './web-routes.js';

/** Markdown, above the operations at `/docs`. */
const description = `
## Getting started

Nothing is needed to look around: \`GET /api/products\`, \`GET /api/products/search?q=lantern\` and \`GET /api/recommendations?scenario=home\`
answer everybody.

1. **Buy as a guest**: \`POST /api/orders\` with \`email\`, \`items\`, \`shippingAddress\` and \`payment\`, and a new
   \`Idempotency-Key\` header for each order. A card token of the sandbox is \`tok_ok\`. The answer has the order's \`id\` and an
   \`orderToken\`: send that as \`X-Order-Token\` with what you ask about this order.
2. **Follow it**: \`GET /api/orders/{id}/stream\` pushes each status until the order is confirmed or cancelled.
3. **With an account**: \`POST /api/auth/register\` answers with an \`accessToken\`. Press *Authorize* and paste it, or send
   \`Authorization: Bearer …\`.
4. **As staff**: \`POST /api/auth/login\` with the administrator's address and password, which a local platform keeps in
   \`.local/run.json\`; then \`GET /api/analytics/overview\` and the rest of what is marked for staff.

Commands to paste are at [/platform](/platform); the topics and events are at [/asyncapi.json](/asyncapi.json).

## In every answer

Errors are RFC 9457 problems with a stable \`code\`. Lists are \`{items, next}\`: send \`next\` back as \`cursor\`. Amounts
are integers in minor units (\`amountMinor: 1999\` with \`currency: "GBP"\` is £19.99), times are ISO 8601 in UTC. What a
request has caused is found by the \`X-Correlation-Id\` of its answer in logs and events, and in Zipkin by its \`traceparent\`.
`.trim();

/** The only public entry: forwards to the services, collects shopper activity, applies rate limits. */
const build = async (config: GatewayConfig, host: Host): Promise<void> => {
  const redis = host.use(createRedis(host, config.redisUrl));
  const publisher = host.use(
    createEventPublisher(host, createSchemaRegistry(config.schemaRegistryUrl), records, ['ShopperActivity']),
  );
  host.use(watchSchemaRegistry(config.schemaRegistryUrl));
  const broker = host.use(connectBroker(host, config.kafka));
  const producer = await broker.producer();
  const upstreams = createUpstreams(config, host);
  const watchedJobs = jobs.map(({ name }) => upstreamOf(name, config, host));
  for (const upstream of [...Object.values(upstreams), ...watchedJobs]) host.use(upstream);
  const isPresent = ({ instancesCount }: Upstream) => instancesCount > 0;
  const present = Object.values(upstreams).filter(isPresent);
  const watched = [...present, ...watchedJobs.filter(isPresent)];

  const apiKeys = createApiKeys(upstreams.user, host.clock.monotonicMs);
  const auth = acceptingApiKeys(useTokens(host, config), apiKeys);
  const erased = host.use(createErasedAccounts(host, config.redisUrl, redis));
  const cache = host.use(createCatalogueCache(host, config.redisUrl, { isOn: config.caches === 'on' }));
  const counter = createRequestCounter(redis);
  const shared = createSharedAnswers(host.clock.monotonicMs);
  const networks = createClientNetworks(config.trustedProxies !== undefined);
  const factor = config.limits === 'relaxed' ? relaxation : 1;
  const headers = await headersOfAnswers();
  const settings = host.use(createLiveSettings(host, config, records, 'SettingChanged'));
  const limits = currentLimits(settings, factor);
  const places = createPlaces(host.metrics, config.inFlightMax);
  const direct = createDirectPass(host, {
    table: forwardings,
    upstreams,
    // In this process its answers are shared only where the router forwards.
    except: ['analytics'],
    ownPaths: new Set([exportPath]),
    places,
    shared,
    answerTimeoutMs: config.answerTimeoutMs,
  });
  const health = createAggregatedHealth(host, watched);
  const files = webFiles();
  const { app, component } = createHttpServer(host, {
    front: createFront(host, {
      ...{ auth, erased, cache, shared, direct, counter, networks, limits },
      headers: headers.ofData,
    }),
    port: config.port,
    title: 'Cartstream',
    description,
    auth,
    trustedProxies: config.trustedProxies,
    health,
    answerMissing: pageForLost(files),
    beforeAuthentication: (app) => {
      app.addHook('onRequest', (request, reply, done) => {
        reply.headers(request.url.startsWith('/api/') ? headers.ofData : headers.ofPages);
        // What an answer says itself takes its place.
        if (bearsCredentials(request.headers)) reply.header('cache-control', privateCaching);
        done();
      });
      shedLoad(app, host.metrics, places);
      limitRequests(app, { counter, auth, apiKeys, erased, networks, limits });
    },
    document: (own) => createMergedDocument(own, present, host.clock.monotonicMs),
  });
  noteErasures(app, auth, erased);
  await app.register(cors, () => corsOf);

  webRoutes(app, files);
  pageRoutes(app, { version: host.version, ...linksOf(config), toolAnswers: createToolAnswers(config) });
  collectorRoutes(app, host, producer, publisher, networks.of, Math.ceil(config.inFlightMax / 2));
  consumerRoutes(app, watched);
  const signals = createOpsSignals({ upstreams, health, clock: host.clock });
  liveRoutes(app, { open: createOpenTopic(upstreams, signals), stopping: host.stopping, places });
  accountExportRoute(app, { table: forwardings, upstreams });
  await forwardingRoutes(app, forwardings, upstreams, { places, cache, shared, auth });
  host.use(component);
};

export const service: Service<GatewayConfig> = { name: 'gateway', config: gatewayConfig, build };

const createUpstreams = (config: GatewayConfig, host: Host): Record<ServiceName, Upstream> =>
  Object.fromEntries(services.map(({ name }) => [name, upstreamOf(name, config, host)])) as Record<
    ServiceName,
    Upstream
  >;

const upstreamOf = (name: ServiceName | JobName, config: GatewayConfig, host: Host): Upstream =>
  createUpstream(name, config[`${name}Urls`] ?? [], host.metrics, config.answerTimeoutMs);

/** Pages of any origin may call, because callers are identified by a token and never by a cookie. An OPTIONS request
 * without the headers of a preflight is handled by the routes. */
const corsOf: FastifyCorsOptionsDelegateCallback = (request, done) => {
  const { origin, 'access-control-request-method': asked } = request.headers;
  done(null, {
    origin: '*',
    methods: corsMethods,
    exposedHeaders,
    preflight: origin !== undefined && asked !== undefined,
    maxAge: 600,
  });
};

const corsMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

const exposedHeaders = [
  'etag',
  'location',
  'retry-after',
  'traceparent',
  'x-correlation-id',
  'ratelimit-limit',
  'ratelimit-remaining',
  'ratelimit-reset',
  'idempotency-replayed',
  'x-as-of',
  'x-cart-id',
  'x-lag-ms',
  'x-truncated',
];

/** Headers of helmet about what a browser shows: of an answer of the API, Node took a microsecond to check and write them. */
const ofPagesOnly: ReadonlySet<string> = new Set([
  'cross-origin-opener-policy',
  'origin-agent-cluster',
  'x-dns-prefetch-control',
  'x-download-options',
  'x-permitted-cross-domain-policies',
  'x-xss-protection',
]);
const ownOfAnswer: ReadonlySet<string> = new Set(['content-length', 'date', 'connection']);

/** The headers of helmet and CORS, the same for all answers of a kind: made once, because making them is slow. */
const headersOfAnswers = async (): Promise<Record<'ofPages' | 'ofData', Record<string, string>>> => {
  const scratch = Fastify();
  await scratch.register(helmet, { contentSecurityPolicy });
  await scratch.register(cors, () => corsOf);
  scratch.get('/', (_request, reply) => reply.send());
  const { headers } = await scratch.inject('/');
  await scratch.close();
  const ofPages = Object.entries(headers).flatMap(([name, value]) =>
    ownOfAnswer.has(name) || value === undefined ? [] : [[name, String(value)] as const],
  );
  const ofData = ofPages.filter(([name]) => !ofPagesOnly.has(name));
  return { ofPages: Object.fromEntries(ofPages), ofData: Object.fromEntries(ofData) };
};

/** Pages load everything from the gateway; inline styles are allowed because Swagger UI uses them. */
const contentSecurityPolicy = {
  useDefaults: false,
  directives: {
    defaultSrc: ["'self'"],
    imgSrc: ["'self'", 'data:'],
    styleSrc: ["'self'", "'unsafe-inline'"],
    objectSrc: ["'none'"],
    baseUri: ["'none'"],
    frameAncestors: ["'none'"],
  },
};
