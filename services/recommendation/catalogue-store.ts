import { markNew } from '#platform/inbox/marks';
import { deleteInParts, type Parts } from '#platform/postgres/delete-in-parts';
import { newestOf, writeBatch } from '#platform/postgres/gathering';
import type { Queryable } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';
import type { ProductCreated, ProductDeleted, ProductUpdated } from '#schemas/events';
import { type WeighedSale, weightsOf } from '#schemas/popularity';

/** The products that may not be on a list. */
export type Exclusions = {
  productIds: readonly string[];
  /** The user whose recent purchases are left out; null leaves out none. */
  buyerId: string | null;
};

/** What lists and rules ask of a product. */
export type Shelf = {
  productId: string;
  /** Empty for a product of no known category. */
  category: string;
  brand: string | null;
  priceMinor: number | null;
  currency: string | null;
  groupId: string | null;
  ageRestricted: boolean;
  /** Whether the product may be shown to anybody at all. */
  sellable: boolean;
};

/** The queries of the catalogue. */
export type CatalogueReads = {
  /** The best sellers that may be shown, then the newest, of a category and those below it, or of all. */
  bestsellers(category: string | null, exclusions: Exclusions, countMax: number): Promise<Shelf[]>;
  /** Those of the products that are known. */
  shelves(productIds: readonly string[]): Promise<ReadonlyMap<string, Shelf>>;
  /**
   * The products whose shelves have changed since `mark` was given, perhaps with some that have not; null where `mark` is,
   * or where they are too many.
   */
  changesSince(mark: string | null): Promise<{ productIds: readonly string[] | null; mark: string }>;
  /** The products that the user has bought so lately that they may not be on a list. */
  recentPurchases(userId: string): Promise<string[]>;
};

export type Catalogue = Omit<CatalogueReads, 'changesSince'> & {
  /** The products of the list that may be shown: known, active, in stock, not excluded; in no order. */
  sellable(productIds: readonly string[], exclusions: Exclusions): Promise<Shelf[]>;
};

export type StockLine = { productId: string; available: number; stockVersion: number };

export type CatalogueStore = CatalogueReads & {
  /** Adds a product, or describes it anew; an older event than the last changes nothing. */
  open(tx: Tx, product: ProductCreated | ProductUpdated): Promise<void>;
  /** Takes a product off every list for ever. */
  close(tx: Tx, product: ProductDeleted): Promise<void>;
  /** Stores the available stock; lines older than the stored ones change nothing. */
  setAvailable(tx: Tx, lines: readonly StockLine[]): Promise<void>;
  /** Adds to the popularity of an order's products, once for each order. */
  countSale(tx: Tx, orderId: string, lines: readonly { productId: string; weight: number }[]): Promise<void>;
  /** Of a user whose account was erased nothing is added. */
  addPurchases(tx: Tx, userId: string, productIds: readonly string[], boughtAtMs: number): Promise<void>;
  /** Deletes the purchases made before `beforeMs` (epoch), in parts, and returns how many it deleted. */
  forgetPurchases(beforeMs: number, parts: Parts): Promise<number>;
  /** Deletes the purchases of a user whose account was erased. */
  forgetUser(tx: Tx, userId: string): Promise<void>;
};

/** More are not named one by one. */
const changesMax = 2_000;

