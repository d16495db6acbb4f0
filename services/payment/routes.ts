import { z } from 'zod';
import { assert } from '#platform/assert';
import type { Clock } from '#platform/clock';
import { actorOf, hasRole, type Principal, userIdOf } from '#platform/http/auth';
import { etagOf, notModified, sendWithEtag } from '#platform/http/etag';
import type { HttpApp } from '#platform/http/http-app';
import { idempotent } from '#platform/http/idempotency';
import { decodeCursor, listQuery, pageFrom, pageOf } from '#platform/http/pagination';
import { problem, problems } from '#platform/http/problem-details';
import { instant, uuid } from '#platform/http/text';
import { newId } from '#platform/ids';
import type { Database } from '#platform/postgres/pool';
import type { Logger } from '#platform/service-host';
import { staff } from '#schemas/roles';
import type { PaymentRefusal } from './payment.js';
import {
  anotherTryBody,
  historySchema,
  paidOtherwiseBody,
  paymentSchema,
  refundBody,
  refundSchema,
  shown,
} from './payment-schemas.js';
import type { PaymentStore, PaymentView } from './payment-store.js';
import { callsOf } from './provider-calls.js';

type HistoryItem = z.output<typeof historySchema>['items'][number];

const tags = ['payments'];
const params = z.strictObject({ id: uuid });

export type PaymentRouteDeps = {
  db: Database;
  payments: PaymentStore;
  /** The provider of a payment that begins now. */
  providerNameOf: (method: string) => string;
  clock: Clock;
  logger: Logger;
};

export const paymentRoutes = (app: HttpApp, deps: PaymentRouteDeps): void => {
  listRoute(app, deps);
  paymentRoute(app, deps);
  historyRoute(app, deps);
  anotherTryRoute(app, deps);
  refundRoute(app, deps);
  paidOtherwiseRoute(app, deps);
};

