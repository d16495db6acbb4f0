import { z } from 'zod';
import type { LiveSetting } from '#platform/settings/live-setting';

const dayMs = 86_400_000;

const milliseconds = (key: string, variable: string, min: number, byDefault: number, description: string) =>
  ({
    key,
    schema: z.int().min(min).max(dayMs),
    unit: 'milliseconds',
    description,
    default: byDefault,
    environment: { variable, read: (text) => Number(text ?? byDefault) },
  }) as const satisfies LiveSetting<number>;

export const paymentWaitMs: LiveSetting<number> = milliseconds(
  'orders.paymentWaitMs',
  'ORDER_PAYMENT_WAIT_MS',
  1000,
  900_000,
  'How long a new order waits for its stock and its payment before it is cancelled.',
);

export const outboxUnpublishedMax: LiveSetting<number> = {
  key: 'outbox.unpublishedMax',
  schema: z.int().min(1).max(10_000_000),
  unit: 'events',
  description: 'While more events than this wait for Kafka, new orders are answered with 503.',
  default: 10_000,
  environment: { variable: 'ORDER_OUTBOX_UNPUBLISHED_MAX', read: (text) => Number(text ?? 10_000) },
};
