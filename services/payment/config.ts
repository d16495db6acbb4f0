import { envSchema, setting } from '#platform/config';
import { engineSettings } from '#platform/engine-settings';
import { authSettings } from '#platform/http/auth';

const { kafka, schemaRegistryUrl, databaseUrl } = engineSettings;

export const paymentConfig = envSchema({
  ...authSettings,
  kafka,
  schemaRegistryUrl,
  databaseUrl,
  port: ['PAYMENT_PORT', setting.port],
  databasePoolMax: ['PAYMENT_DATABASE_POOL_MAX', setting.integer(3, 50).default(8)],
  /** A provider that has not answered by then may or may not have done it. */
  providerTimeoutMs: ['PAYMENT_PROVIDER_TIMEOUT_MS', setting.integer(100, 60_000).default(5000)],
  providerCallsConcurrentMax: ['PAYMENT_PROVIDER_CALLS_CONCURRENT_MAX', setting.integer(1, 256).default(32)],
});

export type PaymentConfig = Readonly<ReturnType<typeof paymentConfig.parse>>;
