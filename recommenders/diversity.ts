/** So many places of a list are given with regard to those before them; the others keep their order. */
const diversifiedMax = 40;
/** They are filled from so many of the best. */
export const pooledMax = 120;

/**
 * Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998): the next on the list is
 *
 *     argmax of (1 - share) * relevance(i) - share * max over those before it of similarity(i, j)
 *
 * where relevance is the score, scaled to 0 to 1 over those that are looked at. `scores` fall. `similarities` are those of
 * one to the first `count`, and are used before the next are asked for. Returns all places in their new order.
 */
export const diversified = (
  scores: readonly number[],
  share: number,
  similarities: (to: number, count: number) => ArrayLike<number>,
): number[] => {
  const places = Math.min(scores.length, diversifiedMax);
  const count = Math.min(scores.length, pooledMax);
  const [highest = 0, lowest = 0] = [scores[0], scores[count - 1]];
  const nearest = new Float64Array(count);
  const isTaken = new Uint8Array(scores.length);
  const order: number[] = [];
  for (let place = 0; place < places; place += 1) {
    let best = -1;
    let bestValue = Number.NEGATIVE_INFINITY;
    for (let nth = 0; nth < count; nth += 1) {
      if (isTaken[nth] === 1) continue;
      const relevance = highest === lowest ? 1 : (scores[nth]! - lowest) / (highest - lowest);
      const value = (1 - share) * relevance - share * nearest[nth]!;
      if (value <= bestValue) continue;
      best = nth;
      bestValue = value;
    }
    order.push(best);
    isTaken[best] = 1;
    const near = similarities(best, count);
    for (let nth = 0; nth < count; nth += 1) nearest[nth] = Math.max(nearest[nth]!, near[nth]!);
  }
  for (let nth = 0; nth < scores.length; nth += 1) if (isTaken[nth] === 0) order.push(nth);
  return order;
};
