/** How often a product was shown on recommendation lists, and clicked there: the sum of the weights of the reports. */
export type Exposure = { shown: number; clicked: number };

export type ExposureJson = readonly (readonly [productId: string, shown: number, clicked: number])[];

/** Products beyond these, the longest not shown first, count as never shown. */
const productsMax = 50_000;
const unseen: Exposure = Object.freeze({ shown: 0, clicked: 0 });

/** Counts what shoppers' events report of lists, of at most 50,000 products. */
export const createExposures = (keptMax = productsMax) => {
  const exposures = new Map<string, Exposure>();
  const set = (productId: string, exposure: Exposure): void => {
    exposures.delete(productId);
    exposures.set(productId, exposure);
    if (exposures.size <= keptMax) return;
    for (const longestAgo of exposures.keys()) return void exposures.delete(longestAgo);
  };
  return {
    of: (productId: string): Exposure => exposures.get(productId) ?? unseen,
    note: (productId: string, what: keyof Exposure, weight: number): void => {
      const known = exposures.get(productId) ?? unseen;
      set(productId, { ...known, [what]: known[what] + weight });
    },
    toJson: (): ExposureJson =>
      [...exposures].map(([productId, { shown, clicked }]) => [productId, shown, clicked]),
    restore: (json: ExposureJson): void => {
      exposures.clear();
      for (const [productId, shown, clicked] of json) set(productId, { shown, clicked });
    },
  };
};
