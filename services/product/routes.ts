import { z } from 'zod';
import { hasRole, type Principal } from '#platform/http/auth';
import { etagOf, notModified, sendWithEtag } from '#platform/http/etag';
import { decodeCursor, listQuery, pageFrom, pageOf } from '#platform/http/pagination';
import { problem, problems } from '#platform/http/problem-details';
import type { HttpApp } from '#platform/http/server';
import { isVisible, line, prose, text, uuid, wholeNumber } from '#platform/http/text';
import type { Database } from '#platform/postgres/pool';
import { inTransaction } from '#platform/postgres/transaction';
import type { Metrics } from '#platform/telemetry/metrics';
import { normaliseCategory } from '#schemas/category';
import { currencies } from '#schemas/currency';
import type { ProductReads } from './product-reads.js';
import { type ProductRow, type ProductStore, type Sort, sorts } from './product-store.js';

const amountMinorMax = 1_000_000_000_00;
const amountMinor = z.int().min(0).max(amountMinorMax);
const currency = z.enum(currencies as [string, ...string[]]).describe('ISO 4217 code.');
const name = line(200);
const category = line(200)
  .regex(/[^\s/]/, 'must name a category')
  .refine(
    (path) => path.split('/').every((part) => part.trim() === '' || isVisible(part)),
    'must have a visible character between slashes',
  )
  .describe('The path of the category, e.g. `home/lighting`. Stored in lower case.');
const attributesMax = 100;
const attributes = z
  .record(
    line(60),
    z.union([prose(500), z.number().min(Number.MIN_SAFE_INTEGER).max(Number.MAX_SAFE_INTEGER), z.boolean()]),
  )
  .meta({ maxProperties: attributesMax });
const tags = z.array(line(60)).max(50);
// `z.url` removes blanks around the address and ignores line breaks within it, so they are refused before.
const image = text(2000)
  .regex(/^\S+$/, 'must not contain blanks')
  .refine((url) => !/\p{Cc}/u.test(url), 'must not contain control characters')
  .check(z.url({ protocol: /^https?$/ }));
const images = z.array(image).max(20);

const productSchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    description: z.string(),
    category: z.string(),
    price: z.object({ amountMinor: z.int(), currency: z.string().describe('ISO 4217 code.') }),
    brand: z.string().nullable(),
    tags: z.array(z.string()),
    attributes: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    images: z.array(z.string()),
    groupId: z.uuid().nullable(),
    ageRestricted: z.boolean(),
    active: z.boolean(),
    featured: z.boolean(),
    available: z.int().describe('Pieces that can be sold, milliseconds behind inventory.'),
    rating: z.object({ average: z.number(), count: z.int() }),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: 'Product' });

export const createBody = z.strictObject({
  name,
  description: prose(10_000).default(''),
  category,
  price: z.strictObject({ amountMinor, currency }),
  brand: line(120).optional(),
  tags: tags.default([]),
  attributes: attributes.default({}),
  images: images.default([]),
  groupId: uuid.optional(),
  ageRestricted: z.boolean().default(false),
  active: z.boolean().default(true),
  featured: z.boolean().default(false),
  initialStock: z.int().min(0).max(1_000_000_000).default(0),
});

const listFilters = z.strictObject({
  ...listQuery,
  category: category.optional(),
  brand: line(120).optional(),
  minPrice: wholeNumber(0, amountMinorMax).optional().describe('In minor units.'),
  maxPrice: wholeNumber(0, amountMinorMax).optional().describe('In minor units.'),
  sort: z.enum(sorts).default('newest'),
});

const position = z.object({ sort: z.enum(sorts), priceMinor: z.int(), productId: z.uuid() });
const section = ['products'];

const productPage = pageOf(productSchema);

