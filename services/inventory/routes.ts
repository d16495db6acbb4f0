import { z } from 'zod';
import { etagOf, notModified, sendWithEtag } from '#platform/http/etag';
import type { HttpApp } from '#platform/http/http-app';
import { idempotentIfKeyed } from '#platform/http/idempotency';
import { ignored } from '#platform/http/json-value';
import { decodeCursor, listQuery, pageFrom, pageOf } from '#platform/http/pagination';
import { problem, problems } from '#platform/http/problem-details';
import { line, text, uuid } from '#platform/http/text';
import type { Database } from '#platform/postgres/pool';
import { inTransaction, type Tx } from '#platform/postgres/transaction';
import { staff } from '#schemas/roles';
import type { InventoryMetrics } from './inventory-metrics.js';
import { available, piecesMax } from './stock.js';
import type { StockRow, StockStore } from './stock-store.js';

const pieces = z.int().min(0).max(piecesMax);

const stockSchema = z
  .object({
    productId: z.uuid(),
    onHand: z.int().describe('Pieces in stock, including those reserved for orders.'),
    reserved: z.int().describe('Pieces reserved for orders that are not confirmed yet.'),
    available: z.int().describe('Pieces that can be sold: `onHand` minus `reserved`.'),
    lowStockThreshold: z.int(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: 'Stock' });

const movementSchema = z
  .object({
    kind: z.enum(['initial', 'adjusted', 'reserved', 'released', 'committed', 'returned']),
    onHandDelta: z.int(),
    reservedDelta: z.int(),
    onHand: z.int().describe('After the movement.'),
    reserved: z.int().describe('After the movement.'),
    orderId: z.uuid().nullable(),
    reason: z.string().nullable(),
    occurredAt: z.iso.datetime(),
  })
  .meta({ id: 'StockMovement' });

const params = z.strictObject({ productId: uuid });
const keptByServer = { productId: ignored, reserved: ignored, available: ignored, updatedAt: ignored };
const restockHeader = z.object({
  'idempotency-key': text(255)
    .min(1)
    .optional()
    .describe('A request that is repeated with the same key adds the pieces only once.'),
});
const tags = ['inventory'];

export type InventoryRouteDeps = {
  db: Database;
  stock: StockStore;
  counted: Pick<InventoryMetrics, 'other'>;
};

const listRoute = (app: HttpApp, { db, stock }: InventoryRouteDeps): void => {
  app.get(
    '/api/inventory',
    {
      access: 'public',
      config: { anonymousWithoutKeys: true },
      schema: {
        tags,
        summary: 'The stock of all products, sorted by product id.',
        querystring: z.strictObject(listQuery),
        response: { 200: pageOf(stockSchema) },
      },
    },
    async (request) => {
      const { limit } = request.query;
      const afterProductId = decodeCursor(request, z.uuid());
      const rows = await stock.list(db, { afterProductId, rowsMax: limit + 1 });
      const { items, next } = pageFrom(request, rows, ({ productId }) => productId);
      return { items: items.map(shown), next };
    },
  );
};

const alertsRoute = (app: HttpApp, { db, stock }: InventoryRouteDeps): void => {
  app.get(
    '/api/inventory/alerts',
    {
      access: [...staff],
      schema: {
        tags,
        summary:
          'The products that run low: available pieces at their threshold or below. Sorted by product id.',
        querystring: z.strictObject(listQuery),
        response: { 200: pageOf(stockSchema) },
      },
    },
    async (request) => {
      const { limit } = request.query;
      const afterProductId = decodeCursor(request, z.uuid());
      const rows = await stock.list(db, { afterProductId, rowsMax: limit + 1, isLow: true });
      const { items, next } = pageFrom(request, rows, ({ productId }) => productId);
      return { items: items.map(shown), next };
    },
  );
};

const stockRoute = (app: HttpApp, { db, stock }: InventoryRouteDeps): void => {
  app.get(
    '/api/inventory/:productId',
    {
      access: 'public',
      config: { anonymousWithoutKeys: true },
      schema: {
        tags,
        summary: 'The stock of one product.',
        params,
        response: { 200: stockSchema, ...notModified, ...problems(404) },
      },
    },
    async (request, reply) => {
      const row = await stock.find(db, request.params.productId);
      if (!row) throw unknownProduct();
      return sendWithEtag(request, reply, etagOf(row.stockVersion), shown(row));
    },
  );
};

const stateRoute = (app: HttpApp, deps: InventoryRouteDeps): void => {
  app.put(
    '/api/inventory/:productId',
    {
      access: ['admin'],
      schema: {
        tags,
        summary: 'Set the number of pieces on hand, after a count for example.',
        params,
        body: z.strictObject({
          onHand: pieces,
          lowStockThreshold: pieces.optional(),
          reason: line(200).optional(),
          ...keptByServer,
        }),
        response: { 200: stockSchema, ...problems(404, 409) },
      },
    },
    async (request, reply) => {
      const { onHand, lowStockThreshold, reason = 'correction' } = request.body;
      const change = { onHand: () => onHand, lowStockThreshold, reason };
      const row = await inTransaction(deps.db, (tx) =>
        adjust(deps, tx, 'adjust', request.params.productId, change),
      );
      return reply.header('etag', etagOf(row.stockVersion)).send(shown(row));
    },
  );
};

const restockRoute = (app: HttpApp, deps: InventoryRouteDeps): void => {
  const { db } = deps;
  app.post(
    '/api/inventory/:productId/restock',
    {
      access: ['admin'],
      schema: {
        tags,
        summary: 'Add delivered pieces to the stock.',
        params,
        headers: restockHeader,
        body: z.strictObject({ quantity: pieces.min(1) }),
        response: { 200: stockSchema, ...problems(404, 409, 422) },
      },
    },
    async (request, reply) => {
      const { quantity } = request.body;
      return idempotentIfKeyed(db, request, reply, async (tx) => {
        const row = await adjust(deps, tx, 'restock', request.params.productId, {
          onHand: ({ onHand }) => onHand + quantity,
          reason: 'restock',
        });
        return { status: 200, body: shown(row), headers: { etag: etagOf(row.stockVersion) } };
      });
    },
  );
};

const movementsRoute = (app: HttpApp, { db, stock }: InventoryRouteDeps): void => {
  app.get(
    '/api/inventory/:productId/movements',
    {
      access: ['support', 'admin'],
      schema: {
        tags,
        summary: 'Every change of a product’s stock, newest first.',
        params,
        querystring: z.strictObject(listQuery),
        response: { 200: pageOf(movementSchema), ...problems(404) },
      },
    },
    async (request) => {
      const { productId } = request.params;
      const { limit } = request.query;
      const beforeMovementId = decodeCursor(request, z.int());
      if (!(await stock.find(db, productId))) throw unknownProduct();
      const rows = await stock.movements(db, productId, { beforeMovementId, rowsMax: limit + 1 });
      const { items, next } = pageFrom(request, rows, ({ movementId }) => movementId);
      return {
        items: items.map(({ movementId: _, occurredAt, ...movement }) => ({
          ...movement,
          kind: movement.kind as z.output<typeof movementSchema>['kind'],
          occurredAt: occurredAt.toISOString(),
        })),
        next,
      };
    },
  );
};

export const inventoryRoutes = (app: HttpApp, deps: InventoryRouteDeps): void => {
  listRoute(app, deps);
  alertsRoute(app, deps);
  stockRoute(app, deps);
  stateRoute(app, deps);
  restockRoute(app, deps);
  movementsRoute(app, deps);
};

/** The stock after the change. Throws the problem that answers a refusal. */
const adjust = async (
  { stock, counted }: InventoryRouteDeps,
  tx: Tx,
  operation: 'adjust' | 'restock',
  productId: string,
  change: Parameters<StockStore['adjust']>[2],
) => {
  const outcome = await stock.adjust(tx, productId, change);
  if (!('refused' in outcome)) {
    tx.afterCommit(() => counted.other(operation, true));
    return outcome;
  }
  counted.other(operation, false);
  switch (outcome.refused) {
    case 'unknown_product':
      throw unknownProduct();
    case 'too_many_pieces':
      throw problem(409, outcome.refused, `A product has ${piecesMax} pieces at most.`);
    case 'below_reserved':
      throw problem(
        409,
        outcome.refused,
        `${outcome.reserved} pieces are reserved for orders, so fewer cannot be on hand.`,
      );
    default:
      return outcome satisfies never;
  }
};

const unknownProduct = () => problem(404, 'product_not_found', 'There is no stock record for this product.');

const shown = (row: StockRow): z.output<typeof stockSchema> => ({
  productId: row.productId,
  onHand: row.onHand,
  reserved: row.reserved,
  available: available(row),
  lowStockThreshold: row.lowStockThreshold,
  updatedAt: row.updatedAt.toISOString(),
});
