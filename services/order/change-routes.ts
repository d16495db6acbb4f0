import { z } from 'zod';
import type { Clock } from '#platform/clock';
import { callerIdOf } from '#platform/http/auth';
import type { HttpApp } from '#platform/http/http-app';
import { idempotent, idempotentIfKeyed } from '#platform/http/idempotency';
import { problem, problems } from '#platform/http/problem-details';
import { prose, uuid } from '#platform/http/text';
import { newId } from '#platform/ids';
import type { Database } from '#platform/postgres/pool';
import { inTransaction, type Tx } from '#platform/postgres/transaction';
import type { Logger } from '#platform/service-host';
import { staff } from '#schemas/roles';
import { unknownOrder, visible } from './access.js';
import { mergeItems, type Order, type OrderCommand, type OrderRefusal } from './order.js';
import type { OrderMetrics } from './order-metrics.js';
import {
  fulfilmentBody,
  itemsBody,
  orderSchema,
  orderTokenHeader,
  returnSchema,
  shown,
} from './order-schemas.js';
import type { OrderStore } from './order-store.js';
import { findOrders, type OrderView } from './order-view.js';
import type { OrderViews } from './order-view-store.js';

const tags = ['orders'];
const params = z.strictObject({ id: uuid });

export type ChangeRouteDeps = {
  db: Database;
  orders: OrderStore;
  views: OrderViews;
  metrics: OrderMetrics;
  clock: Clock;
  logger: Logger;
  /** How long a request to ship an order waits for the capture of its money. */
  captureWaitMs: number;
};

/** What a buyer or staff change about an order after it was placed. */
export const changeRoutes = (app: HttpApp, deps: ChangeRouteDeps): void => {
  cancelRoute(app, deps);
  returnRoute(app, deps);
  fulfilmentRoute(app, deps);
};

/**
 * The order as it is after the command, whose time is read in the transaction: an event must not be dated much before that
 * begins (ADR 32). Throws the problem that answers a refusal, also one of `check`.
 */
const change = async (
  tx: Tx,
  { orders, views, metrics, clock, logger }: ChangeRouteDeps,
  orderId: string,
  command: OrderCommand,
  check?: (tx: Tx, before: Order) => Promise<void>,
): Promise<OrderView> => {
  const outcome = await orders.update(tx, orderId, command);
  if (outcome === null) throw unknownOrder();
  if ('refused' in outcome) throw refusedChange(outcome);
  if (outcome.events.length > 0) {
    await check?.(tx, outcome.before);
    tx.afterCommit(() => {
      views.forget(orderId);
      metrics.observe(outcome, clock.nowMs());
      logger.info({ orderId, command: command.type }, `order ${outcome.after.status}`);
    });
  }
  const order = (await findOrders(tx, [orderId])).get(orderId);
  if (order === undefined) throw unknownOrder();
  return order;
};

