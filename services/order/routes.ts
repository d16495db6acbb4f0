import { z } from 'zod';
import type { Clock } from '#platform/clock';
import { etagOf, notModified, sendWithEtag } from '#platform/http/etag';
import { idempotent } from '#platform/http/idempotency';
import { decodeCursor, listQuery, pageFrom, pageOf } from '#platform/http/pagination';
import { type InputError, problem, problems, unavailable } from '#platform/http/problem-details';
import type { HttpApp } from '#platform/http/server';
import { prose, uuid } from '#platform/http/text';
import { newId } from '#platform/ids';
import type { Database } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';
import type { Logger } from '#platform/service-host';
import { isStaff, visible } from './access.js';
import { mergeItems, orderStatuses, type ReturnRefusal } from './order.js';
import type { OrderMetrics } from './order-metrics.js';
import {
  acceptedSchema,
  itemsBody,
  orderSchema,
  orderTokenHeader,
  piecesOfProductMax,
  placeOrderBody,
  placeOrderHeaders,
  returnSchema,
  shown,
  shownEntry,
  timelineSchema,
} from './order-schemas.js';
import type { OrderStore } from './order-store.js';
import { listOrders } from './order-view.js';
import type { OrderViews } from './order-view-store.js';
import type { PlacedOrder, PlaceOrder } from './place-order.js';
import { type PricingRefusal, totalMinorMax } from './pricing.js';
import type { ProductReplica } from './product-replica.js';
import { timelineOf } from './timeline.js';

const tags = ['orders'];
const params = z.strictObject({ id: uuid });

export type OrderRouteDeps = {
  db: Database;
  orders: OrderStore;
  products: ProductReplica;
  views: OrderViews;
  placeOrder: PlaceOrder;
  metrics: OrderMetrics;
  clock: Clock;
  logger: Logger;
  productWaitMs: number;
  /** True while too many events wait for Kafka to accept new orders. */
  isBacklogged: () => boolean;
};

export const orderRoutes = (app: HttpApp, deps: OrderRouteDeps): void => {
  placeRoute(app, deps);
  listRoute(app, deps);
  orderRoute(app, deps);
  timelineRoute(app, deps);
  returnRoute(app, deps);
};

const placeRoute = (app: HttpApp, deps: OrderRouteDeps): void => {
  const { db, products, placeOrder, metrics } = deps;

  app.post(
    '/api/orders',
    {
      access: 'public',
      requires: ['idempotency-key'],
      schema: {
        tags,
        summary: 'Place an order. It is accepted but not confirmed yet: `statusUrl` shows its progress.',
        headers: placeOrderHeaders,
        body: placeOrderBody,
        response: { 202: acceptedSchema, ...problems(422) },
      },
    },
    async (request, reply) => {
      const { shippingAddress, payment, email = null } = request.body;
      const userId = request.principal.kind === 'user' ? request.principal.userId : null;
      if (userId === null && email === null)
        throw invalid('An order without a login needs an e-mail address.', [
          { path: '/email', message: 'is required without a login' },
        ]);
      const items = mergeItems(request.body.items);
      const tooMany = items.find(({ quantity }) => quantity > piecesOfProductMax);
      if (tooMany)
        throw invalid('Too many pieces of one product.', [
          { path: '/items', message: `${tooMany.productId}: ${piecesOfProductMax} pieces at most` },
        ]);
      const visitId = request.headers['x-visit-id'] ?? null;
      const asked = request.body.items;
      await products.awaitKnown(
        items.map(({ productId }) => productId),
        deps.productWaitMs,
      );

      const chosenToken = request.headers['x-order-token'];
      const place = async (tx: Tx) => {
        if (deps.isBacklogged())
          throw unavailable(
            'orders_backlogged',
            'The shop cannot accept orders at the moment. Try again.',
            5,
          );
        const placed = await placeOrder(tx, {
          items,
          asked,
          userId,
          visitId,
          email,
          chosenToken,
          payment,
          shippingAddress,
        });
        if ('refused' in placed) throw refusedPrice(placed);
        return acceptedOrder(placed);
      };
      try {
        return await idempotent(db, request, reply, place, {
          caller: userId ?? `guest ${email?.toLowerCase()}`,
          presented: chosenToken,
          isJoint: true,
        });
      } catch (error) {
        metrics.refused();
        throw error;
      }
    },
  );
};

