import type { Queryable } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';
import { sleep } from '#platform/waiting/sleep';
import type { ProductCreated } from '#schemas/events';

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
  note(tx: Tx, product: ProductCreated): Promise<void>;
  /** The products of these ids, as far as the copy has them. */
  find(db: Queryable, productIds: readonly string[]): Promise<Map<string, ProductCopy>>;
  /**
   * Resolves when the copy has all products, or after `waitMs`: a product may be ordered before its event has arrived
   * here. At most 100 callers wait at a time; further ones return at once. Holds no connection while it waits.
   */
  awaitKnown(productIds: readonly string[], waitMs: number): Promise<void>;
};

const waitersMax = 100;
const lookAgainMs = 25;

export const createProductReplica = (db: Queryable): ProductReplica => {
  let waiters = 0;

  const countKnown = async (productIds: readonly string[]): Promise<number> => {
    const { rows } = await db.query<{ products: number }>(
      'SELECT count(*) AS products FROM products WHERE product_id = ANY ($1::uuid[])',
      [productIds],
    );
    return rows[0]?.products ?? 0;
  };

  return {
    note: async (tx, { productId, version, name, category, priceMinor, currency, active }) => {
      await tx.query(
        `INSERT INTO products (product_id, version, name, category, price_minor, currency, active)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (product_id) DO UPDATE SET version = excluded.version, name = excluded.name,
           category = excluded.category, price_minor = excluded.price_minor, currency = excluded.currency,
           active = excluded.active
         WHERE products.version < excluded.version`,
        [productId, version, name, category, priceMinor, currency, active],
      );
    },

    find: async (db, productIds) => {
      const { rows } = await db.query<ProductCopy>(
        `SELECT product_id AS "productId", name, category, price_minor AS "priceMinor", currency, active
         FROM products WHERE product_id = ANY ($1::uuid[])`,
        [productIds],
      );
      return new Map(rows.map((row) => [row.productId, row]));
    },

    awaitKnown: async (productIds, waitMs) => {
      const deadlineMs = performance.now() + waitMs;
      if ((await countKnown(productIds)) === productIds.length || waiters >= waitersMax) return;
      waiters += 1;
      try {
        while (performance.now() < deadlineMs) {
          await sleep(lookAgainMs);
          if ((await countKnown(productIds)) === productIds.length) return;
        }
      } finally {
        waiters -= 1;
      }
    },
  };
};
