import type { EventPublisher } from '#platform/messaging/events';
import { append } from '#platform/outbox/outbox';
import type { Queryable } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';
import type { EventMap } from '#schemas/events';
import { type CreateProduct, create, type Product } from './product.js';

export type ProductView = Omit<Product, 'createdAtMs'> & {
  available: number;
  stockVersion: number;
  createdAt: Date;
  updatedAt: Date;
};

export const sortOrders = ['newest', 'price', '-price'] as const;
export type SortOrder = (typeof sortOrders)[number];

export type ProductFilter = {
  /** This category and all below it. */
  category?: string | undefined;
  brand?: string | undefined;
  minPriceMinor?: number | undefined;
  maxPriceMinor?: number | undefined;
  includeInactive: boolean;
};

/** Where a page ended: the last product's price (0 where not sorted by it) and id. */
export type Position = readonly [priceMinor: number, productId: string];

export type StockLevel = { productId: string; available: number; stockVersion: number };

export type ProductStore = {
  create(tx: Tx, command: CreateProduct): Promise<ProductView>;
  find(db: Queryable, productId: string): Promise<ProductView | undefined>;
  list(
    db: Queryable,
    filter: ProductFilter,
    page: { sort: SortOrder; after: Position | undefined; rowsMax: number },
  ): Promise<ProductView[]>;
  /** Copies what inventory says is available, unless something newer is known. */
  noteStock(tx: Tx, levels: readonly StockLevel[], at: Date): Promise<void>;
};

const columns = `product_id AS "productId", version, name, description, category, price_minor AS "priceMinor",
  currency, brand, tags, attributes, images, group_id AS "groupId", age_restricted AS "ageRestricted", active,
  featured, available, stock_version AS "stockVersion", created_at AS "createdAt", updated_at AS "updatedAt"`;

const orderings: Record<SortOrder, { orderBy: string; after: string }> = {
  newest: { orderBy: 'product_id DESC', after: '$6::bigint IS NOT NULL AND product_id < $7' },
  price: { orderBy: 'price_minor, product_id', after: '(price_minor, product_id) > ($6::bigint, $7::uuid)' },
  '-price': {
    orderBy: 'price_minor DESC, product_id DESC',
    after: '(price_minor, product_id) < ($6::bigint, $7::uuid)',
  },
};

export const createProductStore = (events: Pick<EventPublisher<EventMap>, 'event'>): ProductStore => ({
  create: async (tx, command) => {
    const { type, data } = create(command);
    const { rows } = await tx.query<ProductView>(
      `INSERT INTO products (product_id, version, name, description, category, price_minor, currency, brand, tags,
         attributes, images, group_id, age_restricted, active, featured, created_at, updated_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $16)
       RETURNING ${columns}`,
      [
        command.productId,
        data.version,
        command.name,
        command.description,
        command.category,
        command.priceMinor,
        command.currency,
        command.brand,
        JSON.stringify(command.tags),
        JSON.stringify(command.attributes),
        JSON.stringify(command.images),
        command.groupId,
        command.ageRestricted,
        command.active,
        command.featured,
        new Date(command.createdAtMs),
      ],
    );
    await append(tx, [events.event(type, data.productId, data, { occurredAt: data.occurredAt })]);
    return rows[0] as ProductView;
  },

  find: async (db, productId) => {
    const { rows } = await db.query<ProductView>(`SELECT ${columns} FROM products WHERE product_id = $1`, [
      productId,
    ]);
    return rows[0];
  },

  list: async (db, filter, { sort, after, rowsMax }) => {
    const { orderBy, after: isAfter } = orderings[sort];
    const { rows } = await db.query<ProductView>(
      `SELECT ${columns} FROM products
       WHERE (active OR $1) AND ($2::text IS NULL OR category = $2 OR category LIKE $8)
         AND ($3::text IS NULL OR brand = $3)
         AND ($4::bigint IS NULL OR price_minor >= $4) AND ($5::bigint IS NULL OR price_minor <= $5)
         AND ($7::uuid IS NULL OR (${isAfter}))
       ORDER BY ${orderBy} LIMIT $9`,
      [
        filter.includeInactive,
        filter.category ?? null,
        filter.brand ?? null,
        filter.minPriceMinor ?? null,
        filter.maxPriceMinor ?? null,
        after?.[0] ?? null,
        after?.[1] ?? null,
        filter.category === undefined ? null : `${escapeLike(filter.category)}/%`,
        rowsMax,
      ],
    );
    return rows;
  },

  noteStock: async (tx, levels, at) => {
    await tx.query(
      `UPDATE products p SET available = level.available, stock_version = level.stock_version, updated_at = $4
       FROM unnest($1::uuid[], $2::int[], $3::bigint[]) AS level(product_id, available, stock_version)
       WHERE p.product_id = level.product_id AND p.stock_version < level.stock_version`,
      [
        levels.map(({ productId }) => productId),
        levels.map(({ available }) => available),
        levels.map(({ stockVersion }) => stockVersion),
        at,
      ],
    );
  },
});

const escapeLike = (text: string): string => text.replace(/[\\%_]/g, '\\$&');
