import type { Clock } from '#platform/clock';
import type { EventMessage, EventPublisher } from '#platform/messaging/events';
import { append } from '#platform/outbox/outbox';
import type { Batch } from '#platform/postgres/gathering';
import type { Queryable } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';
import type { EventMap, EventType } from '#schemas/events';
import type { LowStockLine } from './locked-stock.js';
import { type AdjustmentRefusal, available, isLow, type Stock, stateOnHand } from './stock.js';

export type StockRow = Stock & {
  productId: string;
  lowStockThreshold: number;
  stockVersion: number;
  updatedAt: Date;
};

export type Movement = {
  movementId: number;
  kind: string;
  onHandDelta: number;
  reservedDelta: number;
  onHand: number;
  reserved: number;
  orderId: string | null;
  reason: string | null;
  occurredAt: Date;
};

export type StockStore = {
  /** Creates a product's stock row with `onHand` pieces; does nothing if it exists. */
  open(tx: Tx, productId: string, onHand: number): Promise<void>;
  adjust(
    tx: Tx,
    productId: string,
    change: {
      onHand: (stock: Stock) => number;
      lowStockThreshold?: number | undefined;
      reason: string;
    },
  ): Promise<StockRow | AdjustmentRefusal | { refused: 'unknown_product' }>;
  find(db: Queryable, productId: string): Promise<StockRow | undefined>;
  /** Sorted by product id; with `isLow` only products at their threshold or below. */
  list(
    db: Queryable,
    page: { afterProductId: string | undefined; rowsMax: number; isLow?: boolean },
  ): Promise<StockRow[]>;
  movements(
    db: Queryable,
    productId: string,
    page: { beforeMovementId: number | undefined; rowsMax: number },
  ): Promise<Movement[]>;
};

const stockColumns = `product_id AS "productId", on_hand AS "onHand", reserved,
  low_stock_threshold AS "lowStockThreshold", stock_version AS "stockVersion", updated_at AS "updatedAt"`;

/** The types of events that this service publishes; publishing another one does not compile. */
export const publishes = [
  'StockReserved',
  'StockRejected',
  'StockReleased',
  'StockCommitted',
  'StockReturned',
  'StockAdjusted',
  'LowStock',
  'BackInStock',
] as const satisfies readonly EventType[];
export type Published = Pick<EventMap, (typeof publishes)[number]>;

export const lowStock = (
  events: Pick<EventPublisher<Published>, 'event'>,
  low: LowStockLine,
  occurredAt: number,
): EventMessage => events.event('LowStock', low.productId, { ...low, occurredAt }, { occurredAt });

/** The stock of each product, as rows. Every write appends its event to the outbox in the same transaction. */
export const createStockStore = ({
  events,
  clock,
}: {
  events: Pick<EventPublisher<Published>, 'event'>;
  clock: Clock;
}): StockStore => {
  const publish = (tx: Tx, adjusted: EventMap['StockAdjusted']) => {
    const { productId, occurredAt } = adjusted;
    return append(tx, [events.event('StockAdjusted', productId, adjusted, { occurredAt })]);
  };

  return {
    open: async (tx, productId, onHand) => {
      const nowMs = clock.nowMs();
      const isOpened = await tx.gather(openAll, { productId, onHand, nowMs });
      if (!isOpened) return;
      const opened = { productId, onHand, available: onHand, delta: onHand, stockVersion: 1 };
      await publish(tx, { ...opened, reason: 'initial', occurredAt: nowMs });
    },

    adjust: async (tx, productId, { onHand: target, lowStockThreshold, reason }) => {
      const stock = await lockRow(tx, productId);
      if (!stock) return { refused: 'unknown_product' };
      const adjustment = stateOnHand(stock, target(stock));
      if ('refused' in adjustment) return adjustment;
      const occurredAt = clock.nowMs();
      const { rows } = await tx.query<StockRow>(
        `WITH changed AS (
           UPDATE stock SET on_hand = on_hand + $2, low_stock_threshold = coalesce($3, low_stock_threshold),
             stock_version = stock_version + 1, updated_at = $5
           WHERE product_id = $1 RETURNING *
         ), noted AS (
           INSERT INTO movements (product_id, stock_version, kind, on_hand_delta, reserved_delta, on_hand, reserved,
                                  reason, occurred_at)
           SELECT product_id, stock_version, 'adjusted', $2, 0, on_hand, reserved, $4, $5 FROM changed
         )
         SELECT ${stockColumns} FROM changed`,
        [productId, adjustment.delta, lowStockThreshold ?? null, reason, new Date(occurredAt)],
      );
      const row = rows[0] as StockRow;
      const { onHand, stockVersion } = row;
      const { delta } = adjustment;
      const left = available(row);
      await publish(tx, {
        productId: row.productId,
        onHand,
        available: left,
        delta,
        stockVersion,
        reason,
        occurredAt,
      });
      if (isLow(row, row.lowStockThreshold) && !isLow(stock, stock.lowStockThreshold)) {
        const { lowStockThreshold } = row;
        const low = { productId: row.productId, available: left, lowStockThreshold, stockVersion };
        await append(tx, [lowStock(events, low, occurredAt)]);
      }
      return row;
    },

    find,
    list,
    movements,
  };
};

