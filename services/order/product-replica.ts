import { type Batch, newestOf, readBatch, writeBatch } from '#platform/postgres/gathering';
import type { Queryable } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';
import { sleep } from '#platform/waiting/sleep';
import type { ProductCreated, ProductDeleted, ProductUpdated } from '#schemas/events';

export type ProductCopy = {
  productId: string;
  name: string;
  category: string;
  priceMinor: number;
  currency: string;
  active: boolean;
};

/** This service's copy of the catalogue, usually milliseconds behind it. */
export type ProductReplica = {
  note(tx: Tx, product: ProductCreated | ProductUpdated): Promise<void>;
  /** A removed product stays in the copy, but is not sold any more. */
  noteDeleted(tx: Tx, product: ProductDeleted): Promise<void>;
  /** The products of these ids, as far as the copy has them. */
  find(tx: Tx, productIds: readonly string[]): Promise<Map<string, ProductCopy>>;
  /**
   * Resolves when the copy has all products, or after `waitMs`: a product may be ordered before its event has arrived
   * here. At most 100 callers wait at a time; further ones return at once. Holds no connection while it waits.
   */
  awaitKnown(productIds: readonly string[], waitMs: number): Promise<void>;
};

const waitersMax = 100;
const lookAgainMs = 25;
const knownMax = 100_000;

const noteAll = writeBatch<ProductCreated | ProductUpdated>((tx, products) => {
  const newest = newestOf(
    products,
    ({ productId }) => productId,
    ({ version }) => version,
  );
  return tx.query(
    `INSERT INTO products (product_id, version, name, category, price_minor, currency, active)
     SELECT "productId", version, name, category, "priceMinor", currency, active
     FROM jsonb_to_recordset($1::jsonb) AS product("productId" uuid, version integer, name text, category text,
       "priceMinor" bigint, currency text, active boolean)
     ORDER BY 1
     ON CONFLICT (product_id) DO UPDATE SET version = excluded.version, name = excluded.name,
       category = excluded.category, price_minor = excluded.price_minor, currency = excluded.currency,
       active = excluded.active
     WHERE products.version < excluded.version`,
    [JSON.stringify(newest)],
  );
});

const noteAllDeleted = writeBatch<ProductDeleted>((tx, products) =>
  tx.query(
    `UPDATE products SET active = false, version = gone.version
     FROM (SELECT g.* FROM unnest($1::uuid[], $2::integer[]) AS g(product_id, version)
           JOIN products p USING (product_id) ORDER BY product_id FOR UPDATE OF p) AS gone
     WHERE products.product_id = gone.product_id AND products.version < gone.version`,
    [products.map(({ productId }) => productId), products.map(({ version }) => version)],
  ),
);

const findAll: Batch<readonly string[], Map<string, ProductCopy>> = readBatch(async (tx, lists) => {
  const { rows } = await tx.query<ProductCopy>(
    `SELECT product_id AS "productId", name, category, price_minor AS "priceMinor", currency, active
     FROM products WHERE product_id = ANY ($1::uuid[])`,
    [[...new Set(lists.flat())]],
  );
  const byId = new Map(rows.map((row) => [row.productId, row]));
  return lists.map((productIds) => new Map(productIds.flatMap((id) => found(byId, id))));
});

const found = (byId: ReadonlyMap<string, ProductCopy>, id: string): [string, ProductCopy][] => {
  const product = byId.get(id);
  return product === undefined ? [] : [[id, product]];
};

export const createProductReplica = (db: Queryable): ProductReplica => {
  let waiters = 0;
  /** Products that the copy has: it loses none. */
  const known = new Set<string>();

  const hasAll = async (productIds: readonly string[]): Promise<boolean> => {
    const missing = productIds.filter((id) => !known.has(id));
    if (missing.length === 0) return true;
    const { rows } = await db.query<{ productId: string }>(
      'SELECT product_id AS "productId" FROM products WHERE product_id = ANY ($1::uuid[])',
      [missing],
    );
    if (known.size > knownMax) known.clear();
    for (const { productId } of rows) known.add(productId);
    return rows.length === missing.length;
  };

  return {
    note: (tx, product) => tx.gather(noteAll, product),
    noteDeleted: (tx, product) => tx.gather(noteAllDeleted, product),
    find: (tx, productIds) => tx.gather(findAll, productIds),

    awaitKnown: async (productIds, waitMs) => {
      const deadlineMs = performance.now() + waitMs;
      if ((await hasAll(productIds)) || waiters >= waitersMax) return;
      waiters += 1;
      try {
        while (performance.now() < deadlineMs) {
          await sleep(lookAgainMs);
          if (await hasAll(productIds)) return;
        }
      } finally {
        waiters -= 1;
      }
    },
  };
};
