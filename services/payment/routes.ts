import { z } from 'zod';
import { hasRole, type Principal } from '#platform/http/auth';
import { etagOf, notModified, sendWithEtag } from '#platform/http/etag';
import { decodeCursor, listQuery, pageFrom, pageOf } from '#platform/http/pagination';
import { problem, problems } from '#platform/http/problem-details';
import type { HttpApp } from '#platform/http/server';
import { instant, uuid } from '#platform/http/text';
import type { Database } from '#platform/postgres/pool';
import { type PaymentStatusShown, paymentStatuses } from '#schemas/payment-status';
import { staff } from '#schemas/roles';
import type { PaymentStatus } from './payment.js';
import type { PaymentStore, PaymentView } from './payment-store.js';

const tags = ['payments'];
const money = z.object({ amountMinor: z.int(), currency: z.string() });

const paymentSchema = z
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
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: 'Payment' });

export const paymentRoutes = (app: HttpApp, db: Database, payments: PaymentStore): void => {
  app.get(
    '/api/payments',
    {
      access: 'user',
      schema: {
        tags,
        summary: 'Your payments, newest first; staff see everybody’s.',
        querystring: z.strictObject({
          ...listQuery,
          orderId: uuid.optional(),
          userId: uuid.optional().describe('For staff.'),
          from: instant.optional().describe('Only payments created at this time or later.'),
          to: instant.optional().describe('Made before then.'),
        }),
        response: { 200: pageOf(paymentSchema), ...problems(403) },
      },
    },
    async ({ principal, query }) => {
      const { limit, cursor, orderId, userId, from, to } = query;
      const beforePaymentId = decodeCursor(cursor, z.uuid());
      const ownId = principal.kind === 'user' && !isStaff(principal) ? principal.userId : undefined;
      if (ownId !== undefined && userId !== undefined && userId !== ownId)
        throw problem(403, 'forbidden', 'Your account may only list its own payments.');
      const rows = await payments.list(
        db,
        { orderId, userId: ownId ?? userId, from: dateOf(from), to: dateOf(to) },
        { beforePaymentId, rowsMax: limit + 1 },
      );
      const { items, next } = pageFrom(rows, limit, ({ paymentId }) => paymentId);
      return { items: items.map(shown), next };
    },
  );

  app.get(
    '/api/payments/:id',
    {
      access: 'user',
      schema: {
        tags,
        summary: 'One payment, for its buyer and staff.',
        params: z.strictObject({ id: uuid }),
        response: { 200: paymentSchema, ...notModified, ...problems(404) },
      },
    },
    async (request, reply) => {
      const payment = await payments.find(db, { paymentId: request.params.id });
      if (!payment || !maySee(request.principal, payment))
        throw problem(404, 'payment_not_found', 'There is no such payment.');
      return sendWithEtag(request, reply, etagOf(String(payment.updatedAt.getTime())), shown(payment));
    },
  );
};

const isStaff = (principal: Principal): boolean => hasRole(principal, ...staff);

const maySee = (principal: Principal, { userId }: PaymentView): boolean =>
  isStaff(principal) || (principal.kind === 'user' && userId !== null && principal.userId === userId);

const dateOf = (text: string | undefined): Date | undefined =>
  text === undefined ? undefined : new Date(text);

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

const shown = (payment: PaymentView): z.output<typeof paymentSchema> => {
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
    createdAt: payment.createdAt.toISOString(),
    updatedAt: payment.updatedAt.toISOString(),
  };
};
