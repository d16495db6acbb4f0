import type { Clock } from '#platform/clock';
import type { EventPublisher } from '#platform/messaging/events';
import { append } from '#platform/outbox/outbox';
import type { Queryable } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';
import type { EventMap, StockReservedLine } from '#schemas/events';
import {
  type AdjustmentRefusal,
  decide,
  type Hold,
  type HoldRefusal,
  type Line,
  type Stock,
  stateOnHand,
} from './stock.js';

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

export type ReserveOutcome = 'reserved' | 'rejected' | 'already_decided';

export type StockStore = {
  /** Opens a product's stock with `onHand` pieces; nothing if it is open already. */
  open(tx: Tx, productId: string, onHand: number): Promise<void>;
  /**
   * Holds every line or none. `unknown` names the products there is no stock row for, and then nothing has been
   * decided; with `unknownAreSoldOut` they count as sold out instead.
   */
  reserve(
    tx: Tx,
    orderId: string,
    lines: readonly Line[],
    options?: { unknownAreSoldOut?: boolean },
  ): Promise<ReserveOutcome | { unknown: string[] }>;
  release(tx: Tx, orderId: string, reason: string): Promise<void>;
  commit(tx: Tx, orderId: string): Promise<HoldRefusal | undefined>;
  takeBack(
    tx: Tx,
    orderId: string,
    returnId: string,
    lines: readonly Line[],
  ): Promise<HoldRefusal | undefined>;
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
  list(db: Queryable, page: { afterProductId: string | undefined; rowsMax: number }): Promise<StockRow[]>;
  movements(
    db: Queryable,
    productId: string,
    page: { beforeMovementId: number | undefined; rowsMax: number },
  ): Promise<Movement[]>;
};

/** One change of several products' stock. The factors say what a piece of a line does to either count. */
type Change = {
  kind: string;
  onHandFactor: -1 | 0 | 1;
  reservedFactor: -1 | 0 | 1;
  onlyIfAvailable: boolean;
};

const changes = {
  reserve: { kind: 'reserved', onHandFactor: 0, reservedFactor: 1, onlyIfAvailable: true },
  release: { kind: 'released', onHandFactor: 0, reservedFactor: -1, onlyIfAvailable: false },
  commit: { kind: 'committed', onHandFactor: -1, reservedFactor: -1, onlyIfAvailable: false },
  restock: { kind: 'returned', onHandFactor: 1, reservedFactor: 0, onlyIfAvailable: false },
} as const satisfies Record<string, Change>;

/**
 * The rows are locked in product order, so that two orders never wait for each other in a circle, and changed
 * together or not at all: the condition counts the lines that can be served and wants all of them. The stock
 * read is the stock written, because both happen under the lock.
 */
