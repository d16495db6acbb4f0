import type { Database } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';

/** An order that has not ended keeps its address for so long, for what is still to be sent or to come back. */
export const openKeptMs = 30 * 24 * 60 * 60_000;
/** Longer than an access token can outlive its account. */
const ordersLateMsMax = 2 * 60 * 60_000;

/**
 * Deletes what orders say of a buyer whose account was erased. Lines, amounts and the country stay. An order that ends is
 * erased by the trigger `orders_erase_buyer` of PostgreSQL, which sets the same columns as `sweep`.
 */
export const buyerStore = {
  /** Orders that have ended are erased at once, others when they end, after `openKeptMs` at the latest. */
  erase: async (tx: Tx, userId: string, erasedAtMs: number): Promise<void> => {
    await tx.query(
      'INSERT INTO erased_buyers (user_id, erased_at) VALUES ($1, $2) ON CONFLICT (user_id) DO NOTHING',
      [userId, new Date(erasedAtMs)],
    );
    await tx.query(
      `UPDATE orders SET erase_by = $2
       WHERE user_id = $1 AND erase_by IS NULL AND shipping_address <> erased_address(shipping_address)`,
      [userId, new Date(erasedAtMs + openKeptMs)],
    );
    // What the buyer typed.
    await tx.query(
      `UPDATE order_events SET data = data - 'reason'
       WHERE type = 'OrderReturned' AND order_id IN (SELECT order_id FROM orders WHERE user_id = $1)`,
      [userId],
    );
    // The answer to a cancellation has the address. Who repeats it from now on is answered anew.
    await tx.query(
      `DELETE FROM idempotency_keys
       WHERE principal = $1::text OR body->>'id' IN (SELECT order_id::text FROM orders WHERE user_id = $1::uuid)`,
      [userId],
    );
  },

  /**
   * Notes the orders that came after the account was erased, and erases those that have not ended within `openKeptMs`.
   * Returns how many it erased.
   */
  sweep: async (db: Pick<Database, 'query'>, nowMs: number): Promise<number> => {
    const now = new Date(nowMs);
    await db.query(
      `UPDATE orders SET erase_by = $1 FROM erased_buyers AS buyer
       WHERE orders.user_id = buyer.user_id AND orders.created_at >= buyer.erased_at - interval '1 minute'
         AND erase_by IS NULL AND shipping_address <> erased_address(shipping_address)`,
      [new Date(nowMs + openKeptMs)],
    );
    await db.query('DELETE FROM erased_buyers WHERE erased_at < $1', [new Date(nowMs - ordersLateMsMax)]);
    const { rowCount } = await db.query(
      `UPDATE orders SET email = NULL, shipping_address = erased_address(shipping_address), erase_by = NULL
       WHERE erase_by < $1`,
      [now],
    );
    return rowCount ?? 0;
  },
};