const listRoute = (app: HttpApp, products: ProductReads): void => {
  // Requests that share the rows share the text; `limit` and `sort` are part of what rows are shared by.
  const pages = new WeakMap<readonly ProductRow[], ShownPage>();
  app.get(
    '/api/products',
    {
      access: 'public',
      config: { anonymousWithoutKeys: true },
      schema: {
        tags: section,
        summary: 'The products of the catalogue, page by page.',
        querystring: listFilters,
        response: { 200: productPage, ...notModified },
      },
    },
    async (request, reply) => {
      const { limit, cursor, sort, category, brand, minPrice, maxPrice } = request.query;
      const after = decodeCursor(cursor, position);
      if (after && after.sort !== sort)
        throw problem(400, 'invalid_cursor', 'The cursor belongs to a list with another sort order.', {
          errors: [{ path: '/cursor', message: `is of a list sorted by ${after.sort}` }],
        });
      const rows = await products.list({
        category: category === undefined ? undefined : normaliseCategory(category),
        brand,
        minPriceMinor: minPrice,
        maxPriceMinor: maxPrice,
        sort,
        after,
        rowsMax: limit + 1,
        withInactive: isStaff(request.principal),
      });
      const page = pages.get(rows) ?? shownPage(rows, limit, sort, (body) => String(reply.serialize(body)));
      pages.set(rows, page);
      reply.type('application/json; charset=utf-8');
      return sendWithEtag(request, reply, page.etag, page.body);
    },
  );
};

/** `body` is the answer's text. */
type ShownPage = { etag: string; body: string };

const shownPage = (
  rows: readonly ProductRow[],
  limit: number,
  sort: Sort,
  serialize: (page: z.output<typeof productPage>) => string,
): ShownPage => {
  const { items, next } = pageFrom(rows, limit, ({ priceMinor, productId }) => ({
    sort,
    priceMinor,
    productId,
  }));
  const versions = items.map(({ productId, version, stockVersion }) => [productId, version, stockVersion]);
  return { etag: etagOf([versions, next]), body: serialize({ items: items.map(shown), next }) };
};

const productRoute = (app: HttpApp, products: ProductReads): void => {
  app.get(
    '/api/products/:productId',
    {
      access: 'public',
      config: { anonymousWithoutKeys: true },
      schema: {
        tags: section,
        summary: 'One product.',
        params: z.strictObject({ productId: uuid }),
        response: { 200: productSchema, ...notModified, ...problems(404) },
      },
    },
    async (request, reply) => {
      const row = await products.find(request.params.productId);
      if (!row || (!row.active && !isStaff(request.principal)))
        throw problem(404, 'product_not_found', 'There is no such product.');
      return sendWithEtag(request, reply, etagOf(`${row.version}.${row.stockVersion}`), shown(row));
    },
  );
};

const createRoute = (app: HttpApp, db: Database, products: ProductStore, metrics: Metrics): void => {
  const created = metrics.counter('products_created_total', 'Products added to the catalogue.');

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
      const { price, brand = null, groupId = null, ...described } = request.body;
      const row = await inTransaction(db, (tx) =>
        products.create(tx, {
          ...described,
          brand,
          groupId,
          priceMinor: price.amountMinor,
          currency: price.currency,
        }),
      );
      created.inc();
      return reply.code(201).header('location', `/api/products/${row.productId}`).send(shown(row));
    },
  );
};

export const productRoutes = (
  app: HttpApp,
  db: Database,
  { products, reads, metrics }: { products: ProductStore; reads: ProductReads; metrics: Metrics },
): void => {
  listRoute(app, reads);
  productRoute(app, reads);
  createRoute(app, db, products, metrics);
};

const isStaff = (principal: Principal): boolean => hasRole(principal, 'support', 'admin');

const shown = (row: ProductRow): z.output<typeof productSchema> => ({
  id: row.productId,
  name: row.name,
  description: row.description,
  category: row.category,
  price: { amountMinor: row.priceMinor, currency: row.currency },
  brand: row.brand,
  tags: [...row.tags],
  attributes: { ...row.attributes },
  images: [...row.images],
  groupId: row.groupId,
  ageRestricted: row.ageRestricted,
  active: row.active,
  featured: row.featured,
  available: row.available,
  // There are no reviews yet, so the values are those of a product without reviews.
  rating: { average: 0, count: 0 },
  createdAt: new Date(row.createdAtMs).toISOString(),
  updatedAt: new Date(row.updatedAtMs).toISOString(),
});
