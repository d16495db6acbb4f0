import { envSchema, setting } from '#platform/config';
import { engineSettings } from '#platform/engine-settings';
import { serviceSettings } from '#platform/service';
import { paymentWaitMs } from '#schemas/payment-wait';
import { outboxUnpublishedMax } from './order-settings.js';

export const orderConfig = envSchema({
  ...serviceSettings('order', { databasePoolMax: 8 }),
  /** Where the events are that staff see on an order's timeline. */
  clickhouseUrl: engineSettings.clickhouseUrl,
  redisUrl: engineSettings.redisUrl,
  caches: engineSettings.caches,
  /** An order without an answer from inventory or payment for this long is cancelled. */
  paymentWaitMs: ['ORDER_PAYMENT_WAIT_MS', setting.integer(1000, 86_400_000).default(paymentWaitMs.default)],
  /** How long a new order waits for a product that has not reached this service yet. */
  productWaitMs: ['ORDER_PRODUCT_WAIT_MS', setting.integer(0, 10_000).default(2000)],
  sweepEveryMs: ['ORDER_SWEEP_EVERY_MS', setting.integer(50, 60_000).default(1000)],
  /** An order that waits for something and has had no event for this long counts as stuck. */
  stuckAfterMs: ['ORDER_STUCK_AFTER_MS', setting.integer(1000, 86_400_000).default(60_000)],
  /** While more events than this wait for Kafka, new orders are answered 503. */
  outboxUnpublishedMax: [
    'ORDER_OUTBOX_UNPUBLISHED_MAX',
    setting.integer(1, 10_000_000).default(outboxUnpublishedMax.default),
  ],
});

export type OrderConfig = Readonly<ReturnType<typeof orderConfig.parse>>;