const changeStock = `
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

const stockColumns = `product_id AS "productId", on_hand AS "onHand", reserved,
  low_stock_threshold AS "lowStockThreshold", stock_version AS "stockVersion", updated_at AS "updatedAt"`;

/** Stock and holds as rows. Every write appends its event to the outbox in the same transaction. */
export const createStockStore = ({
  events,
  clock,
  holdMs,
}: {
  events: Pick<EventPublisher<EventMap>, 'event'>;
  clock: Clock;
  holdMs: number;
}): StockStore => {
  const change = async (
    tx: Tx,
    { kind, onHandFactor, reservedFactor, onlyIfAvailable }: Change,
    lines: readonly Line[],
    note: { orderId: string; reason: string | null; at: Date },
  ): Promise<StockReservedLine[]> => {
    const { rows } = await tx.query<StockReservedLine>(changeStock, [
      lines.map(({ productId }) => productId),
      lines.map(({ quantity }) => quantity),
      onHandFactor,
      reservedFactor,
      onlyIfAvailable,
      kind,
      note.orderId,
      note.at,
      note.reason,
    ]);
    return rows;
  };

  const publish = <T extends keyof EventMap>(
    tx: Tx,
    type: T,
    key: string,
    value: EventMap[T],
    occurredAt: number,
  ) => append(tx, [events.event(type, key, value, { occurredAt })]);

  const saveHold = async (tx: Tx, orderId: string, hold: Hold, at: Date, expiresAt: Date | null = null) => {
    await tx.query(
      `INSERT INTO holds (order_id, status, lines, expires_at, created_at, updated_at)
       VALUES ($1, $2, $3, $4, $5, $5)
       ON CONFLICT (order_id) DO UPDATE SET status = excluded.status, updated_at = excluded.updated_at`,
      [orderId, hold.status, JSON.stringify('lines' in hold ? hold.lines : []), expiresAt, at],
    );
  };

  const stillAvailable = async (tx: Tx, lines: readonly Line[]): Promise<Map<string, number>> => {
    const { rows } = await tx.query<{ productId: string; available: number }>(
      `SELECT product_id AS "productId", on_hand - reserved AS available FROM stock
       WHERE product_id = ANY ($1::uuid[])`,
      [lines.map(({ productId }) => productId)],
    );
    return new Map(rows.map(({ productId, available }) => [productId, available]));
  };

  return {
    open: async (tx, productId, onHand) => {
      const nowMs = clock.nowMs();
      const { rowCount } = await tx.query(
        `WITH opened AS (
           INSERT INTO stock (product_id, on_hand, updated_at) VALUES ($1, $2, $3)
           ON CONFLICT (product_id) DO NOTHING RETURNING product_id, on_hand, stock_version
         )
         INSERT INTO movements (product_id, stock_version, kind, on_hand_delta, reserved_delta, on_hand, reserved,
                                reason, occurred_at)
         SELECT product_id, stock_version, 'initial', on_hand, 0, on_hand, 0, 'initial', $3 FROM opened`,
        [productId, onHand, new Date(nowMs)],
      );
      if (rowCount === 0) return;
      const opened = {
        productId,
        onHand,
        available: onHand,
        delta: onHand,
        stockVersion: 1,
        reason: 'initial',
      };
      await publish(tx, 'StockAdjusted', productId, { ...opened, occurredAt: nowMs }, nowMs);
    },

    reserve: async (tx, orderId, lines, { unknownAreSoldOut = false } = {}) => {
      const decision = decide({ type: 'ReserveStock', lines }, await lockHold(tx, orderId));
      if (!('action' in decision) || decision.action !== 'reserve') return 'already_decided';
      const occurredAt = clock.nowMs();
      const at = new Date(occurredAt);
      const held = await change(tx, changes.reserve, decision.lines, { orderId, reason: null, at });
      if (held.length > 0) {
        const expiresAt = occurredAt + holdMs;
        await saveHold(tx, orderId, { status: 'held', lines: decision.lines }, at, new Date(expiresAt));
        await publish(
          tx,
          'StockReserved',
          orderId,
          { orderId, lines: held, expiresAt, occurredAt },
          occurredAt,
        );
        return 'reserved';
      }
      const stock = await stillAvailable(tx, decision.lines);
      const unknown = decision.lines.filter(({ productId }) => !stock.has(productId));
      if (unknown.length > 0 && !unknownAreSoldOut)
        return { unknown: unknown.map(({ productId }) => productId) };
      const short = decision.lines
        .map(({ productId, quantity }) => ({
          productId,
          requested: quantity,
          available: stock.get(productId) ?? 0,
        }))
        .filter(({ requested, available }) => available < requested);
      await saveHold(tx, orderId, { status: 'rejected' }, at);
      await publish(tx, 'StockRejected', orderId, { orderId, lines: short, occurredAt }, occurredAt);
      return 'rejected';
    },

    release: async (tx, orderId, reason) => {
      const decision = decide({ type: 'ReleaseStock' }, await lockHold(tx, orderId));
      const occurredAt = clock.nowMs();
      const at = new Date(occurredAt);
      if (!('action' in decision) || decision.action === 'nothing') return;
      await saveHold(tx, orderId, { status: 'released' }, at);
      if (decision.action !== 'release') return;
      const lines = await change(tx, changes.release, decision.lines, { orderId, reason, at });
      await publish(tx, 'StockReleased', orderId, { orderId, reason, lines, occurredAt }, occurredAt);
    },

    commit: async (tx, orderId) => {
      const decision = decide({ type: 'CommitStock' }, await lockHold(tx, orderId));
      if ('refused' in decision) return decision;
      if (decision.action !== 'commit') return undefined;
      const occurredAt = clock.nowMs();
      const at = new Date(occurredAt);
      await saveHold(tx, orderId, { status: 'committed', lines: decision.lines }, at);
      const lines = await change(tx, changes.commit, decision.lines, { orderId, reason: null, at });
      await publish(tx, 'StockCommitted', orderId, { orderId, lines, occurredAt }, occurredAt);
      return undefined;
    },

    takeBack: async (tx, orderId, returnId, returned) => {
      const decision = decide({ type: 'TakeBack', lines: returned }, await lockHold(tx, orderId));
      if ('refused' in decision) return decision;
      if (decision.action !== 'restock') return undefined;
      const occurredAt = clock.nowMs();
      const at = new Date(occurredAt);
      const { rowCount } = await tx.query(
        'INSERT INTO returns (return_id, order_id, occurred_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
        [returnId, orderId, at],
      );
      if (rowCount === 0) return undefined;
      const lines = await change(tx, changes.restock, decision.lines, { orderId, reason: returnId, at });
      await publish(tx, 'StockReturned', orderId, { orderId, returnId, lines, occurredAt }, occurredAt);
      return undefined;
    },

    adjust: async (tx, productId, { onHand: target, lowStockThreshold, reason }) => {
      const stock = await lockStock(tx, productId);
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
      const { onHand, reserved, stockVersion } = row;
      const adjusted = {
        productId: row.productId,
        onHand,
        available: onHand - reserved,
        delta: adjustment.delta,
        stockVersion,
      };
      await publish(tx, 'StockAdjusted', row.productId, { ...adjusted, reason, occurredAt }, occurredAt);
      return row;
    },

    find: async (db, productId) => {
      const { rows } = await db.query<StockRow>(`SELECT ${stockColumns} FROM stock WHERE product_id = $1`, [
        productId,
      ]);
      return rows[0];
    },

    list: async (db, { afterProductId, rowsMax }) => {
      const { rows } = await db.query<StockRow>(
        `SELECT ${stockColumns} FROM stock WHERE $1::uuid IS NULL OR product_id > $1
         ORDER BY product_id LIMIT $2`,
        [afterProductId ?? null, rowsMax],
      );
      return rows;
    },

    movements: async (db, productId, { beforeMovementId, rowsMax }) => {
      const { rows } = await db.query<Movement>(
        `SELECT movement_id AS "movementId", kind, on_hand_delta AS "onHandDelta",
                reserved_delta AS "reservedDelta", on_hand AS "onHand", reserved, order_id AS "orderId",
                reason, occurred_at AS "occurredAt"
         FROM movements WHERE product_id = $1 AND ($2::bigint IS NULL OR movement_id < $2)
         ORDER BY movement_id DESC LIMIT $3`,
        [productId, beforeMovementId ?? null, rowsMax],
      );
      return rows;
    },
  };
};

const lockHold = async (tx: Tx, orderId: string): Promise<Hold> => {
  const { rows } = await tx.query<{ status: Exclude<Hold['status'], 'none'>; lines: Line[] }>(
    'SELECT status, lines FROM holds WHERE order_id = $1 FOR UPDATE',
    [orderId],
  );
  const row = rows[0];
  if (!row) return { status: 'none' };
  return row.status === 'held' || row.status === 'committed'
    ? { status: row.status, lines: row.lines }
    : { status: row.status };
};

const lockStock = async (tx: Tx, productId: string): Promise<StockRow | undefined> => {
  const { rows } = await tx.query<StockRow>(
    `SELECT ${stockColumns} FROM stock WHERE product_id = $1 FOR UPDATE`,
    [productId],
  );
  return rows[0];
};
