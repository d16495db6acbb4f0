import { assert } from '#platform/assert';
import type { Clock } from '#platform/clock';
import { PlatformError } from '#platform/errors';
import type { EventMessage, EventPublisher } from '#platform/messaging/events';
import { append } from '#platform/outbox/outbox';
import type { Batch } from '#platform/postgres/gathering';
import { listParameter } from '#platform/postgres/list-parameter';
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
import { type LockedStock, type LowStockLine, lockStock } from './locked-stock.js';
import { lowStock, type Published } from './stock-store.js';

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

type Command = {
  orderId: string;
  command: HoldCommand;
  /** For a reservation: products without a stock row count as sold out, instead of leaving it undecided. */
  unknownAreSoldOut: boolean;
};

type Outcome = HoldRefusal | { unknown: string[] } | 'done' | 'rejected' | 'nothing';

/** What a command has come to, with the lines of the stock that each event has moved. */
type Decided = {
  outcome: Outcome;
  events: { event: HoldEvent; lines: StockReservedLine[]; low: LowStockLine[] }[];
  at: HoldTimes;
};

/** Now, and the end of a hold that begins now, epoch ms. */
type HoldTimes = { nowMs: number; heldUntilMs: number };

/** `holdMs` is how long a hold lasts that begins now. */
type HoldStoreDeps = { events: Events; clock: Clock; holdMs: () => number };

/** Stores holds as rows. The row's lock makes the steps of one order follow one another. */
export const createHoldStore = ({ events, clock, holdMs }: HoldStoreDeps): HoldStore => {
  const updateAll = createUpdateAll({ clock, holdMs });

  const update = async (
    tx: Tx,
    orderId: string,
    command: HoldCommand,
    unknownAreSoldOut = false,
  ): Promise<Outcome> => {
    const {
      outcome,
      events: moved,
      at,
    } = await tx.gather(updateAll, {
      orderId,
      command,
      unknownAreSoldOut,
    });
    // Made here and not in the batch, so that they carry the correlation and the trace of their own cause.
    const messages = moved.flatMap(({ event, lines, low }) => [
      ...published(events, orderId, event, lines, at),
      ...low.map((line) => lowStock(events, line, at.nowMs)),
    ]);
    await append(tx, messages);
    return outcome;
  };

  return {
    reserve: async (tx, orderId, lines, { unknownAreSoldOut = false } = {}) => {
      const outcome = await update(tx, orderId, { type: 'ReserveStock', lines }, unknownAreSoldOut);
      if (typeof outcome === 'object') {
        assert('unknown' in outcome, 'a reservation is not refused');
        return outcome;
      }
      if (outcome === 'nothing') return 'already_decided';
      return outcome === 'rejected' ? 'rejected' : 'reserved';
    },
    release: async (tx, orderId, reason) => {
      await update(tx, orderId, { type: 'ReleaseStock', reason });
    },
    commit: async (tx, orderId) => refusalIn(await update(tx, orderId, { type: 'CommitStock' })),
    takeBack: async (tx, orderId, returnId, lines) =>
      refusalIn(await update(tx, orderId, { type: 'TakeBack', returnId, lines })),
  };
};

/** Decides the commands in their order, each on the holds and the stock that the ones before have left. */
const createUpdateAll =
  ({ clock, holdMs }: Omit<HoldStoreDeps, 'events'>): Batch<Command, Decided> =>
  async (tx, commands) => {
    const nowMs = clock.nowMs();
    const at = { nowMs, heldUntilMs: nowMs + holdMs() };
    const holds = await lockHolds(
      tx,
      commands.map(({ orderId }) => orderId),
    );
    const stock = await lockStock(
      tx,
      commands.flatMap(({ orderId, command }) => productsOf(command, holds.get(orderId))),
    );
    const known = new Set(holds.keys());
    const changed = new Map<string, Hold>();
    const returns: (Return & { orderId: string })[] = [];
    const decided = commands.map(({ orderId, command, unknownAreSoldOut }): Decided => {
      const hold = holds.get(orderId) ?? { status: 'none' };
      const { decision, outcome } = decideOn(command, hold, stock, unknownAreSoldOut);
      const moved = decision.map((event) => ({
        event,
        ...(movesStock(event) ? move(stock, orderId, event) : { lines: [], low: [] }),
      }));
      for (const event of decision)
        if (event.type === 'StockReturned')
          returns.push({ orderId, returnId: event.returnId, lines: event.lines });
      if (decision.length > 0) {
        const after = decision.reduce(evolve, hold);
        holds.set(orderId, after);
        changed.set(orderId, after);
      }
      return { outcome, events: moved, at };
    });
    if (changed.size === 0) return decided;
    await Promise.all([
      stock.save(tx, new Date(nowMs)),
      returns.length > 0 && saveReturns(tx, returns, nowMs),
      saveHolds(tx, changed, { known, ...at }),
    ]);
    return decided;
  };

