import type { Clock } from '#platform/clock';
import type { EventMessage, EventPublisher } from '#platform/messaging/events';
import { append } from '#platform/outbox/outbox';
import type { Tx } from '#platform/postgres/transaction';
import type { StockReservedLine } from '#schemas/events';
import {
  decide,
  effects,
  evolve,
  type Hold,
  type HoldCommand,
  type HoldEvent,
  type HoldRefusal,
  type HoldStatus,
  isRefusal,
  type Line,
  type Return,
} from './hold.js';
import { availableOf, changeStock } from './stock-change.js';
import type { Published } from './stock-store.js';

export type ReserveOutcome = 'reserved' | 'rejected' | 'already_decided';

export type HoldStore = {
  /**
   * Holds every line or none. If it returns `unknown`, these products have no stock row, and nothing was decided. With
   * `unknownAreSoldOut` they count as sold out instead.
   */
  reserve(
    tx: Tx,
    orderId: string,
    lines: readonly Line[],
    options?: { unknownAreSoldOut?: boolean },
  ): Promise<ReserveOutcome | { unknown: string[] }>;
  /** Returns the pieces that a cancelled order holds, or has taken, to the stock. */
  release(tx: Tx, orderId: string, reason: string): Promise<void>;
  commit(tx: Tx, orderId: string): Promise<HoldRefusal | undefined>;
  takeBack(
    tx: Tx,
    orderId: string,
    returnId: string,
    lines: readonly Line[],
  ): Promise<HoldRefusal | undefined>;
};

type Events = Pick<EventPublisher<Published>, 'event'>;

/** Stores holds as rows. The row's lock makes the steps of one order follow one another. */
export const createHoldStore = ({
  events,
  clock,
  holdMs,
}: {
  events: Events;
  clock: Clock;
  holdMs: number;
}): HoldStore => {
  /** Decides and writes the stock, the hold and the event. `short` when the stock did not suffice. */
  const update = async (
    tx: Tx,
    orderId: string,
    command: HoldCommand,
  ): Promise<HoldRefusal | 'done' | 'nothing' | 'short'> => {
    const hold = await lock(tx, orderId);
    const decision = decide(command, hold);
    if (isRefusal(decision)) return decision;
    const nowMs = clock.nowMs();
    const messages: EventMessage[] = [];
    for (const event of decision) {
      const lines = await moveStock(tx, orderId, event, nowMs);
      if (lines === 'short') return 'short';
      messages.push(...published(events, orderId, event, lines, { nowMs, holdMs }));
    }
    if (decision.length === 0) return 'nothing';
    for (const event of decision)
      if (event.type === 'StockReturned') await saveReturn(tx, orderId, event, nowMs);
    await save(tx, orderId, decision.reduce(evolve, hold), { nowMs, holdMs });
    await append(tx, messages);
    return 'done';
  };

  return {
    reserve: async (tx, orderId, lines, { unknownAreSoldOut = false } = {}) => {
      const outcome = await update(tx, orderId, { type: 'ReserveStock', lines });
      if (outcome !== 'short') return outcome === 'done' ? 'reserved' : 'already_decided';
      const available = await availableOf(
        tx,
        lines.map(({ productId }) => productId),
      );
      const unknown = lines.map(({ productId }) => productId).filter((id) => !available.has(id));
      if (unknown.length > 0 && !unknownAreSoldOut) return { unknown };
      await update(tx, orderId, { type: 'RefuseReservation', lines, available });
      return 'rejected';
    },
    release: async (tx, orderId, reason) => {
      await update(tx, orderId, { type: 'ReleaseStock', reason });
    },
    commit: async (tx, orderId) => refusalIn(await update(tx, orderId, { type: 'CommitStock' })),
    takeBack: async (tx, orderId, returnId, lines) =>
      refusalIn(await update(tx, orderId, { type: 'TakeBack', returnId, lines })),
  };
};

