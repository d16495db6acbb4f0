import type { Clock } from '#platform/clock';
import type { Queryable } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';

export type WishlistStore = {
  wish(db: Queryable, userId: string, productId: string): Promise<void>;
  fulfil(tx: Tx, wishes: { userId: string; productIds: string[] }): Promise<void>;
  productIdsOf(db: Queryable, userId: string): Promise<string[]>;
};

export const createWishlistStore = (clock: Clock): WishlistStore => ({
  wish: async (db, userId, productId) => {
    await db.query('INSERT INTO wishes VALUES ($1, $2, $3) ON CONFLICT DO NOTHING', [
      userId,
      productId,
      new Date(clock.nowMs()),
    ]);
  },
  fulfil: async (tx, { userId, productIds }) => {
    await tx.query('DELETE FROM wishes WHERE user_id = $1 AND product_id = ANY($2)', [userId, productIds]);
  },
  productIdsOf: async (db, userId) => {
    const { rows } = await db.query<{ productId: string }>(
      'SELECT product_id AS "productId" FROM wishes WHERE user_id = $1 ORDER BY wished_at DESC LIMIT 500',
      [userId],
    );
    return rows.map(({ productId }) => productId);
  },
});
