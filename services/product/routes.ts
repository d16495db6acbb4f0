import { z } from 'zod';
import type { Clock } from '#platform/clock';
import { hasRole } from '#platform/http/auth';
import { etagOf, notModified, sendWithEtag } from '#platform/http/etag';
import { idempotent } from '#platform/http/idempotency';
import { decodeCursor, listQuery, pageFrom, pageOf } from '#platform/http/pagination';
import { problem, problems } from '#platform/http/problem-details';
import type { HttpApp } from '#platform/http/server';
import { line, prose } from '#platform/http/text';
import { newId } from '#platform/ids';
import type { Database } from '#platform/postgres/pool';
import { inTransaction, type Tx } from '#platform/postgres/transaction';
import type { Metrics } from '#platform/service-host';
import { staff } from '#schemas/roles';
import { type CreateProduct, normalCategory } from './product.js';
import { type Position, type ProductStore, type ProductView, sortOrders } from './product-store.js';

const tags = ['catalogue'];
const priceMinorMax = 10_000_000_000;
const priceMinor = z.int().min(0).max(priceMinorMax);

const category = line(200).transform((path, context) => {
  const normal = normalCategory(path);
  if (normal === null) context.issues.push({ code: 'custom', message: 'names no category', input: path });
  return normal ?? path;
});

const currency = z
  .string()
  .regex(/^[A-Z]{3}$/)
  .describe('ISO 4217.');

const attributeValue = z.union([line(500), z.number(), z.boolean()]);

const createBody = z.strictObject({
  name: line(200),
  description: prose(10_000).default(''),
  category: category.describe('Path from the root, e.g. home/lighting.'),
  price: z.strictObject({ amountMinor: priceMinor, currency }),
  brand: line(100).optional(),
  tags: z.array(line(50)).max(50).default([]),
  attributes: z
    .record(line(50), attributeValue)
    .refine((attributes) => Object.keys(attributes).length <= 100, 'has 100 entries at most')
    .default({}),
  images: z
    .array(z.url({ protocol: /^https?$/ }).max(2000))
    .max(20)
    .default([]),
  groupId: line(100).optional().describe('Products with the same group are variants of one.'),
  ageRestricted: z.boolean().default(false),
  active: z.boolean().default(true),
  featured: z.boolean().default(false),
  initialStock: z.int().min(0).max(1_000_000_000).default(0),
});

const productSchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    description: z.string(),
    category: z.string(),
    price: z.object({ amountMinor: z.int(), currency: z.string() }),
    brand: z.string().nullable(),
    tags: z.array(z.string()),
    attributes: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    images: z.array(z.string()),
    groupId: z.string().nullable(),
    ageRestricted: z.boolean(),
    active: z.boolean(),
    featured: z.boolean(),
    available: z.int().describe('Pieces that can be bought; follows the stock within a moment.'),
    rating: z.object({ average: z.number(), count: z.int() }).describe('Average 0 while nobody has rated.'),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: 'Product' });

const queryPrice = z.coerce.number().int().min(0).max(priceMinorMax).optional();
const position = z.tuple([z.int(), z.uuid()]);

export const productRoutes = (
  app: HttpApp,
  { db, products, clock, metrics }: { db: Database; products: ProductStore; clock: Clock; metrics: Metrics },
): void => {
  const created = metrics.counter('products_created_total', 'Products entered into the catalogue.');

  app.get(
    '/api/products',
    {
      access: 'public',
      schema: {
        tags,
        summary: 'The catalogue. Staff also see what is not active.',
        querystring: z.object({
          ...listQuery,
          category: z.string().max(200).optional().describe('This category and all below it.'),
          brand: z.string().max(100).optional(),
          minPrice: queryPrice.describe('In minor units.'),
          maxPrice: queryPrice.describe('In minor units.'),
          sort: z.enum(sortOrders).default('newest'),
        }),
        response: { 200: pageOf(productSchema) },
      },
    },
    async ({ principal, query }) => {
      const { limit, cursor, category, brand, minPrice, maxPrice, sort } = query;
      const after = decodeCursor(cursor, position);
      const rows = await products.list(
        db,
        {
          category: category === undefined ? undefined : (normalCategory(category) ?? undefined),
          brand,
          minPriceMinor: minPrice,
          maxPriceMinor: maxPrice,
          includeInactive: hasRole(principal, ...staff),
        },
        { sort, after, rowsMax: limit + 1 },
      );
      const { items, next } = pageFrom(
        rows,
        limit,
        ({ priceMinor, productId }): Position => [priceMinor, productId],
      );
      return { items: items.map(shown), next };
    },
  );

  app.get(
    '/api/products/:id',
    {
      access: 'public',
      schema: {
        tags,
        summary: 'One product.',
        params: z.object({ id: z.uuid() }),
        response: { 200: productSchema, ...notModified, ...problems(404) },
      },
    },
    async (request, reply) => {
      const product = await products.find(db, request.params.id);
      if (!product || !(product.active || hasRole(request.principal, ...staff)))
        throw problem(404, 'product_not_found', 'There is no such product.');
      return sendWithEtag(
        request,
        reply,
        etagOf(`${product.version}.${product.stockVersion}`),
        shown(product),
      );
    },
  );

  app.post(
    '/api/products',
    {
      access: ['admin'],
      schema: {
        tags,
        summary: 'Enter a product. Its stock is opened with initialStock a moment later.',
        headers: z.object({
          'idempotency-key': z
            .string()
            .regex(/^[\x21-\x7e]{1,255}$/)
            .optional()
            .describe('A repeat with the same key and body gets the same answer.'),
        }),
        body: createBody,
        response: { 201: productSchema, ...problems(409, 422) },
      },
    },
    async (request, reply) => {
      const createIn = async (tx: Tx) => {
        const product = await products.create(tx, commandOf(request.body, newId(clock), clock.nowMs()));
        created.inc();
        const body = shown(product);
        return { status: 201 as const, body, headers: { location: `/api/products/${body.id}` } };
      };
      if (request.headers['idempotency-key'] !== undefined) return idempotent(db, request, reply, createIn);
      const { status, body, headers } = await inTransaction(db, createIn);
      return reply.code(status).headers(headers).send(body);
    },
  );
};

const commandOf = (
  { price, brand, groupId, ...body }: z.output<typeof createBody>,
  productId: string,
  nowMs: number,
): CreateProduct => ({
  ...body,
  productId,
  priceMinor: price.amountMinor,
  currency: price.currency,
  brand: brand ?? null,
  groupId: groupId ?? null,
  createdAtMs: nowMs,
});

const shown = (product: ProductView): z.output<typeof productSchema> => ({
  id: product.productId,
  name: product.name,
  description: product.description,
  category: product.category,
  price: { amountMinor: product.priceMinor, currency: product.currency },
  brand: product.brand,
  tags: [...product.tags],
  attributes: product.attributes,
  images: [...product.images],
  groupId: product.groupId,
  ageRestricted: product.ageRestricted,
  active: product.active,
  featured: product.featured,
  available: product.available,
  rating: { average: 0, count: 0 },
  createdAt: product.createdAt.toISOString(),
  updatedAt: product.updatedAt.toISOString(),
});
