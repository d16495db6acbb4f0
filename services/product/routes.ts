import { z } from 'zod';
import { actorOf, hasRole, type Principal } from '#platform/http/auth';
import { assertVersion, etagOf, notModified, sendWithEtag, versionedEtag } from '#platform/http/etag';
import type { HttpApp } from '#platform/http/http-app';
import {
  badCursor,
  decodeCursor,
  decodeSortedCursor,
  listQuery,
  type PageRequest,
  pageFrom,
  pageOf,
} from '#platform/http/pagination';
import { problem, problems } from '#platform/http/problem-details';
import { isRange, mustNotBeBelow } from '#platform/http/range';
import { line, text, uuid, wholeNumber } from '#platform/http/text';
import { integerMax } from '#platform/postgres/integer';
import type { Database } from '#platform/postgres/pool';
import { inTransaction } from '#platform/postgres/transaction';
import type { Metrics } from '#platform/telemetry/metrics';
import { normaliseCategory } from '#schemas/category';
import { productSchema, shownProduct as shown } from '#schemas/product-view';
import { isPositionOf, positionOf, type Sort, sorts } from './product-list-store.js';
import { createProductMetrics } from './product-metrics.js';
import type { ProductReads } from './product-reads.js';
import { findProducts, historyOf, lockProducts, type ProductRow } from './product-row-store.js';
import {
  amountMinorMax,
  category,
  createBody,
  createCommand,
  descriptionIn,
  updateBody,
} from './product-schemas.js';
import type { ProductStore } from './product-store.js';

const idsMax = 100;
const idChars = 36;
const ids = text(idsMax * (idChars + 1))
  .toLowerCase()
  .transform((list) => list.split(',').filter((part) => part !== ''))
  .refine(
    (list) => list.length <= idsMax && list.every((part) => uuid.safeParse(part).success),
    `must be at most ${idsMax} ids, separated by commas`,
  );

const listFilters = z
  .strictObject({
    ...listQuery,
    category: category.optional(),
    brand: line(120).optional(),
    minPrice: wholeNumber(0, amountMinorMax).optional().describe('In minor units.'),
    maxPrice: wholeNumber(0, amountMinorMax).optional().describe('In minor units.'),
    groupId: uuid.optional().describe('The variants of one product.'),
    ids: ids
      .optional()
      .describe('Products by their ids, separated by commas; those not for sale are left out.'),
    sort: z.enum(sorts).default('newest'),
  })
  .refine(({ minPrice, maxPrice }) => isRange(minPrice, maxPrice), mustNotBeBelow('minPrice', 'maxPrice'));

const position = z.object({
  sort: z.enum(sorts),
  after: z.array(z.union([z.number(), z.uuid()])),
});
const section = ['products'];
const params = z.strictObject({ productId: uuid });
const productPage = pageOf(productSchema);

/** What the reads of products share. */
export type ProductRouteParts = { products: ProductStore; reads: ProductReads; metrics: Metrics };

const listRoute = {
  access: 'public',
  config: { anonymousWithoutKeys: true },
} as const;

const afterIn = (request: PageRequest, sort: Sort) => {
  const found = decodeSortedCursor(request, position, sort);
  if (found && !isPositionOf(found.after, sort)) throw badCursor();
  return found?.after;
};

