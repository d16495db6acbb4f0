/** The bounds of an order, and so of a cart, which becomes one. */
export const piecesOfProductMax = 1000;
export const itemsMax = 100;
/** So that the sum of nine thousand orders is still a safe integer. */
export const totalMinorMax = 1_000_000_000_000;
