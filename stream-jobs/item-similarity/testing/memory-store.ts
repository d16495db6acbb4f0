import {
  type Neighbour,
  type Seen,
  type SimilarityView,
  type Step,
  similarityOf,
} from '#schemas/similarity-state';
import type { Changes } from '../similarity.js';
import { defaultBounds, type SimilarityBounds, type SimilarityStore } from '../similarity-store.js';

const slicesMax = 12;

const emptyState = () => ({
  offsets: new Map<string, bigint>(),
  pairs: new Map<string, Map<string, number>>(),
  masses: new Map<string, number>(),
  popularity: new Map<string, number>(),
  visits: new Map<string, readonly Step[]>(),
  baskets: new Map<string, readonly Step[]>(),
  interests: new Map<string, Map<string, number>>(),
  purchases: new Map<string, Map<string, number>>(),
  products: new Set<string>(),
  erased: new Set<string>(),
  weightInSlice: new Map<number, Map<string, number>>(),
  learnedUpToMs: Number.NEGATIVE_INFINITY,
});

type State = ReturnType<typeof emptyState>;

/** The store and its queries together. */
export type SimilarityMemory = SimilarityStore & SimilarityView;

/**
 * The state in memory, beside which tests compare the one in Redis. Entries are removed by bounds, not by time, because
 * a test does not run in real time.
 */
export const memorySimilarityStore = (bounds: SimilarityBounds = defaultBounds): SimilarityMemory => {
  const state = emptyState();
  return {
    load: async (ids) => ({
      visits: pick(state.visits, ids.visits),
      baskets: pick(state.baskets, ids.baskets),
    }),
    known: async (productIds) => new Set(productIds.filter((id) => state.products.has(id))),
    weightInSlice: async (slice, productIds) =>
      new Map(productIds.map((id) => [id, state.weightInSlice.get(slice)?.get(id) ?? 0])),
    apply: async (changes, { topic, partition, from, to }) => {
      const at = `${topic}:${partition}`;
      if ((state.offsets.get(at) ?? 0n) !== from) return 'stale';
      state.offsets.set(at, to);
      take(state, changes, bounds);
      return 'applied';
    },
    nextOffset: async (topic, partition) => state.offsets.get(`${topic}:${partition}`) ?? 0n,

    neighbours: async (productIds, countMax) =>
      new Map(
        productIds.flatMap((id): [string, Neighbour[]][] => {
          const found = neighboursOf(state, id, countMax);
          return found.length === 0 ? [] : [[id, found]];
        }),
      ),
    visited: async (visitId) => (state.visits.get(visitId) ?? []).map(({ productId }) => productId).reverse(),
    interests: async (userId) => newestFirst(state.interests.get(userId)),
    purchases: async (userId) => newestFirst(state.purchases.get(userId)),
    popular: async (countMax) =>
      highest(state.popularity, countMax).map(([productId, weight]) => ({ productId, weight })),
    learnedUpTo: async () => (Number.isFinite(state.learnedUpToMs) ? state.learnedUpToMs : null),
  };
};

/** Adds `changes` to the state, and removes entries beyond its bounds. */
const take = (state: State, changes: Changes, bounds: SimilarityBounds): void => {
  for (const [product, row] of changes.pairs) {
    const known = rowOf(state.pairs, product);
    addAll(known, row);
    if (known.size > bounds.neighboursTrimmedAt) keepHighest(known, bounds.neighboursMax);
  }
  addAll(state.masses, changes.masses);
  keepHighest(state.masses, bounds.productsMax);
  addAll(state.popularity, changes.popularity);
  keepHighest(state.popularity, bounds.productsMax);
  for (const user of changes.erased) state.erased.add(user);
  takeLatest(state.interests, changes.interests, bounds);
  takeLatest(state.purchases, changes.purchases, bounds);
  for (const user of state.erased) {
    state.interests.delete(user);
    state.purchases.delete(user);
  }
  for (const id of changes.products) state.products.add(id);
  for (const [slice, row] of changes.weightInSlice) {
    addAll(rowOf(state.weightInSlice, slice), row);
    if (state.weightInSlice.size > slicesMax)
      state.weightInSlice.delete(Math.min(...state.weightInSlice.keys()));
  }
  for (const [id, steps] of changes.visits) state.visits.set(id, steps);
  for (const [id, steps] of changes.baskets) state.baskets.set(id, steps);
  state.learnedUpToMs = Math.max(state.learnedUpToMs, changes.learnedUpToMs);
};

/** Keeps the latest time of each of a user's products. */
const takeLatest = (
  kept: Map<string, Map<string, number>>,
  changed: ReadonlyMap<string, ReadonlyMap<string, number>>,
  bounds: SimilarityBounds,
): void => {
  for (const [user, row] of changed) {
    const known = rowOf(kept, user);
    for (const [product, atMs] of row) known.set(product, Math.max(known.get(product) ?? 0, atMs));
    keepHighest(known, bounds.productsPerUserMax);
  }
};

const rowOf = <K>(rows: Map<K, Map<string, number>>, key: K): Map<string, number> => {
  const known = rows.get(key) ?? new Map<string, number>();
  rows.set(key, known);
  return known;
};

const neighboursOf = ({ pairs, masses }: State, productId: string, countMax: number): Neighbour[] => {
  const massFrom = masses.get(productId) ?? 0;
  return [...(pairs.get(productId) ?? [])]
    .map(([to, pair]) => ({ productId: to, similarity: similarityOf(pair, massFrom, masses.get(to) ?? 0) }))
    .filter(({ similarity }) => similarity > 0)
    .sort((a, b) => b.similarity - a.similarity || (a.productId < b.productId ? -1 : 1))
    .slice(0, countMax);
};

const pick = (from: Map<string, readonly Step[]>, ids: readonly string[]): Map<string, Step[]> =>
  new Map(ids.flatMap((id): [string, Step[]][] => (from.has(id) ? [[id, [...(from.get(id) ?? [])]]] : [])));

const addAll = (sums: Map<string, number>, more: Map<string, number>): void => {
  for (const [key, by] of more) sums.set(key, (sums.get(key) ?? 0) + by);
};

const byFallingValue = ([a, x]: [string, number], [b, y]: [string, number]): number =>
  y - x || (a < b ? -1 : 1);

/**
 * One pass, because long histories call it every few events: a value is sorted in only if it beats the worst of the best
 * so far.
 */
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