/** `recentMs` is how long a purchase keeps its product off the buyer's lists. */
export const createCatalogueStore = (
  db: Queryable,
  options: { nowMs: () => number; recentMs: number },
): CatalogueStore => {
  const boughtSince = () => new Date(options.nowMs() - options.recentMs);
  const notExcluded = `sellable AND NOT (product_id = ANY($1::text[])) AND NOT EXISTS (
    SELECT 1 FROM purchases AS bought
    WHERE bought.user_id = $2 AND bought.product_id = products.product_id AND bought.bought_at > $3)`;
  const values = ({ productIds, buyerId }: Exclusions) => [productIds, buyerId, boughtSince()];

  return {
    bestsellers: async (category, exclusions, countMax) => {
      const { rows } = await db.query<Row>(
        category === null
          ? `SELECT ${columns} FROM products WHERE ${notExcluded}
             ORDER BY popularity DESC, created_at DESC LIMIT $4`
          : `SELECT ${columns} FROM products
             WHERE (category = $5 OR category LIKE $6) AND ${notExcluded}
             ORDER BY popularity DESC, created_at DESC LIMIT $4`,
        category === null
          ? [...values(exclusions), countMax]
          : [...values(exclusions), countMax, category, `${escapeLike(category)}/%`],
      );
      return rows.map(shelved);
    },
    shelves: async (productIds) => {
      const { rows } = await db.query<Row>(
        `SELECT ${columns} FROM products WHERE product_id = ANY($1::text[])`,
        [productIds],
      );
      return new Map(rows.map((row) => [row.product_id, shelved(row)]));
    },
    changesSince: async (mark) => {
      // Transactions that are not over yet have at least this number, so what they change comes after the mark. A number
      // that is still to come is of another cluster, from which the database was restored.
      const { rows } = await db.query<{ mark: string; product_ids: string[] }>(
        `SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS mark,
           ARRAY(SELECT product_id FROM products WHERE changed_by >= $1::xid8
             AND changed_by < pg_snapshot_xmax(pg_current_snapshot()) LIMIT $2) AS product_ids`,
        [mark, changesMax + 1],
      );
      const { product_ids, mark: next } = rows[0]!;
      return {
        productIds: mark === null || product_ids.length > changesMax ? null : product_ids,
        mark: next,
      };
    },
    recentPurchases: async (userId) => {
      const { rows } = await db.query<{ product_id: string }>(
        'SELECT product_id FROM purchases WHERE user_id = $1 AND bought_at > $2',
        [userId, boughtSince()],
      );
      return rows.map((row) => row.product_id);
    },

    open,
    close,
    setAvailable,
    countSale,
    addPurchases,
    forgetPurchases: (beforeMs, parts) =>
      deleteInParts(parts, async (rowsMax) => {
        const { rowCount } = await db.query(
          `DELETE FROM purchases WHERE ctid = ANY (ARRAY(
             SELECT ctid FROM purchases WHERE bought_at < $1 ORDER BY bought_at LIMIT $2))`,
          [new Date(beforeMs), rowsMax],
        );
        return rowCount ?? 0;
      }),
    forgetUser: async (tx, userId) => {
      await tx.query('SELECT pg_advisory_xact_lock($1)', [erasureLock]);
      await tx.query('INSERT INTO erased_users (user_id) VALUES ($1) ON CONFLICT DO NOTHING', [userId]);
      await tx.query('DELETE FROM purchases WHERE user_id = $1', [userId]);
    },
  };
};

const open: CatalogueStore['open'] = (tx, product) => tx.gather(openAll, product);

const openAll = writeBatch<ProductCreated | ProductUpdated>((tx, products) => {
  const newest = newestOf(
    products,
    ({ productId }) => productId,
    ({ version }) => version,
  );
  return tx.query(
    `INSERT INTO products (product_id, category, created_at, active, version, brand, price_minor, currency, group_id,
       age_restricted)
     SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::boolean[], $5::integer[], $6::text[],
       $7::bigint[], $8::text[], $9::text[], $10::boolean[]) ORDER BY 1
     ON CONFLICT (product_id) DO UPDATE
     SET category = EXCLUDED.category, created_at = EXCLUDED.created_at, active = EXCLUDED.active,
       version = EXCLUDED.version, brand = EXCLUDED.brand, price_minor = EXCLUDED.price_minor,
       currency = EXCLUDED.currency, group_id = EXCLUDED.group_id, age_restricted = EXCLUDED.age_restricted,
       changed_by = EXCLUDED.changed_by
     WHERE products.version < EXCLUDED.version`,
    [
      newest.map(({ productId }) => productId),
      newest.map(({ category }) => category),
      newest.map(({ createdAt }) => new Date(createdAt)),
      newest.map(({ active }) => active),
      newest.map(({ version }) => version),
      newest.map(({ brand }) => brand),
      newest.map(({ priceMinor }) => priceMinor),
      newest.map(({ currency }) => currency),
      newest.map(({ groupId }) => groupId),
      newest.map(({ ageRestricted }) => ageRestricted),
    ],
  );
});

const close: CatalogueStore['close'] = (tx, product) => tx.gather(closeAll, product);

const closeAll = writeBatch<ProductDeleted>((tx, products) => {
  const newest = newestOf(
    products,
    ({ productId }) => productId,
    ({ version }) => version,
  );
  return tx.query(
    `INSERT INTO products (product_id, active, version)
     SELECT g.product_id, false, g.version FROM unnest($1::text[], $2::integer[]) AS g(product_id, version) ORDER BY 1
     ON CONFLICT (product_id) DO UPDATE SET active = false, version = EXCLUDED.version, changed_by = EXCLUDED.changed_by
     WHERE products.version < EXCLUDED.version`,
    [newest.map(({ productId }) => productId), newest.map(({ version }) => version)],
  );
});