const listRoute = (app: HttpApp, { db, payments }: PaymentRouteDeps): void => {
  app.get(
    '/api/payments',
    {
      access: 'authenticated',
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
    async (request) => {
      const { principal, query } = request;
      const { limit, orderId, userId, from, to } = query;
      if (from !== undefined && to !== undefined && Date.parse(from) >= Date.parse(to)) throw emptyPeriod();
      const beforePaymentId = decodeCursor(request, z.uuid());
      const ownId = isStaff(principal) ? undefined : userIdOf(principal);
      if (ownId !== undefined && userId !== undefined && userId !== ownId)
        throw problem(403, 'forbidden', 'Your account may only list its own payments.');
      const rows = await payments.list(
        db,
        { orderId, userId: ownId ?? userId, from: dateOf(from), to: dateOf(to) },
        { beforePaymentId, rowsMax: limit + 1 },
      );
      const { items, next } = pageFrom(request, rows, ({ paymentId }) => paymentId);
      return { items: items.map(shown), next };
    },
  );
};

const paymentRoute = (app: HttpApp, { db, payments }: PaymentRouteDeps): void => {
  app.get(
    '/api/payments/:id',
    {
      access: 'authenticated',
      schema: {
        tags,
        summary: 'One payment, for its buyer and staff.',
        params,
        response: { 200: paymentSchema, ...notModified, ...problems(404) },
      },
    },
    async (request, reply) => {
      const payment = visible(await payments.find(db, { paymentId: request.params.id }), request.principal);
      const body = shown(payment);
      // A hash, because two changes may fall into one millisecond of `updatedAt`.
      return sendWithEtag(request, reply, etagOf(body), body);
    },
  );
};

const historyRoute = (app: HttpApp, { db, payments }: PaymentRouteDeps): void => {
  app.get(
    '/api/payments/:id/history',
    {
      access: 'authenticated',
      schema: {
        tags,
        summary: 'Everything that the provider was asked about a payment, and what it has answered.',
        params,
        response: { 200: historySchema, ...problems(404) },
      },
    },
    async ({ params: { id }, principal }) => {
      const payment = visible(await payments.find(db, { paymentId: id }), principal);
      const { orderId, tries, refunds, currency } = payment;
      const [calls, requests, paidOtherwise] = await Promise.all([
        callsOf(db, { orderId, tries, refunds }),
        payments.refundRequests(db, id),
        payments.paidOtherwise(db, id),
      ]);
      const isForStaff = isStaff(principal);
      const reasons = new Map(isForStaff ? requests.map(({ refundId, reason }) => [refundId, reason]) : []);
      const asked = calls.map(
        ({ kind, amountMinor, refundId, attempts, answer, lastError, ...times }): HistoryItem => ({
          kind,
          amount: { amountMinor, currency: currency ?? '' },
          ...(refundId === null ? {} : { refundId }),
          ...(reasons.has(refundId ?? '') ? { reason: reasons.get(refundId ?? '') } : {}),
          attempts,
          answer,
          ...(lastError !== null && isForStaff ? { lastError } : {}),
          askedAt: times.askedAt.toISOString(),
          answeredAt: times.answeredAt?.toISOString() ?? null,
        }),
      );
      const otherwise = paidOtherwise.map(
        ({ amountMinor, refundId, reason, notedAt }): HistoryItem => ({
          kind: 'paid_otherwise',
          amount: { amountMinor, currency: currency ?? '' },
          refundId,
          ...(isForStaff ? { reason } : {}),
          attempts: 0,
          answer: 'refunded',
          askedAt: notedAt.toISOString(),
          answeredAt: notedAt.toISOString(),
        }),
      );
      return { items: [...asked, ...otherwise] };
    },
  );
};

const anotherTryRoute = (
  app: HttpApp,
  { db, payments, providerNameOf, clock, logger }: PaymentRouteDeps,
): void => {
  app.post(
    '/api/payments',
    {
      access: 'authenticated',
      requires: ['idempotency-key'],
      schema: {
        tags,
        summary: 'Try again to pay for an order whose payment was declined.',
        description:
          'Possible until `retryUntil` of the payment, which depends on the setting `orders.paymentRetryMs`.',
        body: anotherTryBody,
        response: { 202: paymentSchema, ...problems(404, 409, 422) },
      },
    },
    async (request, reply) => {
      const { orderId, method, token } = request.body;
      return idempotent(db, request, reply, async (tx) => {
        const asked = await payments.find(tx, { orderId });
        if (!asked || !maySee(request.principal, asked))
          throw problem(
            404,
            'order_not_found',
            'There is no such order, or nothing is known of its payment yet.',
          );
        const decision = await payments.update(tx, orderId, {
          type: 'RetryPayment',
          method,
          provider: providerNameOf(method),
          token,
          nowMs: clock.nowMs(),
        });
        if ('refused' in decision) throw refused(decision);
        tx.afterCommit(() => logger.info({ orderId, method }, 'payment tried again'));
        const payment = await payments.find(tx, { orderId });
        return { status: 202, body: shown(payment ?? asked) };
      });
    },
  );
};

const refundRoute = (app: HttpApp, { db, payments, clock, logger }: PaymentRouteDeps): void => {
  app.post(
    '/api/payments/:id/refunds',
    {
      access: [...staff],
      requires: ['idempotency-key'],
      schema: {
        tags,
        summary: 'Give a part of a captured payment back, or all of it. The goods stay with the buyer.',
        params,
        body: refundBody,
        response: { 202: refundSchema, ...problems(404, 409, 422) },
      },
    },
    async (request, reply) => {
      const { id: paymentId } = request.params;
      const { amountMinor, reason } = request.body;
      return idempotent(db, request, reply, async (tx) => {
        const payment = await payments.find(tx, { paymentId });
        if (!payment) throw unknownPayment();
        const { orderId, currency } = payment;
        const refundId = newId(clock);
        const nowMs = clock.nowMs();
        const decision = await payments.update(tx, orderId, {
          type: 'RefundPayment',
          refundId,
          amountMinor,
          nowMs,
        });
        if ('refused' in decision) throw refused(decision);
        if (decision.length === 0) throw refused({ refused: 'not_captured', status: payment.status });
        const requestedBy = actorOf(request.principal);
        const createdAt = new Date(nowMs);
        await payments.noteRefundRequest(tx, {
          refundId,
          paymentId,
          amountMinor,
          reason,
          requestedBy,
          createdAt,
        });
        tx.afterCommit(() => logger.info({ orderId, refundId, requestedBy }, 'refund asked for by staff'));
        const amount = { amountMinor, currency: currency ?? '' };
        return { status: 202, body: { id: refundId, paymentId, orderId, amount, reason, status: 'pending' } };
      });
    },
  );
};

const paidOtherwiseRoute = (app: HttpApp, { db, payments, clock, logger }: PaymentRouteDeps): void => {
  app.post(
    '/api/payments/:id/refunds/:refundId/paid-otherwise',
    {
      access: [...staff],
      requires: ['idempotency-key'],
      schema: {
        tags,
        summary: 'Say that you have paid a failed refund by other means.',
        description:
          'It counts as refunded, and the provider is not asked for it any more. This cannot be undone.',
        params: z.strictObject({ id: uuid, refundId: uuid }),
        body: paidOtherwiseBody,
        response: { 200: paymentSchema, ...problems(404, 409, 422) },
      },
    },
    async (request, reply) => {
      const { id: paymentId, refundId } = request.params;
      const { reason } = request.body;
      return idempotent(db, request, reply, async (tx) => {
        const payment = await payments.find(tx, { paymentId });
        if (!payment) throw unknownPayment();
        const { orderId, refunds } = payment;
        if (!refunds.some((refund) => refund.refundId === refundId))
          throw problem(404, 'refund_not_found', 'This payment has no such refund.');
        const nowMs = clock.nowMs();
        const decision = await payments.update(tx, orderId, { type: 'NotePaidOtherwise', refundId, nowMs });
        if ('refused' in decision) throw refused(decision);
        const [paid] = decision;
        assert(paid?.type === 'PaymentRefunded', 'it is refunded now');
        const { amountMinor } = paid.data;
        const notedBy = actorOf(request.principal);
        const notedAt = new Date(nowMs);
        await payments.notePaidOtherwise(tx, { refundId, paymentId, amountMinor, reason, notedBy, notedAt });
        tx.afterCommit(() => logger.info({ orderId, refundId, notedBy }, 'refund paid by other means'));
        return { status: 200, body: shown((await payments.find(tx, { paymentId })) ?? payment) };
      });
    },
  );
};

const refused = (refusal: PaymentRefusal) => {
  switch (refusal.refused) {
    case 'not_retryable':
      return problem(409, 'payment_not_retryable', 'The payment of this order cannot be tried again now.');
    case 'not_authorized':
    case 'not_captured':
      return problem(409, 'payment_not_captured', `A payment that is ${refusal.status} cannot be refunded.`);
    case 'refund_not_failed':
      return problem(409, refusal.refused, 'The provider has not refused this refund, or it is paid.');
    case 'refund_exceeds_capture':
      return problem(
        422,
        refusal.refused,
        `Only ${refusal.refundableMinor} minor units of this payment can still be refunded.`,
      );
    default:
      return refusal satisfies never;
  }
};

const unknownPayment = () => problem(404, 'payment_not_found', 'There is no such payment.');

const visible = (payment: PaymentView | undefined, principal: Principal): PaymentView => {
  if (!payment || !maySee(principal, payment)) throw unknownPayment();
  return payment;
};

const emptyPeriod = () =>
  problem(400, 'invalid_period', 'The period is not valid.', {
    errors: [{ path: '/from', message: 'must be before `to`' }],
  });

const isStaff = (principal: Principal): boolean => hasRole(principal, ...staff);

const maySee = (principal: Principal, { userId }: PaymentView): boolean =>
  isStaff(principal) || (userId !== null && userIdOf(principal) === userId);

const dateOf = (text: string | undefined): Date | undefined =>
  text === undefined ? undefined : new Date(text);
