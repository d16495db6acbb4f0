import { assert } from '#platform/assert';
import { heldAfterWaitMs } from '#schemas/payment-wait';

export type Line = { productId: string; quantity: number };

/** The lines of one return of the order. */
export type Return = { returnId: string; lines: readonly Line[] };

/**
 * The stock that an order holds or has taken. `rejected` and `released` hold nothing; `committed` pieces have left;
 * `undone` is a sale whose pieces are back in stock because its order was cancelled afterwards.
 */
export type Hold =
  | { status: 'none' }
  | { status: 'held'; lines: readonly Line[] }
  | { status: 'rejected' }
  | { status: 'released' }
  | { status: 'committed'; lines: readonly Line[]; returns: readonly Return[] }
  | { status: 'undone'; lines: readonly Line[]; returns: readonly Return[] };

export type HoldStatus = Hold['status'];

export type HoldCommand =
  | { type: 'ReserveStock'; lines: readonly Line[] }
  /** The stock does not suffice for the reservation; `available` is the available number by product. */
  | { type: 'RefuseReservation'; lines: readonly Line[]; available: ReadonlyMap<string, number> }
  | { type: 'ReleaseStock'; reason: string }
  | { type: 'CommitStock' }
  | { type: 'TakeBack'; returnId: string; lines: readonly Line[] };

export type HoldEvent =
  /** Takes effect only if the stock suffices for every line, which the update of its rows decides. */
  | { type: 'StockReserved'; lines: readonly Line[] }
  | { type: 'StockRejected'; lines: readonly { productId: string; requested: number; available: number }[] }
  /** Nothing is held, and a reservation that arrives later shall hold nothing either. */
  | { type: 'HoldBarred' }
  | { type: 'StockReleased'; lines: readonly Line[]; reason: string }
  | { type: 'StockCommitted'; lines: readonly Line[] }
  | { type: 'StockReturned'; returnId: string; lines: readonly Line[] }
  | { type: 'SaleUndone'; lines: readonly Line[]; reason: string };

export type HoldRefusal = { refused: 'nothing_held' | 'nothing_sold'; status: HoldStatus };

export type Decision = readonly HoldEvent[] | HoldRefusal;

export const isRefusal = (decision: Decision): decision is HoldRefusal => 'refused' in decision;

/** What each piece of a line adds to the counts of its product when the event takes effect. */
export const effects = {
  StockReserved: { movement: 'reserved', onHand: 0, reserved: 1 },
  StockReleased: { movement: 'released', onHand: 0, reserved: -1 },
  StockCommitted: { movement: 'committed', onHand: -1, reserved: -1 },
  StockReturned: { movement: 'returned', onHand: 1, reserved: 0 },
  SaleUndone: { movement: 'returned', onHand: 1, reserved: 0 },
} as const satisfies Partial<
  Record<HoldEvent['type'], { movement: string; onHand: number; reserved: number }>
>;

/** In place of a wait that nobody has set while the platform runs. */
export const notSet = 0;

/** How long a hold lasts: as configured, but longer than orders wait for their payment where that was set at run time. */
export const holdMsOf = (configuredMs: number, setWaitMs: number): number =>
  setWaitMs === notSet ? configuredMs : Math.max(configuredMs, setWaitMs + heldAfterWaitMs);

const nothing: readonly HoldEvent[] = [];

/**
 * Decides what an order's event changes about its hold. Each step happens once, however often its event arrives. Only a
 * contradiction is refused: a sale of goods that were never held, or a return of goods that were never sold.
 */
export const decide = (command: HoldCommand, hold: Hold): Decision => {
  switch (command.type) {
    case 'ReserveStock':
      return hold.status === 'none' ? [{ type: 'StockReserved', lines: sumLines(command.lines) }] : nothing;
    case 'RefuseReservation':
      return hold.status === 'none' ? [rejected(command)] : nothing;
    case 'ReleaseStock':
      return release(hold, command.reason);
    case 'CommitStock':
      if (hold.status === 'held') return [{ type: 'StockCommitted', lines: hold.lines }];
      return hold.status === 'committed' || hold.status === 'undone'
        ? nothing
        : { refused: 'nothing_held', status: hold.status };
    case 'TakeBack':
      return takeBack(command, hold);
    default:
      return command satisfies never;
  }
};

const rejected = ({ lines, available }: Extract<HoldCommand, { type: 'RefuseReservation' }>): HoldEvent => ({
  type: 'StockRejected',
  lines: sumLines(lines)
    .map(({ productId, quantity }) => ({
      productId,
      requested: quantity,
      available: available.get(productId) ?? 0,
    }))
    .filter((line) => line.available < line.requested),
});

const release = (hold: Hold, reason: string): readonly HoldEvent[] => {
  switch (hold.status) {
    case 'none':
      return [{ type: 'HoldBarred' }];
    case 'held':
      return [{ type: 'StockReleased', lines: hold.lines, reason }];
    case 'committed':
      return [{ type: 'SaleUndone', lines: notReturned(hold), reason }];
    default:
      return nothing;
  }
};

const takeBack = ({ returnId, lines }: Extract<HoldCommand, { type: 'TakeBack' }>, hold: Hold): Decision => {
  if (hold.status !== 'committed' && hold.status !== 'undone')
    return { refused: 'nothing_sold', status: hold.status };
  if (hold.returns.some((known) => known.returnId === returnId)) return nothing;
  return hold.status === 'committed'
    ? [{ type: 'StockReturned', returnId, lines: sumLines(lines) }]
    : { refused: 'nothing_sold', status: hold.status };
};

/** The state after `event`. */
export const evolve = (hold: Hold, event: HoldEvent): Hold => {
  switch (event.type) {
    case 'StockReserved':
      return { status: 'held', lines: event.lines };
    case 'StockRejected':
      return { status: 'rejected' };
    case 'HoldBarred':
    case 'StockReleased':
      return { status: 'released' };
    case 'StockCommitted':
      return { status: 'committed', lines: event.lines, returns: [] };
    case 'StockReturned': {
      assert(hold.status === 'committed', 'only what was sold comes back');
      const { returnId, lines } = event;
      return { ...hold, returns: [...hold.returns, { returnId, lines }] };
    }
    case 'SaleUndone':
      assert(hold.status === 'committed', 'only a sale is undone');
      return { ...hold, status: 'undone' };
    default:
      return event satisfies never;
  }
};

/** Sums the lines of the same product. Sorted by product, so that all orders lock products in the same order. */
const sumLines = (lines: readonly Line[]): Line[] => {
  const sums = new Map<string, number>();
  for (const { productId, quantity } of lines) sums.set(productId, (sums.get(productId) ?? 0) + quantity);
  return [...sums]
    .map(([productId, quantity]) => ({ productId, quantity }))
    .sort((a, b) => (a.productId < b.productId ? -1 : 1));
};

const notReturned = ({ lines, returns }: Extract<Hold, { status: 'committed' }>): Line[] =>
  sumLines([
    ...lines,
    ...returns.flatMap((each) => each.lines.map((line) => ({ ...line, quantity: -line.quantity }))),
  ]).filter(({ quantity }) => quantity > 0);
