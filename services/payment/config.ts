import { envSchema, setting } from '#platform/config';
import { serviceSettings } from '#platform/service';

export const paymentConfig = envSchema({
  ...serviceSettings('payment', { databasePoolMax: 8 }),
  /** How long after a declined payment the buyer may try again; see `orders.paymentRetryMs`. */
  paymentRetryMs: ['ORDER_PAYMENT_RETRY_MS', setting.integer(0, 86_400_000).default(0)],
  /** A call without an answer by then has an unknown outcome. */
  providerTimeoutMs: ['PAYMENT_PROVIDER_TIMEOUT_MS', setting.integer(100, 60_000).default(5000)],
  providerCallsConcurrentMax: ['PAYMENT_PROVIDER_CALLS_CONCURRENT_MAX', setting.integer(1, 256).default(128)],
});

export type PaymentConfig = Readonly<ReturnType<typeof paymentConfig.parse>>;