/** Answers for each product whether it was new. */
const openAll: Batch<{ productId: string; onHand: number; nowMs: number }, boolean> = async (
  tx,
  products,
) => {
  const { rows } = await tx.query<{ productId: string }>(
    `WITH opened AS (
       INSERT INTO stock (product_id, on_hand, updated_at)
       SELECT product_id, on_hand, to_timestamp(now_ms / 1000.0)
       FROM unnest($1::uuid[], $2::integer[], $3::bigint[]) AS given(product_id, on_hand, now_ms) ORDER BY 1
       ON CONFLICT (product_id) DO NOTHING RETURNING product_id, on_hand, stock_version, updated_at
     )
     INSERT INTO movements (product_id, stock_version, kind, on_hand_delta, reserved_delta, on_hand, reserved,
                            reason, occurred_at)
     SELECT product_id, stock_version, 'initial', on_hand, 0, on_hand, 0, 'initial', updated_at FROM opened
     RETURNING product_id AS "productId"`,
    [
      products.map(({ productId }) => productId),
      products.map(({ onHand }) => onHand),
      products.map(({ nowMs }) => nowMs),
    ],
  );
  const opened = new Set(rows.map(({ productId }) => productId));
  // The second of two equal products is not new either.
  return products.map(({ productId }) => opened.delete(productId));
};

const find: StockStore['find'] = async (db, productId) => {
  const { rows } = await db.query<StockRow>(`SELECT ${stockColumns} FROM stock WHERE product_id = $1`, [
    productId,
  ]);
  return rows[0];
};

const list: StockStore['list'] = async (db, { afterProductId, rowsMax, isLow: onlyLow = false }) => {
  const { rows } = await db.query<StockRow>(
    `SELECT ${stockColumns} FROM stock
     WHERE ($1::uuid IS NULL OR product_id > $1) AND (NOT $3 OR on_hand - reserved <= low_stock_threshold)
     ORDER BY product_id LIMIT $2`,
    [afterProductId ?? null, rowsMax, onlyLow],
  );
  return rows;
};

const movements: StockStore['movements'] = async (db, productId, { beforeMovementId, rowsMax }) => {
  const { rows } = await db.query<Movement>(
    `SELECT movement_id AS "movementId", kind, on_hand_delta AS "onHandDelta",
            reserved_delta AS "reservedDelta", on_hand AS "onHand", reserved, order_id AS "orderId",
            reason, occurred_at AS "occurredAt"
     FROM movements WHERE product_id = $1 AND ($2::bigint IS NULL OR movement_id < $2)
     ORDER BY movement_id DESC LIMIT $3`,
    [productId, beforeMovementId ?? null, rowsMax],
  );
  return rows;
};

const lockRow = async (tx: Tx, productId: string): Promise<StockRow | undefined> => {
  const { rows } = await tx.query<StockRow>(
    `SELECT ${stockColumns} FROM stock WHERE product_id = $1 FOR UPDATE`,
    [productId],
  );
  return rows[0];
};
