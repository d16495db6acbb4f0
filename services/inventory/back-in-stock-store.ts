import type { Clock } from '#platform/clock';
import type { EventPublisher } from '#platform/messaging/events';
import { append } from '#platform/outbox/outbox';
import type { Database, Queryable } from '#platform/postgres/pool';
import { inTransaction, type Tx } from '#platform/postgres/transaction';
import type { Published } from './stock-store.js';

export type Waiting = { productId: string; userId: string; askedAt: Date };

export type BackInStockStore = {
  /** When the account has asked first. `unknown_product` also where the product is not for sale. */
  ask(
    tx: Tx,
    waiting: { productId: string; userId: string },
  ): Promise<Waiting | 'unknown_product' | 'too_many'>;
  /** Does nothing where the account does not wait. */
  forget(db: Queryable, waiting: { productId: string; userId: string }): Promise<void>;
  /** Deletes all who wait for a product, which will not be there again. */
  forgetProduct(tx: Tx, productId: string): Promise<void>;
  /** Deletes all that an account waits for. */
  forgetUser(tx: Tx, userId: string): Promise<void>;
  /** Reports up to `accountsMax` accounts whose product is available and for sale, and returns how many they were. */
  report(db: Database, accountsMax: number): Promise<number>;
};

/** What is not known to be withdrawn is for sale: see the migration. */
const isForSale = 'NOT EXISTS (SELECT FROM products p WHERE p.product_id = s.product_id AND NOT p.active)';

/** An account's share: a thousand products. */
const productsOfAccountMax = 1000;

export const createBackInStockStore = ({
  events,
  clock,
}: {
  events: Pick<EventPublisher<Published>, 'event'>;
  clock: Clock;
}): BackInStockStore => ({
  ask: async (tx, { productId, userId }) => {
    const { rows: known } = await tx.query(`SELECT FROM stock s WHERE product_id = $1 AND ${isForSale}`, [
      productId,
    ]);
    if (known.length === 0) return 'unknown_product';
    const { rows } = await tx.query<Waiting>(
      `INSERT INTO back_in_stock (product_id, user_id, asked_at)
       SELECT $1, $2, $3 WHERE (SELECT count(*) FROM back_in_stock WHERE user_id = $2 AND product_id <> $1) < $4
       ON CONFLICT (product_id, user_id) DO UPDATE SET asked_at = back_in_stock.asked_at
       RETURNING product_id AS "productId", user_id AS "userId", asked_at AS "askedAt"`,
      [productId, userId, new Date(clock.nowMs()), productsOfAccountMax],
    );
    return rows[0] ?? 'too_many';
  },

  forget: async (db, { productId, userId }) => {
    await db.query('DELETE FROM back_in_stock WHERE product_id = $1 AND user_id = $2', [productId, userId]);
  },

  forgetProduct: async (tx, productId) => {
    await tx.query('DELETE FROM back_in_stock WHERE product_id = $1', [productId]);
  },

  forgetUser: async (tx, userId) => {
    await tx.query('DELETE FROM back_in_stock WHERE user_id = $1', [userId]);
  },

  report: async (db, accountsMax) => {
    // Nearly always nobody is, and this needs no transaction.
    if (!(await isAnyDue(db))) return 0;
    return inTransaction(db, async (tx) => {
      const occurredAt = clock.nowMs();
      // The stock's rows stay unlocked: an order need not wait for a notice.
      const { rows } = await tx.query<Waiting & { available: number }>(
        `WITH due AS (
           SELECT product_id, user_id, on_hand - reserved AS available FROM back_in_stock b JOIN stock s USING (product_id)
           WHERE on_hand > reserved AND ${isForSale} ORDER BY asked_at LIMIT $1 FOR UPDATE OF b SKIP LOCKED
         )
         DELETE FROM back_in_stock b USING due WHERE b.product_id = due.product_id AND b.user_id = due.user_id
         RETURNING b.product_id AS "productId", b.user_id AS "userId", b.asked_at AS "askedAt", due.available`,
        [accountsMax],
      );
      await append(
        tx,
        rows.map(({ productId, userId, askedAt, available }) =>
          events.event(
            'BackInStock',
            productId,
            { productId, userId, available, askedAt: askedAt.getTime(), occurredAt },
            { occurredAt },
          ),
        ),
      );
      return rows.length;
    });
  },
});

const isAnyDue = async (db: Queryable): Promise<boolean> => {
  const { rows } = await db.query<{ isAnyDue: boolean }>(
    `SELECT EXISTS (SELECT FROM back_in_stock JOIN stock s USING (product_id)
                    WHERE on_hand > reserved AND ${isForSale}) AS "isAnyDue"`,
  );
  return rows[0]?.isAnyDue === true;
};
