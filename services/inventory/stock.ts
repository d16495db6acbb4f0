/** One product's pieces. Invariant: 0 <= reserved <= onHand; what can be sold is the difference. */
export type Stock = {
  onHand: number;
  reserved: number;
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