const listRoutes = (app: HttpApp, products: ProductReads): void => {
  // Requests that share the rows share the text; `limit` and `sort` are part of what rows are shared by.
  const pages = new WeakMap<readonly ProductRow[], ShownPage>();
  const pageOfRows = (
    request: PageRequest,
    rows: readonly ProductRow[],
    sort: Sort,
    serialize: (body: unknown) => string,
  ): ShownPage => {
    const page = pages.get(rows) ?? shownPage(request, rows, sort, serialize);
    pages.set(rows, page);
    return page;
  };

  app.get(
    '/api/products',
    {
      ...listRoute,
      schema: {
        tags: section,
        summary: 'The products of the catalogue, page by page.',
        querystring: listFilters,
        response: { 200: productPage, ...notModified },
      },
    },
    async (request, reply) => {
      const { limit, sort, category, brand, minPrice, maxPrice, groupId, ids } = request.query;
      const rows = await products.list({
        category: category === undefined ? undefined : normaliseCategory(category),
        brand,
        minPriceMinor: minPrice,
        maxPriceMinor: maxPrice,
        groupId,
        ids,
        sort,
        after: afterIn(request, sort),
        rowsMax: limit + 1,
        withInactive: isStaff(request.principal),
      });
      const page = pageOfRows(request, rows, sort, (body) => String(reply.serialize(body)));
      reply.type('application/json; charset=utf-8');
      return sendWithEtag(request, reply, page.etag, page.body);
    },
  );

  app.get(
    '/api/products/featured',
    {
      ...listRoute,
      schema: {
        tags: section,
        summary: 'The products that the shop shows in front, newest first.',
        querystring: z.strictObject(listQuery),
        response: { 200: productPage, ...notModified },
      },
    },
    async (request, reply) => {
      const { limit } = request.query;
      const sort = 'newest';
      const after = afterIn(request, sort);
      const rows = await products.list({
        isFeatured: true,
        sort,
        after,
        rowsMax: limit + 1,
        withInactive: false,
      });
      const page = pageOfRows(request, rows, sort, (body) => String(reply.serialize(body)));
      reply.type('application/json; charset=utf-8');
      return sendWithEtag(request, reply, page.etag, page.body);
    },
  );
};

/** `body` is the answer's text. */
type ShownPage = { etag: string; body: string };

const shownPage = (
  request: PageRequest,
  rows: readonly ProductRow[],
  sort: Sort,
  serialize: (page: z.output<typeof productPage>) => string,
): ShownPage => {
  const { items, next } = pageFrom(request, rows, (row) => ({ sort, after: positionOf(row, sort) }));
  const versions = items.map(({ productId, version, available, ratingVersion }) => [
    productId,
    version,
    available,
    ratingVersion,
  ]);
  return { etag: etagOf([versions, next]), body: serialize({ items: items.map(shown), next }) };
};

/**
 * Of everything that the answer shows. A sale or a review changes it, but nothing that an update states, so an update is
 * based on the version of the description alone.
 */
const etagOfRow = ({ version, available, ratingVersion }: ProductRow): string =>
  versionedEtag(version, `${available}.${ratingVersion}`);

const notFound = () => problem(404, 'product_not_found', 'There is no such product.');

const productRoute = (app: HttpApp, products: ProductReads): void => {
  app.get(
    '/api/products/:productId',
    {
      access: 'public',
      config: { anonymousWithoutKeys: true },
      schema: {
        tags: section,
        summary: 'One product.',
        params,
        response: { 200: productSchema, ...notModified, ...problems(404) },
      },
    },
    async (request, reply) => {
      const row = await products.find(request.params.productId);
      if (!row || (!row.active && !isStaff(request.principal))) throw notFound();
      return sendWithEtag(request, reply, etagOfRow(row), shown(row));
    },
  );
};

const createRoute = (app: HttpApp, db: Database, { products, metrics }: ProductRouteParts): void => {
  const { created } = createProductMetrics(metrics);
  app.post(
    '/api/products',
    {
      access: ['admin'],
      schema: {
        tags: section,
        summary: 'Add a product to the catalogue, with its initial stock.',
        body: createBody,
        response: { 201: productSchema },
      },
    },
    async (request, reply) => {
      const by = actorOf(request.principal);
      const row = await inTransaction(db, (tx) => products.create(tx, createCommand(request.body), by));
      created.inc();
      return reply
        .code(201)
        .header('location', `/api/products/${row.productId}`)
        .header('etag', etagOfRow(row))
        .send(shown(row));
    },
  );
};

