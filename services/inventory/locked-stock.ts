import { listParameter } from '#platform/postgres/list-parameter';
import type { Tx } from '#platform/postgres/transaction';
import type { StockReservedLine } from '#schemas/events';
import type { Line } from './hold.js';
import { available, isLow } from './stock.js';

/** What a step of a hold does to each piece of its lines, and the movement that records it. */
export type StockMove = {
  /** The kind of the movement. */
  movement: string;
  /** What each piece of a line adds to the pieces on hand and to the reserved pieces. */
  onHand: -1 | 0 | 1;
  reserved: -1 | 0 | 1;
  orderId: string;
  reason: string | null;
};

/** A product whose available pieces have just fallen to its threshold or below. */
export type LowStockLine = {
  productId: string;
  available: number;
  lowStockThreshold: number;
  stockVersion: number;
};

/** The stock of some products, locked until the transaction ends. Moves take effect in memory, and with `save` in the rows. */
export type LockedStock = {
  /** Undefined for a product without a stock row. */
  available(productId: string): number | undefined;
  /** `lines` name each product once, sorted. Returns the stock after the move, without products that have no row. */
  move(lines: readonly Line[], move: StockMove): { lines: StockReservedLine[]; low: LowStockLine[] };
  /** Writes the moved rows and a movement for each line. */
  save(tx: Tx, at: Date): Promise<void>;
};

type Row = {
  productId: string;
  onHand: number;
  reserved: number;
  lowStockThreshold: number;
  stockVersion: number;
};
type Movement = Omit<Row, 'lowStockThreshold'> & {
  kind: string;
  onHandDelta: number;
  reservedDelta: number;
  orderId: string;
  reason: string | null;
};

/** Locks the rows in product order, so that two transactions never deadlock here. */
export const lockStock = async (tx: Tx, productIds: readonly string[]): Promise<LockedStock> => {
  const rows = productIds.length === 0 ? [] : await lockRows(tx, [...new Set(productIds)]);
  const stock = new Map(rows.map((row) => [row.productId, row]));
  const movements: Movement[] = [];

  const moveLine = (
    { productId, quantity }: Line,
    by: StockMove,
    low: LowStockLine[],
  ): StockReservedLine[] => {
    const row = stock.get(productId);
    if (row === undefined) return [];
    const onHandDelta = quantity * by.onHand;
    const reservedDelta = quantity * by.reserved;
    const { lowStockThreshold, ...before } = row;
    row.onHand += onHandDelta;
    row.reserved += reservedDelta;
    row.stockVersion += 1;
    const { onHand, reserved, stockVersion } = row;
    movements.push({
      productId,
      onHand,
      reserved,
      stockVersion,
      kind: by.movement,
      onHandDelta,
      reservedDelta,
      orderId: by.orderId,
      reason: by.reason,
    });
    const left = available(row);
    if (isLow(row, lowStockThreshold) && !isLow(before, lowStockThreshold))
      low.push({ productId, available: left, lowStockThreshold, stockVersion });
    return [{ productId, quantity, available: left, stockVersion }];
  };

  return {
    available: (productId) => {
      const row = stock.get(productId);
      return row === undefined ? undefined : available(row);
    },
    move: (lines, by) => {
      const low: LowStockLine[] = [];
      return { lines: lines.flatMap((line) => moveLine(line, by, low)), low };
    },
    save: async (tx, at) => {
      if (movements.length > 0) await tx.query(saveMovements, [JSON.stringify(movements), at]);
    },
  };
};

const lockRows = async (tx: Tx, productIds: readonly string[]): Promise<Row[]> => {
  const { rows } = await tx.query<Row>(
    `SELECT product_id AS "productId", on_hand AS "onHand", reserved, low_stock_threshold AS "lowStockThreshold",
            stock_version AS "stockVersion"
     FROM stock WHERE product_id = ANY (${listParameter(1, 'uuid')}) ORDER BY product_id FOR UPDATE`,
    [productIds],
  );
  return rows;
};

/** A product's row becomes what its last movement has left. */
const saveMovements = `
  WITH moved AS (
    SELECT * FROM jsonb_to_recordset($1::jsonb) AS m("productId" uuid, "stockVersion" bigint, kind text,
      "onHandDelta" integer, "reservedDelta" integer, "onHand" integer, reserved integer, "orderId" uuid, reason text)
  ), last AS (
    SELECT DISTINCT ON ("productId") "productId", "onHand", reserved, "stockVersion" FROM moved
    ORDER BY "productId", "stockVersion" DESC
  ), changed AS (
    UPDATE stock SET on_hand = last."onHand", reserved = last.reserved, stock_version = last."stockVersion",
      updated_at = $2
    FROM last WHERE stock.product_id = last."productId"
  )
  INSERT INTO movements (product_id, stock_version, kind, on_hand_delta, reserved_delta, on_hand, reserved,
                         order_id, reason, occurred_at)
  SELECT "productId", "stockVersion", kind, "onHandDelta", "reservedDelta", "onHand", reserved, "orderId", reason, $2
  FROM moved`;
