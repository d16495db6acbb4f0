import { z } from 'zod';

const byDefaultMs = 900_000;

/** An order's stock is held for so much longer than it waits: the wait ends first, so that it says why the order is given up. */
export const heldAfterWaitMs = 300_000;

/**
 * A live setting; `platform/settings` says what its fields mean. The order service gives orders up by it, and inventory
 * holds their stock for longer.
 */
export const paymentWaitMs = {
  key: 'orders.paymentWaitMs',
  schema: z.int().min(1000).max(86_400_000),
  unit: 'milliseconds',
  description:
    'How long a new order waits for its stock and its payment before it is cancelled. Its stock is held as long.',
  default: byDefaultMs,
  environment: {
    variable: 'ORDER_PAYMENT_WAIT_MS',
    read: (text: string | undefined) => Number(text ?? byDefaultMs),
  },
};
