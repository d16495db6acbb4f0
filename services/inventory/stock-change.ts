import type { Queryable } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';
import type { StockReservedLine } from '#schemas/events';
import type { Line } from './hold.js';

/**
 * The rows are locked in product order, so that two orders never deadlock, and changed together or not at all: the
 * statement counts the lines that can be served and requires all of them. The stock cannot change between reading and
 * writing, because both happen under the lock.
 */
const changeRows = `
  WITH wanted AS (
    SELECT product_id, quantity FROM unnest($1::uuid[], $2::int[]) AS line(product_id, quantity)
  ), locked AS (
    SELECT s.product_id, w.quantity, s.on_hand - s.reserved >= w.quantity AS is_available
    FROM stock s JOIN wanted w USING (product_id)
    ORDER BY s.product_id FOR UPDATE OF s
  ), changed AS (
    UPDATE stock s
    SET on_hand = s.on_hand + l.quantity * $3, reserved = s.reserved + l.quantity * $4,
        stock_version = s.stock_version + 1, updated_at = $8
    FROM locked l
    WHERE s.product_id = l.product_id
      AND (SELECT count(*) FROM locked WHERE is_available OR NOT $5::boolean) = cardinality($1::uuid[])
    RETURNING s.product_id, l.quantity, s.on_hand, s.reserved, s.stock_version
  ), noted AS (
    INSERT INTO movements (product_id, stock_version, kind, on_hand_delta, reserved_delta, on_hand, reserved,
                           order_id, reason, occurred_at)
    SELECT product_id, stock_version, $6, quantity * $3, quantity * $4, on_hand, reserved, $7, $9, $8 FROM changed
  )
  SELECT product_id AS "productId", quantity, on_hand - reserved AS available, stock_version AS "stockVersion"
  FROM changed ORDER BY product_id`;

export type StockChange = {
  /** The kind of the movement that is recorded for each line. */
  movement: string;
  /** What each piece of a line adds to the pieces on hand and to the reserved pieces. */
  onHand: -1 | 0 | 1;
  reserved: -1 | 0 | 1;
  /** If true, no line changes when the available stock of one is too low. */
  onlyIfAvailable: boolean;
  orderId: string;
  reason: string | null;
  at: Date;
};

/** `lines` name each product once, sorted. Returns the stock after the change; empty when the change was refused. */
export const changeStock = async (
  tx: Tx,
  lines: readonly Line[],
  { movement, onHand, reserved, onlyIfAvailable, orderId, reason, at }: StockChange,
): Promise<StockReservedLine[]> => {
  const { rows } = await tx.query<StockReservedLine>(changeRows, [
    lines.map(({ productId }) => productId),
    lines.map(({ quantity }) => quantity),
    onHand,
    reserved,
    onlyIfAvailable,
    movement,
    orderId,
    at,
    reason,
  ]);
  return rows;
};

/** The available pieces of each of the products that has a stock row. */
export const availableOf = async (
  db: Queryable,
  productIds: readonly string[],
): Promise<Map<string, number>> => {
  const { rows } = await db.query<{ productId: string; available: number }>(
    `SELECT product_id AS "productId", on_hand - reserved AS available FROM stock
     WHERE product_id = ANY ($1::uuid[])`,
    [productIds],
  );
  return new Map(rows.map(({ productId, available }) => [productId, available]));
};
