import { type Neighbour, type Seen, type Step, similarityOf } from '#schemas/similarity-state';
import { defaultBounds, type SimilarityBounds, type SimilarityMemory } from './similarity-store.js';

const slicesMax = 12;

/** The state in this process, for replays and tests. Forgets by bounds, not by time: a replay has none of ours. */
export const memorySimilarityStore = (bounds: SimilarityBounds = defaultBounds): SimilarityMemory => {
  const offsets = new Map<string, bigint>();
  const pairs = new Map<string, Map<string, number>>();
  const masses = new Map<string, number>();
  const popularity = new Map<string, number>();
  const visits = new Map<string, readonly Step[]>();
  const baskets = new Map<string, readonly Step[]>();
  const interests = new Map<string, Map<string, number>>();
  const purchases = new Map<string, Map<string, number>>();
  const products = new Set<string>();
  const gathered = new Map<number, Map<string, number>>();
  let learnedUpToMs = Number.NEGATIVE_INFINITY;

  const neighboursOf = (productId: string, countMax: number): Neighbour[] => {
    const massFrom = masses.get(productId) ?? 0;
    return [...(pairs.get(productId) ?? [])]
      .map(([to, pair]) => ({ productId: to, similarity: similarityOf(pair, massFrom, masses.get(to) ?? 0) }))
      .filter(({ similarity }) => similarity > 0)
      .sort((a, b) => b.similarity - a.similarity || (a.productId < b.productId ? -1 : 1))
      .slice(0, countMax);
  };

  return {
    load: async (ids) => ({ visits: pick(visits, ids.visits), baskets: pick(baskets, ids.baskets) }),
    known: async (productIds) => new Set(productIds.filter((id) => products.has(id))),
    gathered: async (slice, productIds) =>
      new Map(productIds.map((id) => [id, gathered.get(slice)?.get(id) ?? 0])),
    apply: async (changes, { topic, partition, from, to }) => {
      const at = `${topic}:${partition}`;
      if ((offsets.get(at) ?? 0n) !== from) return 'stale';
      offsets.set(at, to);
      for (const [product, row] of changes.pairs) {
        const known = pairs.get(product) ?? new Map<string, number>();
        pairs.set(product, known);
        addAll(known, row);
        if (known.size > bounds.neighboursTrimmedAt) keepHighest(known, bounds.neighboursMax);
      }
      addAll(masses, changes.masses);
      keepHighest(masses, bounds.productsMax);
      addAll(popularity, changes.popularity);
      keepHighest(popularity, bounds.productsMax);
      for (const [kept, changed] of [
        [interests, changes.interests],
        [purchases, changes.purchases],
      ] as const)
        for (const [user, row] of changed) {
          const known = kept.get(user) ?? new Map<string, number>();
          kept.set(user, known);
          for (const [product, atMs] of row) known.set(product, Math.max(known.get(product) ?? 0, atMs));
          keepHighest(known, bounds.productsPerUserMax);
        }
      for (const id of changes.products) products.add(id);
      for (const [slice, row] of changes.gathered) {
        const known = gathered.get(slice) ?? new Map<string, number>();
        gathered.set(slice, known);
        addAll(known, row);
        if (gathered.size > slicesMax) gathered.delete(Math.min(...gathered.keys()));
      }
      for (const [id, steps] of changes.visits) visits.set(id, steps);
      for (const [id, steps] of changes.baskets) baskets.set(id, steps);
      learnedUpToMs = Math.max(learnedUpToMs, changes.learnedUpToMs);
      return 'applied';
    },
    nextOffset: async (topic, partition) => offsets.get(`${topic}:${partition}`) ?? 0n,

    neighbours: async (productIds, countMax) =>
      new Map(
        productIds.flatMap((id): [string, Neighbour[]][] => {
          const found = neighboursOf(id, countMax);
          return found.length === 0 ? [] : [[id, found]];
        }),
      ),
    visited: async (visitId) => (visits.get(visitId) ?? []).map(({ productId }) => productId).reverse(),
    interests: async (userId) => newestFirst(interests.get(userId)),
    purchases: async (userId) => newestFirst(purchases.get(userId)),
    popular: async (countMax) =>
      highest(popularity, countMax).map(([productId, weight]) => ({ productId, weight })),
    learnedUpTo: async () => (Number.isFinite(learnedUpToMs) ? learnedUpToMs : null),
  };
};

const pick = (from: Map<string, readonly Step[]>, ids: readonly string[]): Map<string, Step[]> =>
  new Map(ids.flatMap((id): [string, Step[]][] => (from.has(id) ? [[id, [...(from.get(id) ?? [])]]] : [])));

const addAll = (sums: Map<string, number>, more: Map<string, number>): void => {
  for (const [key, by] of more) sums.set(key, (sums.get(key) ?? 0) + by);
};

const byFallingValue = ([a, x]: [string, number], [b, y]: [string, number]): number =>
  y - x || (a < b ? -1 : 1);

/** In one pass, for a replay asks after every few events: only what beats the worst of the best so far is sorted in. */
const highest = (values: Map<string, number>, countMax: number): [string, number][] => {
  let best: [string, number][] = [];
  let threshold = Number.NEGATIVE_INFINITY;
  for (const entry of values) {
    if (entry[1] < threshold) continue;
    best.push(entry);
    if (best.length < 2 * countMax) continue;
    best = best.sort(byFallingValue).slice(0, countMax);
    threshold = best.at(-1)?.[1] ?? threshold;
  }
  return best.sort(byFallingValue).slice(0, countMax);
};

const keepHighest = (values: Map<string, number>, countMax: number): void => {
  if (values.size <= countMax) return;
  for (const [key] of [...values].sort(byFallingValue).slice(countMax)) values.delete(key);
};

const newestFirst = (times: Map<string, number> | undefined): Seen[] =>
  [...(times ?? [])].sort(byFallingValue).map(([productId, atMs]) => ({ productId, atMs }));
