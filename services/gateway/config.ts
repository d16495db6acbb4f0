import { envSchema, setting, variableOf } from '#platform/config';
import { engineSettings } from '#platform/engine-settings';
import { authSettings } from '#platform/http/auth';
import { trustedProxies } from '#platform/http/client-address';
import { type JobName, jobs, type ServiceName, services } from '../table.js';

const { kafka, schemaRegistryUrl, redisUrl, caches, zipkinUrl } = engineSettings;

/** Base URLs of a service's instances. Without any, its routes answer 503 and health leaves it out. */
const instances = setting.urls.optional();
const upstreams = Object.fromEntries(
  [...services, ...jobs].map(({ name }) => [`${name}Urls`, [variableOf(name, 'URL'), instances]]),
) as { [N in ServiceName | JobName as `${N}Urls`]: [string, typeof instances] };

export const gatewayConfig = envSchema({
  port: ['GATEWAY_PORT', setting.port],
  kafka,
  schemaRegistryUrl,
  redisUrl,
  caches,
  ...upstreams,
  ...authSettings,
  /** `relaxed` is a thousand times `strict`; the limiter runs in both. */
  limits: ['LIMITS', setting.oneOf('strict', 'relaxed').default('strict')],
  /** The most requests in progress at once, not counting streams; further ones are answered with 503. */
  inFlightMax: ['GATEWAY_IN_FLIGHT_MAX', setting.integer(1, 100_000).default(500)],
  /** How long a service may take to begin its answer. */
  answerTimeoutMs: ['GATEWAY_ANSWER_TIMEOUT_MS', setting.integer(100, 300_000).default(15_000)],
  /**
   * The number of trusted proxies in front of the gateway, or their addresses: only their `X-Forwarded-For` is trusted.
   */
  trustedProxies: ['GATEWAY_TRUSTED_PROXIES', trustedProxies.optional()],
  /** Links on the front page. Set Zipkin's where a browser cannot reach `ZIPKIN_URL`. */
  zipkinUrl,
  zipkinPageUrl: ['ZIPKIN_PAGE_URL', setting.url.optional()],
  prometheusUrl: ['PROMETHEUS_URL', setting.url.optional()],
  mailboxUrl: ['MAILBOX_URL', setting.url.optional()],
});

export type GatewayConfig = Readonly<ReturnType<typeof gatewayConfig.parse>>;
