/** The pieces of one product. Invariant: 0 <= reserved <= onHand; the difference is available. */
export type Stock = {
  onHand: number;
  reserved: number;
};

/** The most pieces of one product. Returned pieces beyond it still fit the column. */
export const piecesMax = 1_000_000_000;

export type AdjustmentRefusal =
  | { refused: 'below_reserved'; reserved: number }
  | { refused: 'too_many_pieces' };

/**
 * The change when a caller sets the pieces on hand. Refused below the reserved pieces and above `piecesMax`.
 */
export const stateOnHand = (stock: Stock, onHand: number): { delta: number } | AdjustmentRefusal => {
  if (onHand < stock.reserved) return { refused: 'below_reserved', reserved: stock.reserved };
  return onHand > piecesMax ? { refused: 'too_many_pieces' } : { delta: onHand - stock.onHand };
};

/** Whether the available pieces are at the threshold or below. */
export const isLow = (stock: Stock, lowStockThreshold: number): boolean =>
  available(stock) <= lowStockThreshold;

export const available = ({ onHand, reserved }: Stock): number => onHand - reserved;
