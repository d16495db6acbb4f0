import { z } from 'zod';
import type { LiveSetting } from '#platform/settings/live-setting';

export const outboxUnpublishedMax: LiveSetting<number> = {
  key: 'outbox.unpublishedMax',
  schema: z.int().min(1).max(10_000_000),
  unit: 'events',
  description: 'While more events than this wait for Kafka, new orders are answered with 503.',
  default: 10_000,
  environment: { variable: 'ORDER_OUTBOX_UNPUBLISHED_MAX', read: (text) => Number(text ?? 10_000) },
};
