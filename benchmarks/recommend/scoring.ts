import type { Split } from './splits.js';

/** Two measures of each query, in the split's order: HR and MRR, or recall and NDCG, of the first 20. */
export const scoresOf = (
  { measures, truth }: Pick<Split, 'measures' | 'truth'>,
  lists: Lists,
): [number, number][] =>
  [...truth].map(([queryId, wanted]) => {
    const list = (lists.get(queryId) ?? []).slice(0, listLength);
    const hits = list.flatMap((item, rank) => (wanted.includes(item) ? [rank] : []));
    if (measures[0] === 'HR@20')
      return [hits.length > 0 ? 1 : 0, hits[0] === undefined ? 0 : 1 / (hits[0] + 1)];
    const gain = (ranks: readonly number[]) => ranks.reduce((sum, rank) => sum + 1 / Math.log2(rank + 2), 0);
    const ideal = Array.from({ length: Math.min(listLength, wanted.length) }, (_, rank) => rank);
    return [hits.length / wanted.length, gain(hits) / gain(ideal)];
  });

export type Lists = ReadonlyMap<string, readonly string[]>;

const listLength = 20;

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);

/** The middle 95 % of the means of 1,000 resamples (Efron's bootstrap), from a generator that is the same in each run. */
export const intervalOf = (values: readonly number[]): [low: number, high: number] => {
  let seed = 42;
  const draw = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return values[Math.floor((seed / 2 ** 32) * values.length)] ?? 0;
  };
  const means = Array.from({ length: 1_000 }, () => mean(Array.from(values, draw))).sort((a, b) => a - b);
  return [means[25] ?? 0, means[974] ?? 0];
};

export type Spread = {
  /** The share of all products that are on at least one list. */
  coverage: number;
  /** How unevenly products are on lists: 0 all alike, 1 one product only. */
  gini: number;
  /** Mean bits of surprise of a listed product: minus log2 of its share of all events. */
  novelty: number;
  /** Mean share of products that two neighbouring queries' lists do not have in common. */
  diversity: number;
};

export const spreadOf = (lists: Lists, eventsOf: ReadonlyMap<string, number>): Spread => {
  const shown = new Map<string, number>([...eventsOf.keys()].map((item) => [item, 0]));
  const total = [...eventsOf.values()].reduce((sum, count) => sum + count, 0);
  const surprises: number[] = [];
  for (const list of lists.values())
    for (const item of list) {
      shown.set(item, (shown.get(item) ?? 0) + 1);
      surprises.push(-Math.log2(Math.max(1, eventsOf.get(item) ?? 0) / total));
    }
  const counts = [...shown.values()].sort((a, b) => a - b);
  const sum = counts.reduce((all, count) => all + count, 0);
  const weighted = counts.reduce((all, count, nth) => all + (2 * (nth + 1) - counts.length - 1) * count, 0);
  const each = [...lists.values()];
  const apart = each.slice(1).map((list, nth) => {
    const before = new Set(each[nth]);
    return list.length === 0 ? 0 : list.filter((item) => !before.has(item)).length / list.length;
  });
  return {
    coverage: counts.filter((count) => count > 0).length / counts.length,
    gini: sum === 0 ? 0 : weighted / (counts.length * sum),
    novelty: mean(surprises),
    diversity: mean(apart),
  };
};