/** A reservation takes effect only if the stock suffices for every line; otherwise it is refused as a whole. */
const decideOn = (
  command: HoldCommand,
  hold: Hold,
  stock: LockedStock,
  unknownAreSoldOut: boolean,
): { decision: readonly HoldEvent[]; outcome: Outcome } => {
  const decision = decide(command, hold);
  if (isRefusal(decision)) return { decision: [], outcome: decision };
  if (decision.length === 0) return { decision, outcome: 'nothing' };
  const [event] = decision;
  if (command.type !== 'ReserveStock' || event?.type !== 'StockReserved')
    return { decision, outcome: 'done' };
  if (event.lines.every(({ productId, quantity }) => (stock.available(productId) ?? -1) >= quantity))
    return { decision, outcome: 'done' };
  const unknown = event.lines
    .map(({ productId }) => productId)
    .filter((id) => stock.available(id) === undefined);
  if (unknown.length > 0 && !unknownAreSoldOut) return { decision: [], outcome: { unknown } };
  const available = new Map(event.lines.map(({ productId: id }) => [id, stock.available(id) ?? 0]));
  const refused = decide({ type: 'RefuseReservation', lines: command.lines, available }, hold);
  assert(!isRefusal(refused), 'a rejection is not refused');
  return { decision: refused, outcome: 'rejected' };
};

type StockEvent = Extract<HoldEvent, { type: keyof typeof effects }>;
const movesStock = (event: HoldEvent): event is StockEvent => event.type in effects;

const move = (stock: LockedStock, orderId: string, event: StockEvent): ReturnType<LockedStock['move']> =>
  stock.move(event.lines, { ...effects[event.type], orderId, reason: reasonOf(event) });

const reasonOf = (event: HoldEvent): string | null => {
  if (event.type === 'StockReturned') return event.returnId;
  return 'reason' in event ? event.reason : null;
};

/** The products whose stock the command may change. */
const productsOf = (command: HoldCommand, hold: Hold | undefined): string[] => {
  const lines = 'lines' in command ? command.lines : hold !== undefined && 'lines' in hold ? hold.lines : [];
  return lines.map(({ productId }) => productId);
};

/**
 * Writes holds that are `known`, and so locked, over what was there, and adds the others. A hold that somebody else has
 * added meanwhile, as when a dead letter of the order is replayed, could not be locked: then nothing is written, and the
 * events are handled again.
 */
const saveHolds = async (
  tx: Tx,
  holds: ReadonlyMap<string, Hold>,
  { known, nowMs, heldUntilMs }: { known: ReadonlySet<string> } & HoldTimes,
): Promise<void> => {
  const rows = [...holds].map(([orderId, hold]) => ({
    orderId,
    status: hold.status,
    lines: 'lines' in hold ? hold.lines : [],
    expiresAt: hold.status === 'held' ? new Date(heldUntilMs) : null,
    createdAt: known.has(orderId) ? '-infinity' : new Date(nowMs),
  }));
  const { rowCount } = await tx.query(
    `INSERT INTO holds (order_id, status, lines, expires_at, created_at, updated_at)
     SELECT "orderId", status, lines, "expiresAt", "createdAt", $2 FROM jsonb_to_recordset($1::jsonb)
       AS hold("orderId" uuid, status text, lines jsonb, "expiresAt" timestamptz, "createdAt" timestamptz)
     ON CONFLICT (order_id) DO UPDATE SET status = excluded.status, updated_at = excluded.updated_at
       WHERE excluded.created_at = '-infinity'`,
    [JSON.stringify(rows), new Date(nowMs)],
  );
  if (rowCount !== rows.length)
    throw new PlatformError('not_yet_known', 'a hold was added by another transaction', { retriable: true });
};

const published = (
  events: Events,
  orderId: string,
  event: HoldEvent,
  lines: readonly StockReservedLine[],
  { nowMs: occurredAt, heldUntilMs }: HoldTimes,
): EventMessage[] => {
  const message = <T extends keyof Published>(type: T, value: Published[T]) => [
    events.event(type, orderId, value, { occurredAt }),
  ];
  switch (event.type) {
    case 'StockReserved':
      return message('StockReserved', { orderId, lines, expiresAt: heldUntilMs, occurredAt });
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

const refusalIn = (outcome: Outcome): HoldRefusal | undefined =>
  typeof outcome === 'object' && 'refused' in outcome ? outcome : undefined;

/** Locks the holds, in the order of their orders' ids, so that two transactions cannot deadlock here. */
const lockHolds = async (tx: Tx, orderIds: readonly string[]): Promise<Map<string, Hold>> => {
  const { rows } = await tx.query<HoldRow>(
    `SELECT order_id AS "orderId", status, lines,
            (SELECT coalesce(jsonb_agg(jsonb_build_object('returnId', return_id, 'lines', r.lines)), '[]')
             FROM returns r WHERE r.order_id = h.order_id) AS returns
     FROM holds h WHERE order_id = ANY (${listParameter(1, 'uuid')}) ORDER BY order_id FOR UPDATE`,
    [orderIds],
  );
  return new Map(rows.map((row) => [row.orderId, holdOf(row)]));
};

type HoldRow = {
  orderId: string;
  status: Exclude<HoldStatus, 'none'>;
  lines: Line[];
  returns: Return[];
};

const holdOf = ({ status, lines, returns }: HoldRow): Hold => {
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

const saveReturns = async (
  tx: Tx,
  returns: readonly (Return & { orderId: string })[],
  nowMs: number,
): Promise<void> => {
  await tx.query(
    `INSERT INTO returns (return_id, order_id, lines, occurred_at)
     SELECT "returnId", "orderId", lines, $2 FROM jsonb_to_recordset($1::jsonb)
       AS back("returnId" uuid, "orderId" uuid, lines jsonb)`,
    [JSON.stringify(returns), new Date(nowMs)],
  );
};