const listRoute = (app: HttpApp, { db }: OrderRouteDeps): void => {
  app.get(
    '/api/orders',
    {
      access: 'user',
      schema: {
        tags,
        summary: 'Your orders, newest first; staff see everybody’s.',
        querystring: z.strictObject({
          ...listQuery,
          status: z.enum(orderStatuses).optional(),
          userId: uuid.optional().describe('For staff.'),
        }),
        response: { 200: pageOf(orderSchema), ...problems(403) },
      },
    },
    async ({ principal, query: { limit, cursor, status, userId } }) => {
      const beforeOrderId = decodeCursor(cursor, z.uuid());
      const ownId = principal.kind === 'user' && !isStaff(principal) ? principal.userId : undefined;
      if (ownId !== undefined && userId !== undefined && userId !== ownId)
        throw problem(403, 'forbidden', 'Your account may only list its own orders.');
      const rows = await listOrders(
        db,
        { userId: ownId ?? userId, status },
        { beforeOrderId, rowsMax: limit + 1 },
      );
      const { items, next } = pageFrom(rows, limit, ({ orderId }) => orderId);
      return { items: items.map(shown), next };
    },
  );
};

const orderRoute = (app: HttpApp, { views }: OrderRouteDeps): void => {
  app.get(
    '/api/orders/:id',
    {
      access: 'public',
      schema: {
        tags,
        summary: 'One order, for its buyer, the holder of its token, and staff.',
        params,
        headers: orderTokenHeader,
        response: { 200: orderSchema, ...notModified, ...problems(404) },
      },
    },
    async (request, reply) => {
      const order = visible(await views.find(request.params.id), request);
      return sendWithEtag(
        request,
        reply,
        etagOf(`${order.version}.${order.updatedAt.getTime()}`),
        shown(order),
      );
    },
  );
};

const timelineRoute = (app: HttpApp, { db, views }: OrderRouteDeps): void => {
  app.get(
    '/api/orders/:id/timeline',
    {
      access: 'public',
      schema: {
        tags,
        summary: 'Every event of the order’s saga, in the order in which they happened.',
        params,
        headers: orderTokenHeader,
        response: { 200: timelineSchema, ...problems(404) },
      },
    },
    async (request) => {
      const { orderId } = visible(await views.find(request.params.id), request);
      return { items: (await timelineOf(db, orderId)).map(shownEntry) };
    },
  );
};

const returnRoute = (app: HttpApp, { db, orders, views, clock, logger }: OrderRouteDeps): void => {
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
        summary: 'Send goods of a confirmed order back. The refund follows.',
        params,
        headers: orderTokenHeader,
        body: z.strictObject({ items: itemsBody, reason: prose(500) }),
        response: { 202: returnSchema, ...problems(404, 409, 422) },
      },
    },
    async (request, reply) => {
      const { id: orderId } = request.params;
      const { items, reason } = request.body;
      const caller = request.principal.kind === 'user' ? request.principal.userId : `order ${orderId}`;
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
          if (outcome !== null && 'refused' in outcome) throw refusedReturn(outcome);
          const returned = outcome?.events.find((event) => event.type === 'OrderReturned');
          if (!returned) throw problem(404, 'order_not_found', 'There is no such order.');
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

const invalid = (detail: string, errors: InputError[]) => problem(400, 'invalid_body', detail, { errors });

const acceptedOrder = ({ orderId, orderToken }: PlacedOrder) => ({
  status: 202,
  body: { id: orderId, status: 'pending', statusUrl: `/api/orders/${orderId}/status` },
  ...(orderToken === undefined ? {} : { secret: { field: 'orderToken', value: orderToken } }),
});

const refusedPrice = (refusal: PricingRefusal) => {
  switch (refusal.refused) {
    case 'product_not_available':
      return problem(422, refusal.refused, 'Some items of the order are not available for sale.', {
        errors: refusal.lines.map(({ index, why }) => ({
          path: `/items/${index}/productId`,
          message: why === 'unknown' ? 'is not a product' : 'is not for sale',
        })),
      });
    case 'currencies_mixed':
      return problem(422, refusal.refused, 'All items of an order must have the same currency.', {
        errors: [{ path: '/items', message: `prices are in ${refusal.currencies.join(' and ')}` }],
      });
    case 'order_too_large':
      return problem(422, refusal.refused, 'The total of the order exceeds the limit.', {
        errors: [
          { path: '/items', message: `cost more than ${totalMinorMax} ${refusal.currency} minor units` },
        ],
      });
    default:
      return refusal satisfies never;
  }
};

const refusedReturn = (refusal: ReturnRefusal) => {
  switch (refusal.refused) {
    case 'order_not_returnable':
      return problem(409, refusal.refused, `An order that is ${refusal.status} cannot be returned.`);
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
