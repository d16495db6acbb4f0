const halfLifeMs = 7 * 24 * 60 * 60 * 1000;
const landmarkMs = Date.UTC(2026, 0, 1);

/**
 * The popularity that `pieces` sold at `atMs` (epoch) add to a product: it grows as 2^((t - landmark) / halfLife), so
 * that sums are comparable at any time without being updated as they age. A logarithm of the pieces limits wholesale
 * orders.
 */
export const popularityOf = (pieces: number, atMs: number): number =>
  Math.log2(1 + pieces) * 2 ** ((atMs - landmarkMs) / halfLifeMs);

/** What an order's lines that were sold at `atMs` add to the popularity of their products. */
export const soldWeights = (
  lines: readonly { productId: string; quantity: number }[],
  atMs: number,
): { productId: string; weight: number }[] =>
  lines.map(({ productId, quantity }) => ({ productId, weight: popularityOf(quantity, atMs) }));

export type WeighedSale = {
  orderId: string;
  lines: readonly { productId: string; weight: number }[];
};

/** What the sales add to the popularity of each product. An order counts if it is `uncounted`, and once. */
export const weightsOf = (
  sales: readonly WeighedSale[],
  uncounted: Iterable<string>,
): ReadonlyMap<string, number> => {
  const left = new Set(uncounted);
  const weights = new Map<string, number>();
  for (const { orderId, lines } of sales) {
    if (!left.delete(orderId)) continue;
    for (const { productId, weight } of lines) weights.set(productId, (weights.get(productId) ?? 0) + weight);
  }
  return weights;
};
