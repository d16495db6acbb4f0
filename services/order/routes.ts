import { z } from 'zod';
import { callerIdOf, userIdOf } from '#platform/http/auth';
import { etagOf, notModified, sendWithEtag } from '#platform/http/etag';
import type { HttpApp } from '#platform/http/http-app';
import { idempotent } from '#platform/http/idempotency';
import { decodeCursor, listQuery, pageFrom, pageOf } from '#platform/http/pagination';
import { type InputError, problem, problems, unavailable } from '#platform/http/problem-details';
import { emailAddress, matching, uuid } from '#platform/http/text';
import type { Database } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';
import { cartClaimIn, cartIdHeader } from '#schemas/cart-id';
import { piecesOfProductMax, totalMinorMax } from '#schemas/order-bounds';
import { isStaff, visible } from './access.js';
import type { EventPlaces } from './event-place-reads.js';
import { mergeItems, orderStatuses } from './order.js';
import type { OrderMetrics } from './order-metrics.js';
import {
  acceptedSchema,
  orderSchema,
  orderTokenHeader,
  placeOrderBody,
  placeOrderHeaders,
  shown,
  shownEntry,
  shownToStaff,
  timelineSchema,
} from './order-schemas.js';
import { listOrders } from './order-view.js';
import type { OrderViews } from './order-view-store.js';
import type { PlacedOrder, PlaceOrder } from './place-order.js';
import type { PricingRefusal } from './pricing.js';
import type { ProductReplica } from './product-replica.js';
import { timelineOf } from './timeline.js';

const tags = ['orders'];
const params = z.strictObject({ id: uuid });

export type OrderRouteDeps = {
  db: Database;
  products: ProductReplica;
  views: OrderViews;
  places: EventPlaces;
  placeOrder: PlaceOrder;
  metrics: OrderMetrics;
  productWaitMs: number;
  /** True while too many events wait for Kafka to accept new orders. */
  isBacklogged: () => boolean;
};

export const orderRoutes = (app: HttpApp, deps: OrderRouteDeps): void => {
  placeRoute(app, deps);
  listRoute(app, deps);
  orderRoute(app, deps);
  timelineRoute(app, deps);
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
        description:
          'An `Idempotency-Key` is one of the account or the API key that orders, and a guest’s is one of the e-mail ' +
          'address in the body. An API key orders for a guest.',
        headers: placeOrderHeaders,
        body: placeOrderBody,
        response: { 202: acceptedSchema, ...problems(422) },
      },
    },
    async (request, reply) => {
      const { shippingAddress, payment, email = null } = request.body;
      const userId = userIdOf(request.principal) ?? null;
      if (userId === null && email === null)
        throw invalid('An order without a login needs an e-mail address.', [
          { path: '/email', message: 'is required without a login' },
        ]);
      const items = mergedItems(request.body.items);
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
          cart: cartClaimIn(request.headers[cartIdHeader]),
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
          caller: callerIdOf(request.principal) ?? `guest ${email?.toLowerCase()}`,
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
      access: 'authenticated',
      schema: {
        tags,
        summary: 'Your orders, newest first; staff see everybody’s.',
        querystring: z.strictObject({
          ...listQuery,
          status: z.enum(orderStatuses).optional(),
          userId: uuid.optional().describe('For staff.'),
          email: emailAddress
            .optional()
            .describe('For staff: the address that an order was placed with, which guests’ orders have.'),
          shortId: matching(8, /^[\da-f]{8}$/i, 'must be the last eight characters of an id')
            .optional()
            .describe('The last eight characters of an order’s id, by which pages call it.'),
        }),
        response: { 200: pageOf(orderSchema), ...problems(403) },
      },
    },
    async (request) => {
      const { principal, query } = request;
      const { limit, status, userId, email, shortId } = query;
      const beforeOrderId = decodeCursor(request, z.uuid());
      const ownId = isStaff(principal) ? undefined : userIdOf(principal);
      const isOfOthers = (userId !== undefined && userId !== ownId) || email !== undefined;
      if (ownId !== undefined && isOfOthers)
        throw problem(403, 'forbidden', 'Your account may only list its own orders.');
      const rows = await listOrders(
        db,
        { userId: ownId ?? userId, status, email, shortId },
        { beforeOrderId, rowsMax: limit + 1 },
      );
      const { items, next } = pageFrom(request, rows, ({ orderId }) => orderId);
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
      const body = shown(order);
      // A hash, because an erasure changes what is shown and leaves the version as it was.
      return sendWithEtag(request, reply, etagOf(body), body);
    },
  );
};

const timelineRoute = (app: HttpApp, { db, views, places }: OrderRouteDeps): void => {
  app.get(
    '/api/orders/:id/timeline',
    {
      access: 'public',
      schema: {
        tags,
        summary:
          'Every event of the order’s saga, in the order in which they happened. Staff see where each is on the log.',
        params,
        headers: orderTokenHeader,
        response: { 200: timelineSchema, ...problems(404) },
      },
    },
    async (request) => {
      const { orderId } = visible(await views.find(request.params.id), request);
      const entries = await timelineOf(db, orderId);
      if (!isStaff(request.principal)) return { items: entries.map(shownEntry) };
      const found = await places(orderId, entries[0]?.occurredAt.getTime() ?? 0);
      return { items: entries.map((entry) => shownToStaff(entry, found.get(entry.eventId))) };
    },
  );
};

/** Each product once; the bound is on the pieces of all its items together. */
const mergedItems = (asked: Parameters<typeof mergeItems>[0]): ReturnType<typeof mergeItems> => {
  const items = mergeItems(asked);
  const tooMany = items.find(({ quantity }) => quantity > piecesOfProductMax);
  if (tooMany)
    throw invalid('Too many pieces of one product.', [
      { path: '/items', message: `${tooMany.productId}: ${piecesOfProductMax} pieces at most` },
    ]);
  return items;
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
