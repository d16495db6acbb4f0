import { z } from 'zod';
import { matching, uuid, visibleProse } from '#platform/http/text';
import { paymentMethods } from '#schemas/payment-methods';
import { type PaymentStatusShown, paymentStatuses } from '#schemas/payment-status';
import type { PaymentStatus, Refund } from './payment.js';
import type { PaymentView } from './payment-store.js';

const refundStatuses = ['pending', 'refunded', 'failed'] as const;

const money = z.object({ amountMinor: z.int(), currency: z.string() });

export const paymentSchema = z
  .object({
    id: z.uuid(),
    orderId: z.uuid(),
    status: z
      .enum(paymentStatuses)
      .describe(
        '`cancelled` when the order ended before an authorisation, `failed` when authorised money could not be captured.',
      ),
    reason: z.string().optional(),
    method: z.string().nullable(),
    amount: money
      .nullable()
      .describe('Null until the payment service has received the order’s payment instruction.'),
    refunded: money.nullable(),
    refunds: z
      .array(z.object({ id: z.uuid(), amount: money, status: z.enum(refundStatuses) }))
      .describe('Each by itself: of returns, of a cancelled sale, and of staff.'),
    retryUntil: z.iso
      .datetime()
      .optional()
      .describe('After a declined payment: until when the buyer may try again.'),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: 'Payment' });

export const anotherTryBody = z.strictObject({
  orderId: uuid,
  method: z.enum(paymentMethods),
  token: matching(200, /^[\x21-\x7e]{1,200}$/).describe('From the payment provider; a new one.'),
});

export const refundBody = z.strictObject({
  amountMinor: z.int().min(1),
  reason: visibleProse(500),
});

export const paidOtherwiseBody = z.strictObject({
  reason: visibleProse(500).describe('How it was paid, and why so. For staff.'),
});

export const refundSchema = z
  .object({
    id: z.uuid(),
    paymentId: z.uuid(),
    orderId: z.uuid(),
    amount: money,
    reason: z.string(),
    status: z.literal('pending').describe('The provider is asked next: see `refunds` of the payment.'),
  })
  .meta({ id: 'Refund' });

export const historySchema = z
  .object({
    items: z.array(
      z.object({
        kind: z
          .enum(['authorize', 'capture', 'renew', 'void', 'refund', 'paid_otherwise'])
          .describe('`paid_otherwise` for a refund that staff have paid without the provider.'),
        amount: money,
        refundId: z.uuid().optional(),
        reason: z
          .string()
          .optional()
          .describe('For staff: why they have asked for the refund, or paid it otherwise.'),
        attempts: z.int().describe('How often the provider was asked.'),
        answer: z
          .string()
          .nullable()
          .describe('What the provider has answered, with its reason if it refused; null while it has not.'),
        lastError: z.string().optional().describe('For staff: why an attempt had no answer.'),
        askedAt: z.iso.datetime(),
        answeredAt: z.iso.datetime().nullable(),
      }),
    ),
  })
  .meta({ id: 'PaymentHistory' });

const refundStatusOf: Record<Refund['state'], (typeof refundStatuses)[number]> = {
  waiting: 'pending',
  due: 'pending',
  done: 'refunded',
  failed: 'failed',
};

/** Callers see only these statuses; the steps in between are internal. */
const statusShown: Record<PaymentStatus, PaymentStatusShown> = {
  awaiting_instruction: 'pending',
  awaiting_stock: 'pending',
  authorizing: 'pending',
  authorized: 'authorized',
  capturing: 'authorized',
  renewing: 'authorized',
  failed: 'failed',
  captured: 'captured',
  declined: 'declined',
  voiding: 'authorized',
  voided: 'voided',
  aborted: 'cancelled',
};

export const shown = (payment: PaymentView): z.output<typeof paymentSchema> => {
  const { amountMinor, currency, refundedMinor, reason } = payment;
  const isKnown = amountMinor !== null && currency !== null;
  const status =
    refundedMinor === 0
      ? statusShown[payment.status]
      : refundedMinor === amountMinor
        ? 'refunded'
        : 'partially_refunded';
  return {
    id: payment.paymentId,
    orderId: payment.orderId,
    status,
    ...(reason === null ? {} : { reason }),
    method: payment.method,
    amount: isKnown ? { amountMinor, currency } : null,
    refunded: isKnown ? { amountMinor: refundedMinor, currency } : null,
    refunds: payment.refunds.map(({ refundId, amountMinor: minor, state }) => ({
      id: refundId,
      amount: { amountMinor: minor, currency: currency ?? '' },
      status: refundStatusOf[state],
    })),
    ...(payment.retryUntil === null ? {} : { retryUntil: payment.retryUntil.toISOString() }),
    createdAt: payment.createdAt.toISOString(),
    updatedAt: payment.updatedAt.toISOString(),
  };
};
