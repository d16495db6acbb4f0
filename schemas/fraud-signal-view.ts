import { z } from 'zod';

export const fraudSignalKinds = ['velocity', 'amount', 'mismatch', 'declines'] as const;

/** A signal of fraud as analytics answers it. */
export const fraudSignalSchema = z.object({
  signalId: z.string(),
  kind: z
    .enum(fraudSignalKinds)
    .describe(
      '`velocity`: many orders; `amount`: an unusual amount; `mismatch`: different countries; `declines`: declined payments.',
    ),
  buyer: z.string().describe('The account, or for a guest the visit or the order.'),
  userId: z.string().nullable(),
  orderId: z.string().describe('The order that gave rise to the signal.'),
  count: z.int().describe('Orders, countries or declined payments of the buyer.'),
  amountMinor: z.int().describe('The amount of the order, in minor units.'),
  currency: z.string().nullable(),
  detail: z.string().describe('The countries of a mismatch.'),
  occurredAt: z.iso.datetime(),
});
