import { createBoundedMap } from '#platform/bounded-map';

const sliceMs = 10 * 60_000;
/** The weight in a slice at which further weight of a product counts half. */
const calmWeight = 20;
/** Beyond these the product that gained nothing for the longest is forgotten: so nobody has all forgotten at once. */
const productsPerSliceMax = 200_000;

export type CalmJson = { slice: number | null; gathered: [productId: string, weight: number][] };

/**
 * Bounds what anybody can add to a product by sending many events. An event weighs
 *
 *     1 / v / (1 + G / calmWeight)
 *
 * where v are the visits that its request reported, and G is the weight that the product has gained in this slice of time
 * (by Kafka's clock). So a request counts as much as one visit, and in one slice a product gains at most
 * calmWeight * ln(1 + unscaled weight / calmWeight), however many visits and requests there are.
 */
export const createCalm = () => {
  let slice = Number.NaN;
  const gathered = createBoundedMap<number>(productsPerSliceMax);
  const weigh = (productId: string, visitsTogether: number, appendedAtMs: number): number => {
    const current = Math.floor(appendedAtMs / sliceMs);
    if (current !== slice) {
      slice = current;
      gathered.clear();
    }
    const share = 1 / Math.max(1, visitsTogether);
    const before = gathered.get(productId) ?? 0;
    gathered.set(productId, before + share);
    return share / (1 + before / calmWeight);
  };
  return {
    weigh,
    toJson: (): CalmJson => ({ slice, gathered: gathered.keys().map((id) => [id, gathered.get(id) ?? 0]) }),
    restore: (json: CalmJson): void => {
      slice = json.slice ?? Number.NaN;
      gathered.clear();
      for (const [productId, weight] of json.gathered) gathered.set(productId, weight);
    },
  };
};
