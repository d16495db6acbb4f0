import type { Clock } from '#platform/clock';
import { newId } from '#platform/ids';
import type { EventPublisher } from '#platform/messaging/events';
import { append } from '#platform/outbox/outbox';
import { newestOf, writeBatch } from '#platform/postgres/gathering';
import type { Queryable } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';
import type { CatalogueChange } from '#schemas/catalogue-changes';
import type { EventMap, EventType } from '#schemas/events';
import { type CreateProduct, createProduct, type Product } from './product.js';

export type ProductRow = Product & { available: number; stockVersion: number };

export const sorts = ['newest', 'price', '-price'] as const;

export type Sort = (typeof sorts)[number];

/** The end of a page: the last row's sort value and id. */
export type Position = { priceMinor: number; productId: string };

export type ListFilter = {
  /** A path; its sub-categories are included. */
  category?: string | undefined;
  brand?: string | undefined;
  minPriceMinor?: number | undefined;
  maxPriceMinor?: number | undefined;
  sort: Sort;
  after?: Position | undefined;
  rowsMax: number;
  /** True to include products that are not shown to shoppers. */
  withInactive: boolean;
};

export type ProductStore = {
  /** Writes the row and its event in the caller's transaction. */
  create(tx: Tx, command: CreateProduct): Promise<ProductRow>;
  /** Stores the stock of an inventory event, unless a newer one is stored. */
  noteStock(
    tx: Tx,
    lines: readonly { productId: string; available: number; stockVersion: number }[],
  ): Promise<void>;
};

const columns = `product_id AS "productId", version, name, description, category, price_minor AS "priceMinor", currency,
  brand, tags, attributes, images, group_id AS "groupId", age_restricted AS "ageRestricted", active, featured,
  (extract(epoch FROM created_at) * 1000)::bigint AS "createdAtMs",
  (extract(epoch FROM updated_at) * 1000)::bigint AS "updatedAtMs",
  available, stock_version AS "stockVersion"`;

/** The types of events that this service publishes; publishing another one does not compile. */
export const publishes = ['ProductCreated'] as const satisfies readonly EventType[];
export type Published = Pick<EventMap, (typeof publishes)[number]>;

export const createProductStore = ({
  events,
  clock,
  onChange = () => {},
}: {
  events: Pick<EventPublisher<Published>, 'event'>;
  clock: Clock;
  /** Called after each commit that changed products. */
  onChange?: (change: CatalogueChange) => void;
}): ProductStore => ({
  create: async (tx, command) => {
    const { product, event } = createProduct(command, { productId: newId(clock), nowMs: clock.nowMs() });
    await tx.query(
      `INSERT INTO products (product_id, version, name, description, category, price_minor, currency, brand, tags,
         attributes, images, group_id, age_restricted, active, featured, available, created_at, updated_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $17)`,
      [
        product.productId,
        product.version,
        product.name,
        product.description,
        product.category,
        product.priceMinor,
        product.currency,
        product.brand,
        product.tags,
        product.attributes,
        product.images,
        product.groupId,
        product.ageRestricted,
        product.active,
        product.featured,
        command.initialStock,
        new Date(product.createdAtMs),
      ],
    );
    await append(tx, [
      events.event('ProductCreated', product.productId, event, { occurredAt: event.occurredAt }),
    ]);
    tx.afterCommit(() => onChange({ productIds: [product.productId], isListed: true }));
    return { ...product, available: command.initialStock, stockVersion: 0 };
  },

  noteStock: async (tx, lines) => {
    await noteStock(tx, lines);
    tx.afterCommit(() => onChange({ productIds: lines.map(({ productId }) => productId), isListed: false }));
  },
});

/** Those of the products that exist, by id. */
export const findProducts = async (
  db: Queryable,
  productIds: readonly string[],
): Promise<Map<string, ProductRow>> => {
  const { rows } = await db.query<ProductRow>(
    `SELECT ${columns} FROM products WHERE product_id = ANY ($1::uuid[])`,
    [productIds],
  );
  return new Map(rows.map((row) => [row.productId, row]));
};

export const listProducts = async (
  db: Queryable,
  { category, brand, minPriceMinor, maxPriceMinor, sort, after, rowsMax, withInactive }: ListFilter,
): Promise<ProductRow[]> => {
  const values: unknown[] = [];
  const bind = (value: unknown) => `$${values.push(value)}`;
  const conditions = [
    ...(withInactive ? [] : ['active']),
    ...(category === undefined
      ? []
      : [`(category = ${bind(category)} OR starts_with(category, ${bind(`${category}/`)}))`]),
    ...(brand === undefined ? [] : [`brand = ${bind(brand)}`]),
    ...(minPriceMinor === undefined ? [] : [`price_minor >= ${bind(minPriceMinor)}`]),
    ...(maxPriceMinor === undefined ? [] : [`price_minor <= ${bind(maxPriceMinor)}`]),
  ];
  const direction = sort === 'price' ? { order: 'ASC', beyond: '>' } : { order: 'DESC', beyond: '<' };
  const keys = sort === 'newest' ? ['product_id'] : ['price_minor', 'product_id'];
  if (after) {
    const position = sort === 'newest' ? [after.productId] : [after.priceMinor, after.productId];
    conditions.push(`(${keys.join(', ')}) ${direction.beyond} (${position.map(bind).join(', ')})`);
  }
  const { rows } = await db.query<ProductRow>(
    `SELECT ${columns} FROM products
     ${conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`}
     ORDER BY ${keys.map((key) => `${key} ${direction.order}`).join(', ')}
     LIMIT ${bind(rowsMax)}`,
    values,
  );
  return rows;
};

type StockLine = { productId: string; available: number; stockVersion: number };

const noteStock: ProductStore['noteStock'] = (tx, lines) => tx.gather(noteAllStock, lines);

const noteAllStock = writeBatch<readonly StockLine[]>(async (tx, lists) => {
  const lines = newestOf(
    lists.flat(),
    ({ productId }) => productId,
    ({ stockVersion }) => stockVersion,
  );
  // Locked in the order of their ids, so that two transactions cannot deadlock.
  await tx.query(
    `UPDATE products SET available = line.available, stock_version = line.stock_version
     FROM (SELECT l.* FROM unnest($1::uuid[], $2::integer[], $3::bigint[]) AS l(product_id, available, stock_version)
           JOIN products p USING (product_id) ORDER BY product_id FOR UPDATE OF p) AS line
     WHERE products.product_id = line.product_id AND products.stock_version < line.stock_version`,
    [
      lines.map(({ productId }) => productId),
      lines.map(({ available }) => available),
      lines.map(({ stockVersion }) => stockVersion),
    ],
  );
});