const changeRoutes = (app: HttpApp, db: Database, { products, metrics }: ProductRouteParts): void => {
  const { updated } = createProductMetrics(metrics);
  const route = {
    access: ['admin'],
    requires: ['if-match'],
    versionOf: async (request: { params: unknown }) => {
      const { data: asked } = params.safeParse(request.params);
      return asked && (await findProducts(db, [asked.productId])).get(asked.productId)?.version;
    },
  } as const;

  app.put(
    '/api/products/:productId',
    {
      ...route,
      schema: {
        tags: section,
        summary: 'Describe a product anew. What the body leaves out takes the value of a new product.',
        params,
        body: updateBody,
        response: { 200: productSchema, ...problems(404) },
      },
    },
    async (request, reply) => {
      const { id: _id, available: _a, rating: _r, createdAt: _c, updatedAt: _u, ...stated } = request.body;
      const { row, isChanged } = await inTransaction(db, async (tx) => {
        const { productId } = request.params;
        const locked = (await lockProducts(tx, [productId])).get(productId);
        if (locked === undefined) throw notFound();
        assertVersion(request, locked.version);
        return products.update(tx, locked, descriptionIn(stated), actorOf(request.principal));
      });
      if (isChanged) updated.inc();
      return reply.header('etag', etagOfRow(row)).send(shown(row));
    },
  );

  app.delete(
    '/api/products/:productId',
    {
      ...route,
      schema: {
        tags: section,
        summary: 'Remove a product for ever. Orders that contain it stay, and so does its history.',
        params,
        response: { 204: z.undefined().describe('Removed.'), ...problems(404) },
      },
    },
    async (request, reply) => {
      await inTransaction(db, async (tx) => {
        const { productId } = request.params;
        const locked = (await lockProducts(tx, [productId])).get(productId);
        if (locked === undefined) throw notFound();
        assertVersion(request, locked.version);
        await products.remove(tx, locked, actorOf(request.principal));
      });
      updated.inc();
      return reply.code(204).send();
    },
  );
};

const historyEntry = z
  .object({
    version: z.int(),
    kind: z.enum(['created', 'updated', 'deleted']),
    changes: z.array(z.object({ field: z.string(), from: z.unknown(), to: z.unknown() })),
    changedBy: z.uuid().nullable().describe('The account that made the change.'),
    occurredAt: z.iso.datetime(),
  })
  .meta({ id: 'ProductChange' });

const historyRoute = (app: HttpApp, db: Database): void => {
  app.get(
    '/api/products/:productId/history',
    {
      access: ['support', 'admin'],
      schema: {
        tags: section,
        summary: 'Every change of a product, newest first, also of one that was removed.',
        params,
        querystring: z.strictObject(listQuery),
        response: { 200: pageOf(historyEntry), ...problems(404) },
      },
    },
    async (request) => {
      const { limit } = request.query;
      const { productId } = request.params;
      const beforeVersion = decodeCursor(request, z.int().min(1).max(integerMax));
      const rows = await historyOf(db, { productId, beforeVersion, rowsMax: limit + 1 });
      if (rows.length === 0 && beforeVersion === undefined) throw notFound();
      const { items, next } = pageFrom(request, rows, ({ version }) => version);
      return {
        items: items.map(({ version, kind, changes, changedBy, occurredAtMs }) => ({
          version,
          kind,
          changes: changes.map(({ field, from, to }) => ({
            field,
            from: (from ?? null) as z.output<ReturnType<typeof z.json>>,
            to: (to ?? null) as z.output<ReturnType<typeof z.json>>,
          })),
          changedBy,
          occurredAt: new Date(occurredAtMs).toISOString(),
        })),
        next,
      };
    },
  );
};

export const productRoutes = (app: HttpApp, db: Database, parts: ProductRouteParts): void => {
  listRoutes(app, parts.reads);
  productRoute(app, parts.reads);
  createRoute(app, db, parts);
  changeRoutes(app, db, parts);
  historyRoute(app, db);
};

const isStaff = (principal: Principal): boolean => hasRole(principal, 'support', 'admin');
