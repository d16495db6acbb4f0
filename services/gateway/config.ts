import { envSchema, setting, variableOf } from '#platform/config';
import { engineSettings } from '#platform/engine-settings';
import { authSettings } from '#platform/http/auth';
import { trustedProxies } from '#platform/http/client-address';
import { type JobName, jobs, type ServiceName, services } from '../table.js';

const { kafka, schemaRegistryUrl, redisUrl, zipkinUrl } = engineSettings;

/** Base URLs of a service, several for several instances; without any it is 503, and left out of health. */
const instances = setting.urls.optional();
const upstreams = Object.fromEntries(
  [...services, ...jobs].map(({ name }) => [`${name}Urls`, [variableOf(name, 'URL'), instances]]),
) as { [N in ServiceName | JobName as `${N}Urls`]: [string, typeof instances] };

export const gatewayConfig = envSchema({
  port: ['GATEWAY_PORT', setting.port],
  kafka,
  schemaRegistryUrl,
  redisUrl,
  ...upstreams,
  ...authSettings,
  /** `relaxed` is a thousand times `strict`; the limiter runs in both. */
  limits: ['LIMITS', setting.oneOf('strict', 'relaxed').default('strict')],
  /** Requests being answered at one moment, streams apart; the next one is 503. */
  inFlightMax: ['GATEWAY_IN_FLIGHT_MAX', setting.integer(1, 100_000).default(500)],
  /** How long a service may take to begin its answer. */
  answerTimeoutMs: ['GATEWAY_ANSWER_TIMEOUT_MS', setting.integer(100, 300_000).default(15_000)],
  /** How many proxies of one's own stand in front, or their addresses: only they say where a request comes from. */
  trustedProxies: ['GATEWAY_TRUSTED_PROXIES', trustedProxies.optional()],
  /** Linked on the front page where they are set; Zipkin's page where a browser does not reach `ZIPKIN_URL`. */
  zipkinUrl,
  zipkinPageUrl: ['ZIPKIN_PAGE_URL', setting.url.optional()],
  prometheusUrl: ['PROMETHEUS_URL', setting.url.optional()],
});

export type GatewayConfig = Readonly<ReturnType<typeof gatewayConfig.parse>>;