const setAvailable: CatalogueStore['setAvailable'] = async (tx, lines) => {
  if (lines.length > 0) await tx.gather(setAllAvailable, lines);
};

const setAllAvailable = writeBatch<readonly StockLine[]>((tx, lists) => {
  const lines = newestOf(
    lists.flat(),
    ({ productId }) => productId,
    ({ stockVersion }) => stockVersion,
  );
  // Sorted by product, as in every statement here, so that two transactions cannot deadlock.
  return tx.query(
    `INSERT INTO products (product_id, available, stock_version)
     SELECT * FROM unnest($1::text[], $2::integer[], $3::bigint[]) ORDER BY 1
     ON CONFLICT (product_id) DO UPDATE
     SET available = EXCLUDED.available, stock_version = EXCLUDED.stock_version,
       changed_by = CASE WHEN (products.available > 0) = (EXCLUDED.available > 0)
         THEN products.changed_by ELSE EXCLUDED.changed_by END
     WHERE products.stock_version < EXCLUDED.stock_version`,
    [
      lines.map((line) => line.productId),
      lines.map((line) => line.available),
      lines.map((line) => line.stockVersion),
    ],
  );
});

const countSale: CatalogueStore['countSale'] = (tx, orderId, lines) =>
  tx.gather(countAllSales, { orderId, lines });

const countedSales = { table: 'counted_sales', column: 'order_id' };

const countAllSales = writeBatch<WeighedSale>(async (tx, sales) => {
  const uncounted = await markNew(
    tx,
    countedSales,
    sales.map(({ orderId }) => orderId),
  );
  const weights = weightsOf(sales, uncounted);
  if (weights.size === 0) return;
  await tx.query(
    `INSERT INTO products (product_id, popularity) SELECT * FROM unnest($1::text[], $2::double precision[]) ORDER BY 1
     ON CONFLICT (product_id) DO UPDATE SET popularity = products.popularity + EXCLUDED.popularity`,
    [[...weights.keys()], [...weights.values()]],
  );
});

type Purchase = { userId: string; productIds: readonly string[]; boughtAtMs: number };

const addPurchases: CatalogueStore['addPurchases'] = (tx, userId, productIds, boughtAtMs) =>
  tx.gather(addAllPurchases, { userId, productIds, boughtAtMs });

/** Purchases are added side by side, but not beside an erasure, because neither would see what the other one writes. */
const erasureLock = 5_140_882;

const addAllPurchases = writeBatch<Purchase>(async (tx, purchases) => {
  const lastMs = new Map<string, { userId: string; productId: string; atMs: number }>();
  for (const { userId, productIds, boughtAtMs } of purchases)
    for (const productId of productIds) {
      const key = `${userId} ${productId}`;
      const atMs = Math.max(boughtAtMs, lastMs.get(key)?.atMs ?? 0);
      lastMs.set(key, { userId, productId, atMs });
    }
  const rows = [...lastMs.values()];
  await tx.query('SELECT pg_advisory_xact_lock_shared($1)', [erasureLock]);
  await tx.query(
    `INSERT INTO purchases (user_id, product_id, bought_at)
     SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS bought(user_id, product_id, bought_at)
     WHERE NOT EXISTS (SELECT FROM erased_users WHERE erased_users.user_id = bought.user_id) ORDER BY 1, 2
     ON CONFLICT (user_id, product_id) DO UPDATE
     SET bought_at = GREATEST(purchases.bought_at, EXCLUDED.bought_at)`,
    [
      rows.map(({ userId }) => userId),
      rows.map(({ productId }) => productId),
      rows.map(({ atMs }) => new Date(atMs)),
    ],
  );
});

const columns = 'product_id, category, brand, price_minor, currency, group_id, age_restricted, sellable';

type Row = {
  product_id: string;
  category: string | null;
  brand: string | null;
  price_minor: number | null;
  currency: string | null;
  group_id: string | null;
  age_restricted: boolean;
  sellable: boolean;
};

const shelved = (row: Row): Shelf => ({
  productId: row.product_id,
  category: row.category ?? '',
  brand: row.brand,
  priceMinor: row.price_minor,
  currency: row.currency,
  groupId: row.group_id,
  ageRestricted: row.age_restricted,
  sellable: row.sellable,
});

const escapeLike = (text: string): string => text.replace(/[\\%_]/g, '\\$&');
