const halfLifeMs = 7 * 24 * 60 * 60 * 1000;
const landmarkMs = Date.UTC(2026, 0, 1);

/**
 * The popularity that `pieces` sold at `atMs` (epoch) add to a product: it grows as 2^((t - landmark) / halfLife), so
 * that sums are comparable at any time without being updated as they age. A logarithm of the pieces limits wholesale
 * orders.
 */
export const popularityOf = (pieces: number, atMs: number): number =>
  Math.log2(1 + pieces) * 2 ** ((atMs - landmarkMs) / halfLifeMs);
