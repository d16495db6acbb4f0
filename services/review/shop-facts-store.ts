import { newestOf, writeBatch } from '#platform/postgres/gathering';
import type { Tx } from '#platform/postgres/transaction';

type Sold = { productId: string; version: number; isSold: boolean };

type Purchase = { userId: string; productIds: readonly string[] };

/** What this service keeps of other services' events. Each may come again, and changes nothing then. */
export type ShopFacts = {
  noteProduct(tx: Tx, product: Sold): Promise<void>;
  /**
   * A review that its author wrote before the order was confirmed becomes verified too. Of an erased buyer nothing is kept.
   */
  notePurchase(tx: Tx, purchase: Purchase): Promise<void>;
  /** Deletes the words of a person's reviews, and what the person bought. The ratings stay: no one can be known by them. */
  eraseUser(tx: Tx, userId: string): Promise<void>;
};

/**
 * What is noted of a buyer changes the reviews that are there; a review that is written at the same time, by who still sees
 * the time before, would be missed. So the one waits for the other.
 */
const reviewersLock = 7_266_391;
const lockForNoting = (tx: Tx) => tx.query('SELECT pg_advisory_xact_lock($1)', [reviewersLock]);
export const lockForReviewing = (tx: Tx) =>
  tx.query('SELECT pg_advisory_xact_lock_shared($1)', [reviewersLock]);

export const createShopFacts = (): ShopFacts => ({
  noteProduct: (tx, product) => tx.gather(noteAllProducts, product),
  notePurchase: (tx, purchase) => tx.gather(noteAllPurchases, purchase),
  eraseUser: async (tx, userId) => {
    await lockForNoting(tx);
    await tx.query('INSERT INTO erased_users (user_id) VALUES ($1) ON CONFLICT DO NOTHING', [userId]);
    await tx.query(
      `UPDATE reviews SET title = '', text = '' WHERE user_id = $1 AND (title <> '' OR text <> '')`,
      [userId],
    );
    await tx.query('DELETE FROM purchases WHERE user_id = $1', [userId]);
  },
});

const noteAllProducts = writeBatch<Sold>((tx, products) => {
  const newest = newestOf(
    products,
    ({ productId }) => productId,
    ({ version }) => version,
  );
  return tx.query(
    `INSERT INTO products (product_id, version, is_sold)
     SELECT * FROM unnest($1::uuid[], $2::integer[], $3::boolean[]) ORDER BY 1
     ON CONFLICT (product_id) DO UPDATE SET version = EXCLUDED.version, is_sold = EXCLUDED.is_sold
     WHERE products.version < EXCLUDED.version`,
    [
      newest.map(({ productId }) => productId),
      newest.map(({ version }) => version),
      newest.map(({ isSold }) => isSold),
    ],
  );
});

const noteAllPurchases = writeBatch<Purchase>(async (tx, purchases) => {
  const pairs = purchases.flatMap(({ userId, productIds }) =>
    productIds.map((productId) => ({ userId, productId })),
  );
  const columns = [pairs.map(({ userId }) => userId), pairs.map(({ productId }) => productId)];
  await lockForNoting(tx);
  await tx.query(
    `INSERT INTO purchases (user_id, product_id)
     SELECT DISTINCT * FROM unnest($1::uuid[], $2::uuid[]) AS bought(user_id, product_id)
     WHERE NOT EXISTS (SELECT 1 FROM erased_users WHERE erased_users.user_id = bought.user_id)
     ORDER BY 1, 2 ON CONFLICT DO NOTHING`,
    columns,
  );
  await tx.query(
    `UPDATE reviews SET verified_purchase = true
     FROM unnest($1::uuid[], $2::uuid[]) AS bought(user_id, product_id)
     WHERE reviews.user_id = bought.user_id AND reviews.product_id = bought.product_id AND NOT verified_purchase`,
    columns,
  );
});