const cancelRoute = (app: HttpApp, deps: ChangeRouteDeps): void => {
  app.post(
    '/api/orders/:id/cancel',
    {
      access: 'public',
      accepts: ['idempotency-key'],
      authorises: async (request) => {
        const asked = params.safeParse(request.params);
        if (asked.success) visible(await deps.views.find(asked.data.id), request);
      },
      schema: {
        tags,
        summary:
          'Cancel an order whose goods have not left yet. Its stock is released and its money voided or refunded.',
        description:
          'An order that is cancelled already stays as it is, so that a repeat cancels and refunds nothing more. With an ' +
          '`Idempotency-Key` a repeat receives the first answer, as it was then.',
        params,
        headers: orderTokenHeader,
        response: { 200: orderSchema, ...problems(404, 409) },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const caller = callerIdOf(request.principal) ?? `order ${id}`;
      const cancel = async (tx: Tx) => {
        const order = await change(tx, deps, id, { type: 'CancelAtRequest', nowMs: deps.clock.nowMs() });
        return { status: 200, body: shown(order) };
      };
      return idempotentIfKeyed(deps.db, request, reply, cancel, { caller });
    },
  );
};

const fulfilmentRoute = (app: HttpApp, deps: ChangeRouteDeps): void => {
  app.post(
    '/api/orders/:id/fulfilment',
    {
      access: [...staff],
      schema: {
        tags,
        summary: 'Record that the goods of an order were shipped or delivered.',
        description:
          'Goods leave only once their money is captured. While they are on their way, `shipped` with another carrier or number ' +
          'corrects it, and what it leaves out stays. `delivered` leaves both as they are.',
        params,
        body: fulfilmentBody,
        response: { 200: orderSchema, ...problems(404, 409) },
      },
    },
    async ({ params: { id }, body, principal }) => {
      const { status, carrier = null, trackingNumber = null } = body;
      const staffId = callerIdOf(principal);
      if (status === 'shipped') await capturedIn(deps.views, id, { waitMs: deps.captureWaitMs, staffId });
      const order = await inTransaction(deps.db, (tx) => {
        const nowMs = deps.clock.nowMs();
        if (status === 'delivered') return change(tx, deps, id, { type: 'DeliverOrder', nowMs });
        const shipment = { carrier, trackingNumber };
        // Once more in the transaction: the order may have been confirmed since.
        return change(tx, deps, id, { type: 'ShipOrder', shipment, nowMs }, onlyCaptured);
      });
      return shown(order);
    },
  );
};

const takenStatuses: readonly OrderView['paymentStatus'][] = ['captured', 'partially_refunded', 'refunded'];

const notCaptured = () =>
  problem(409, 'payment_not_captured', 'The money of this order has not been captured yet.', {
    headers: { 'retry-after': '1' },
  });

/** Throws 409 where goods would leave without their money. The order's row is locked. */
const onlyCaptured = async (tx: Tx, before: Order): Promise<void> => {
  if (before.status !== 'confirmed') return;
  const order = (await findOrders(tx, [before.orderId])).get(before.orderId);
  if (order === undefined || !takenStatuses.includes(order.paymentStatus)) throw notCaptured();
};

/** Throws 409 if a confirmed order's money is not taken within `waitMs`: money that was taken stays taken. */
const capturedIn = async (
  views: OrderViews,
  orderId: string,
  { waitMs, staffId }: { waitMs: number; staffId: string | undefined },
): Promise<void> => {
  const deadlineMs = performance.now() + waitMs;
  for (;;) {
    // The wait begins before the order is read, because it may change in between.
    const waiting = new AbortController();
    const leftMs = Math.max(0, deadlineMs - performance.now());
    const changed = views.changed(orderId, leftMs, waiting.signal, staffId);
    try {
      const order = await views.find(orderId);
      if (order?.status !== 'confirmed' || takenStatuses.includes(order.paymentStatus)) return;
      if (!(await changed) || performance.now() >= deadlineMs) throw notCaptured();
    } finally {
      waiting.abort();
    }
  }
};

const returnRoute = (app: HttpApp, { db, orders, views, clock, logger }: ChangeRouteDeps): void => {
  app.post(
    '/api/orders/:id/returns',
    {
      access: 'public',
      requires: ['idempotency-key'],
      authorises: async (request) => {
        const asked = params.safeParse(request.params);
        if (asked.success) visible(await views.find(asked.data.id), request);
      },
      schema: {
        tags,
        summary: 'Send goods of an order back. The refund follows.',
        params,
        headers: orderTokenHeader,
        body: z.strictObject({ items: itemsBody, reason: prose(500) }),
        response: { 202: returnSchema, ...problems(404, 409, 422) },
      },
    },
    async (request, reply) => {
      const { id: orderId } = request.params;
      const { items, reason } = request.body;
      const caller = callerIdOf(request.principal) ?? `order ${orderId}`;
      return idempotent(
        db,
        request,
        reply,
        async (tx) => {
          const returnId = newId(clock);
          const outcome = await orders.update(tx, orderId, {
            type: 'ReturnItems',
            returnId,
            items: mergeItems(items),
            reason,
            nowMs: clock.nowMs(),
          });
          if (outcome !== null && 'refused' in outcome) throw refusedChange(outcome);
          const returned = outcome?.events.find((event) => event.type === 'OrderReturned');
          if (!returned) throw unknownOrder();
          tx.afterCommit(() => {
            views.forget(orderId);
            logger.info({ orderId, returnId }, 'order returned');
          });
          const { lines, refundMinor, currency, isFull } = returned.data;
          return {
            status: 202,
            body: {
              id: returnId,
              orderId,
              items: lines.map(({ productId, quantity }) => ({ productId, quantity })),
              refund: { amountMinor: refundMinor, currency },
              isFull,
            },
          };
        },
        { caller },
      );
    },
  );
};

const refusedChange = (refusal: OrderRefusal) => {
  switch (refusal.refused) {
    case 'order_not_returnable':
      return problem(409, refusal.refused, `An order that is ${refusal.status} cannot be returned.`);
    case 'order_not_cancellable':
      return problem(409, refusal.refused, `An order that is ${refusal.status} cannot be cancelled.`);
    case 'order_not_shippable':
      return problem(409, refusal.refused, `An order that is ${refusal.status} cannot be shipped.`);
    case 'order_not_deliverable':
      return problem(409, refusal.refused, `An order that is ${refusal.status} cannot be delivered.`);
    case 'not_in_order':
      return problem(422, refusal.refused, `Product ${refusal.productId} is not in this order.`);
    case 'return_exceeds_purchase':
      return problem(
        422,
        refusal.refused,
        `Only ${refusal.returnable} pieces of product ${refusal.productId} can still be returned.`,
      );
    default:
      return refusal satisfies never;
  }
};
