const halfLifeMs = 7 * 24 * 60 * 60 * 1000;
const landmarkMs = Date.UTC(2026, 0, 1);

/**
 * What `pieces` sold at `atMs` (epoch) add to a product's popularity: pieces * 2^((t - landmark) / halfLife), so that
 * sums made at any time compare without ever being aged. The logarithm tames wholesale orders.
 */
export const popularityOf = (pieces: number, atMs: number): number =>
  Math.log2(1 + pieces) * 2 ** ((atMs - landmarkMs) / halfLifeMs);
