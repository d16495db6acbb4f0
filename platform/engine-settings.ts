import { type Settings, setting } from '#platform/config';
import { kafkaSettings } from '#platform/messaging/kafka-settings';

/** The addresses of the engines. A process spreads those it uses into its own settings. */
export const engineSettings = {
  kafka: kafkaSettings,
  /** Contains user and password where the registry requires them. */
  schemaRegistryUrl: ['SCHEMA_REGISTRY_URL', setting.url],
  clickhouseUrl: ['CLICKHOUSE_URL', setting.url],
  databaseUrl: ['DATABASE_URL', setting.text.regex(/^postgres(ql)?:\/\//, 'must be a postgres:// URL')],
  redisUrl: ['REDIS_URL', setting.text.regex(/^rediss?:\/\//, 'must be a redis:// or rediss:// URL')],
  /** `off` has every read go where the data is, to measure what the caches save. */
  caches: ['CACHES', setting.oneOf('on', 'off').default('on')],
  zipkinUrl: ['ZIPKIN_URL', setting.url.optional()],
} as const satisfies Settings;
