/** A stream of random numbers. The same seed gives the same numbers on every machine. */
export type Random = {
  /** In [0, 1). */
  next(): number;
  /** A whole number in [0, below). */
  below(bound: number): number;
  chance(probability: number): boolean;
  /** Exponentially distributed, at least 0. */
  exponential(mean: number): number;
  pick<T>(items: readonly T[]): T;
};

/** mulberry32 (Tommy Ettinger, public domain): 32 bits of state, good enough for traffic, not for secrets. */
export const randomFrom = (seed: number): Random => {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const below = (bound: number): number => Math.floor(next() * bound);
  return {
    next,
    below,
    chance: (probability) => next() < probability,
    exponential: (mean) => -Math.log(1 - next()) * mean,
    pick: (items) => {
      if (items.length === 0) throw new RangeError('nothing to pick from');
      return items[below(items.length)] as (typeof items)[number];
    },
  };
};

/**
 * A value from a distribution given by its quantiles at equal steps (the first is the minimum, the last the
 * maximum), linear in between.
 */
export const fromQuantiles = (quantiles: readonly number[], random: Random): number => {
  const place = random.next() * (quantiles.length - 1);
  const low = quantiles[Math.floor(place)] ?? 0;
  const high = quantiles[Math.ceil(place)] ?? low;
  return low + (high - low) * (place - Math.floor(place));
};

/** Draws indices with probability proportional to their weight, in O(log n). */
export const weightedIndices = (weights: readonly number[]) => {
  const sums: number[] = [];
  let total = 0;
  for (const weight of weights) {
    total += weight;
    sums.push(total);
  }
  return (random: Random): number => {
    const target = random.next() * total;
    let low = 0;
    let high = sums.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((sums[middle] as number) > target) high = middle;
      else low = middle + 1;
    }
    return low;
  };
};
