/** One product's pieces. Invariant: 0 <= reserved <= onHand; what can be sold is the difference. */
export type Stock = {
  onHand: number;
  reserved: number;
};

export type Line = { productId: string; quantity: number };

/** What an order has of the stock. `rejected` and `released` hold nothing, `committed` pieces have left. */
export type Hold =
  | { status: 'none' }
  | { status: 'held'; lines: readonly Line[] }
  | { status: 'rejected' }
  | { status: 'released' }
  | { status: 'committed'; lines: readonly Line[] };

export type HoldCommand =
  | { type: 'ReserveStock'; lines: readonly Line[] }
  | { type: 'ReleaseStock' }
  | { type: 'CommitStock' }
  | { type: 'TakeBack'; lines: readonly Line[] };

export type HoldAction =
  | { action: 'nothing' }
  /** Hold every line or none: which of the two is known only to the rows themselves. */
  | { action: 'reserve'; lines: readonly Line[] }
  | { action: 'release'; lines: readonly Line[] }
  | { action: 'commit'; lines: readonly Line[] }
  | { action: 'restock'; lines: readonly Line[] }
  /** Nothing is held, and nothing shall be if its reservation is asked for late. */
  | { action: 'bar' };

export type HoldRefusal = { refused: 'nothing_held' | 'nothing_sold'; status: Hold['status'] };

export type Decision = HoldAction | HoldRefusal;

const nothing: HoldAction = { action: 'nothing' };

/**
 * What an order's event does to its hold. Each step is taken once, however often its event comes. Refused is
 * only what contradicts our own record: goods sold that were never held, or back that were never sold.
 */
export const decide = (command: HoldCommand, hold: Hold): Decision => {
  switch (command.type) {
    case 'ReserveStock':
      return hold.status === 'none' ? { action: 'reserve', lines: sumLines(command.lines) } : nothing;
    case 'ReleaseStock':
      if (hold.status === 'held') return { action: 'release', lines: hold.lines };
      return hold.status === 'none' ? { action: 'bar' } : nothing;
    case 'CommitStock':
      if (hold.status === 'held') return { action: 'commit', lines: hold.lines };
      return hold.status === 'committed' ? nothing : { refused: 'nothing_held', status: hold.status };
    case 'TakeBack':
      return hold.status === 'committed'
        ? { action: 'restock', lines: sumLines(command.lines) }
        : { refused: 'nothing_sold', status: hold.status };
    default:
      return command satisfies never;
  }
};

/** The same product once, in the sum; sorted, so that all orders lock products in one order. */
export const sumLines = (lines: readonly Line[]): Line[] => {
  const sums = new Map<string, number>();
  for (const { productId, quantity } of lines) sums.set(productId, (sums.get(productId) ?? 0) + quantity);
  return [...sums]
    .map(([productId, quantity]) => ({ productId, quantity }))
    .sort((a, b) => (a.productId < b.productId ? -1 : 1));
};

/** Of one product. What comes back from buyers on top of it still fits the column. */
export const piecesMax = 1_000_000_000;

export type AdjustmentRefusal =
  | { refused: 'below_reserved'; reserved: number }
  | { refused: 'too_many_pieces' };

/**
 * What changes when somebody states that `onHand` pieces are there. Never below what is promised already, nor
 * above `piecesMax`.
 */
export const stateOnHand = (stock: Stock, onHand: number): { delta: number } | AdjustmentRefusal => {
  if (onHand < stock.reserved) return { refused: 'below_reserved', reserved: stock.reserved };
  return onHand > piecesMax ? { refused: 'too_many_pieces' } : { delta: onHand - stock.onHand };
};

export const available = ({ onHand, reserved }: Stock): number => onHand - reserved;
