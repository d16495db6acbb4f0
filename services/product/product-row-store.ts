import type { Queryable } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';
import type { Description, HistoryEntry, Product } from './product.js';

/** A product with what other services said of it last. */
export type ProductRow = Product & {
  available: number;
  stockVersion: number;
  ratingVersion: number;
  /** 0 without reviews. */
  ratingHundredths: number;
  ratingCount: number;
  popularity: number;
};

/** What an operator's statement fills: each field with its column and the column's type. */
export const statedColumns = Object.entries({
  version: ['version', 'integer'],
  name: ['name', 'text'],
  description: ['description', 'text'],
  category: ['category', 'text'],
  priceMinor: ['price_minor', 'bigint'],
  currency: ['currency', 'text'],
  brand: ['brand', 'text'],
  tags: ['tags', 'text[]'],
  attributes: ['attributes', 'jsonb'],
  images: ['images', 'text[]'],
  groupId: ['group_id', 'uuid'],
  ageRestricted: ['age_restricted', 'boolean'],
  active: ['active', 'boolean'],
  featured: ['featured', 'boolean'],
} satisfies Record<'version' | keyof Description, readonly [column: string, type: string]>).map(
  ([field, [column, type]]) => ({ field, column, type }),
);

export const rowColumns = `product_id AS "productId",
  ${statedColumns.map(({ column, field }) => `${column} AS "${field}"`).join(', ')},
  (extract(epoch FROM created_at) * 1000)::bigint AS "createdAtMs",
  (extract(epoch FROM updated_at) * 1000)::bigint AS "updatedAtMs",
  available, stock_version AS "stockVersion", rating_version AS "ratingVersion",
  rating_hundredths AS "ratingHundredths", rating_count AS "ratingCount", popularity`;

/** Those of the products that exist and are not removed, by id. */
export const findProducts = async (
  db: Queryable,
  productIds: readonly string[],
): Promise<Map<string, ProductRow>> => {
  const { rows } = await db.query<ProductRow>(
    `SELECT ${rowColumns} FROM products WHERE product_id = ANY ($1::uuid[]) AND deleted_at IS NULL`,
    [productIds],
  );
  return new Map(rows.map((row) => [row.productId, row]));
};

/** The same, locked in the order of their ids until the transaction ends. */
export const lockProducts = async (
  tx: Tx,
  productIds: readonly string[],
): Promise<Map<string, ProductRow>> => {
  const { rows } = await tx.query<ProductRow>(
    `SELECT ${rowColumns} FROM products WHERE product_id = ANY ($1::uuid[]) AND deleted_at IS NULL
     ORDER BY product_id FOR UPDATE`,
    [productIds],
  );
  return new Map(rows.map((row) => [row.productId, row]));
};

/** Newest first. Empty for a product that never was. */
export const historyOf = async (
  db: Queryable,
  page: { productId: string; beforeVersion: number | undefined; rowsMax: number },
): Promise<HistoryEntry[]> => {
  const { rows } = await db.query<HistoryEntry>(
    `SELECT product_id AS "productId", version, kind, changes, changed_by AS "changedBy",
       (extract(epoch FROM occurred_at) * 1000)::bigint AS "occurredAtMs"
     FROM product_history WHERE product_id = $1 AND ($2::integer IS NULL OR version < $2)
     ORDER BY version DESC LIMIT $3`,
    [page.productId, page.beforeVersion ?? null, page.rowsMax],
  );
  return rows;
};
