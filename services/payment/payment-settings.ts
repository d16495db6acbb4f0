import { z } from 'zod';
import type { LiveSetting } from '#platform/settings/live-setting';

export const paymentRetryMs: LiveSetting<number> = {
  key: 'orders.paymentRetryMs',
  schema: z.int().min(0).max(86_400_000),
  unit: 'milliseconds',
  description:
    'How long after a declined payment the buyer may try again, while the stock is held. With 0 the order is cancelled at once.',
  default: 0,
  environment: { variable: 'ORDER_PAYMENT_RETRY_MS', read: (text) => Number(text ?? 0) },
};