const save = async (
  tx: Tx,
  orderId: string,
  hold: Hold,
  { nowMs, holdMs }: { nowMs: number; holdMs: number },
): Promise<void> => {
  await tx.query(
    `INSERT INTO holds (order_id, status, lines, expires_at, created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $5)
     ON CONFLICT (order_id) DO UPDATE SET status = excluded.status, updated_at = excluded.updated_at`,
    [
      orderId,
      hold.status,
      JSON.stringify('lines' in hold ? hold.lines : []),
      hold.status === 'held' ? new Date(nowMs + holdMs) : null,
      new Date(nowMs),
    ],
  );
};

const published = (
  events: Events,
  orderId: string,
  event: HoldEvent,
  lines: readonly StockReservedLine[],
  { nowMs: occurredAt, holdMs }: { nowMs: number; holdMs: number },
): EventMessage[] => {
  const message = <T extends keyof Published>(type: T, value: Published[T]) => [
    events.event(type, orderId, value, { occurredAt }),
  ];
  switch (event.type) {
    case 'StockReserved':
      return message('StockReserved', { orderId, lines, expiresAt: occurredAt + holdMs, occurredAt });
    case 'StockRejected':
      return message('StockRejected', { orderId, lines: event.lines, occurredAt });
    case 'StockReleased':
    case 'SaleUndone':
      return message('StockReleased', { orderId, reason: event.reason, lines, occurredAt });
    case 'StockCommitted':
      return message('StockCommitted', { orderId, lines, occurredAt });
    case 'StockReturned':
      return message('StockReturned', { orderId, returnId: event.returnId, lines, occurredAt });
    case 'HoldBarred':
      return [];
    default:
      return event satisfies never;
  }
};

const refusalIn = (outcome: HoldRefusal | string): HoldRefusal | undefined =>
  typeof outcome === 'string' ? undefined : outcome;

const lock = async (tx: Tx, orderId: string): Promise<Hold> => {
  const { rows } = await tx.query<{ status: Exclude<HoldStatus, 'none'>; lines: Line[]; returns: Return[] }>(
    `SELECT status, lines, (SELECT coalesce(jsonb_agg(jsonb_build_object('returnId', return_id, 'lines', r.lines)), '[]')
                            FROM returns r WHERE r.order_id = h.order_id) AS returns
     FROM holds h WHERE order_id = $1 FOR UPDATE`,
    [orderId],
  );
  const row = rows[0];
  if (!row) return { status: 'none' };
  const { status, lines, returns } = row;
  switch (status) {
    case 'held':
      return { status, lines };
    case 'committed':
    case 'undone':
      return { status, lines, returns };
    default:
      return { status };
  }
};

/** The stock of each line's product after the event; empty for an event that moves no pieces. */
const moveStock = async (
  tx: Tx,
  orderId: string,
  event: HoldEvent,
  nowMs: number,
): Promise<StockReservedLine[] | 'short'> => {
  if (event.type === 'StockRejected' || event.type === 'HoldBarred') return [];
  const lines = await changeStock(tx, event.lines, {
    ...effects[event.type],
    onlyIfAvailable: event.type === 'StockReserved',
    orderId,
    reason: reasonOf(event),
    at: new Date(nowMs),
  });
  return event.type === 'StockReserved' && lines.length === 0 ? 'short' : lines;
};

const reasonOf = (event: HoldEvent): string | null => {
  if (event.type === 'StockReturned') return event.returnId;
  return 'reason' in event ? event.reason : null;
};

const saveReturn = async (
  tx: Tx,
  orderId: string,
  { returnId, lines }: Return,
  nowMs: number,
): Promise<void> => {
  await tx.query('INSERT INTO returns (return_id, order_id, lines, occurred_at) VALUES ($1, $2, $3, $4)', [
    returnId,
    orderId,
    JSON.stringify(lines),
    new Date(nowMs),
  ]);
};
