import { type Query, recentMs } from './activity.js';
import type { Candidates } from './candidates.js';
import { diversified, pooledMax } from './diversity.js';
import { featureNames, queryFeatureCount } from './features.js';
import type { Context, Memory } from './memory.js';
import type { Ranker } from './ranker.js';
import type { Rankers } from './rankers.js';
import type { Scorers } from './scorers.js';
import { nthLargest } from './selection.js';

export type Found = { item: number; score: number };

/** One candidate of a list, with what its score is made of. */
export type Explained = {
  productId: string;
  score: number;
  /** Weight times value of each feature that is not 0, and `secondStage`: what the second stage of the ranking model added. */
  parts: Record<string, number>;
  /** Why it cannot be on the list; null where it can. */
  removedBy: 'asked_to_exclude' | 'not_listed' | 'bought_recently' | 'not_new' | null;
};

/** Lists of what the models find, one after the other: all share the same candidates. */
export type Lists = {
  /** The best first. `mayShow` filters before the best are chosen. */
  make(query: Query, context: Context, mayShow?: (productId: string) => boolean): Found[];
  /** Every candidate of the same list and its score by part, the best first, then those that cannot be on it. */
  explain(query: Query, context: Context): Explained[];
};

type Wanted = (item: number) => boolean;

type Parts = {
  candidates: Candidates;
  scorers: Scorers;
  rankers: Readonly<Rankers>;
};

/** The products that are looked at when a list is too short. */
const lookedAtMax = 20_000;

const negligible = 1e-9;
/** More than scores differ by, so that late candidates stand behind all others in their own order. */
const lateBy = 1e6;

// Over seventy lines: who is a candidate, the scores and the order of one list, which its explanation repeats.
export const createLists = (memory: Memory, { candidates, scorers, rankers }: Parts): Lists => {
  const { items, content } = memory;
  let placing = new Float64Array(1024);

  /** Where the models find too few, any product is better than none. The latest come first. */
  const fillUp = (limit: number, isWanted: Wanted): void => {
    const first = Math.max(0, items.names.size - lookedAtMax);
    for (let item = items.names.size - 1; item >= first && candidates.items.length < limit; item -= 1)
      if (isWanted(item)) candidates.rowOf(item);
  };

  /**
   * The candidates that are wanted, in `candidates`, and their scores. What fills up comes behind all others, so that the
   * beginning of a list is the same however long it is.
   */
  const score = ({ scenario, limit }: Query, isWanted: Wanted): Float64Array => {
    candidates.keep(isWanted);
    const scores = rankers[scenario].score(candidates.features);
    const found = candidates.items.length;
    if (scenario !== 'new-arrivals') fillUp(limit, isWanted);
    const rows = candidates.items.length;
    if (rows === found) return scores;
    const all = new Float64Array(rows);
    all.set(scores.subarray(0, found));
    all.fill(all.subarray(0, found).reduce((least, one) => Math.min(least, one), 1) - 1, found);
    return all;
  };

  /** The rows of the best candidates, at most `query.limit`, the best first. */
  const bestRows = ({ scenario, limit }: Query, { history }: Context, scores: Float64Array): number[] => {
    const rows = candidates.items.length;
    // Discoveries come before what was bought long ago; `reorder` has the latter.
    const hasLate = scenario === 'home' && history !== undefined && history.owned.size > 0;
    const isLate = (row: number) => hasLate && history.owned.has(candidates.items[row]!);
    if (placing.length < rows) placing = new Float64Array(2 * rows);
    for (let row = 0; row < rows; row += 1) placing[row] = scores[row]! - (isLate(row) ? lateBy : 0);
    const least = rows <= limit ? Number.NEGATIVE_INFINITY : nthLargest(placing.slice(0, rows), rows, limit);
    const best: number[] = [];
    for (let row = 0; row < rows; row += 1) if (placing[row]! >= least) best.push(row);
    const { items: found } = candidates;
    return best.sort((a, b) => placing[b]! - placing[a]! || found[b]! - found[a]!).slice(0, limit);
  };

  const spread = (found: readonly Found[], diversity: number): Found[] => {
    const all = found.map(({ item }) => item);
    const order = diversified(
      found.map(({ score }) => score),
      diversity,
      (to, count) => content.similarities(content.profileOfItem(all[to]!), all.slice(0, count)),
    );
    return order.map((nth) => found[nth]!);
  };

  return {
    make: (query, context, mayShow) => {
      const removedBy = removing(memory, query, context);
      scorers(candidates, context, query.scenario);
      const scores = score(
        query,
        (item) => removedBy(item) === null && (mayShow === undefined || mayShow(items.names.name(item))),
      );
      const { diversity = 0, limit } = query;
      const wanted = diversity > 0 ? Math.max(limit, pooledMax) : limit;
      const best = bestRows({ ...query, limit: wanted }, context, scores);
      const found = best.map((row) => ({ item: candidates.items[row]!, score: scores[row]! }));
      const isDiversified = diversity > 0 && best.every((row) => placing[row] === scores[row]);
      candidates.clear();
      return withFallingScores((isDiversified ? spread(found, diversity) : found).slice(0, limit));
    },
    explain: (query, context) => {
      const { scenario } = query;
      const removedBy = removing(memory, query, context);
      const partsAt = (row: number) => partsOf(rankers[scenario], candidates, row);
      scorers(candidates, context, scenario);
      const removed = candidates.items.flatMap((item, row): Explained[] => {
        const why = removedBy(item);
        if (why === null) return [];
        const parts = partsAt(row);
        return [{ productId: items.names.name(item), score: sumOf(parts), parts, removedBy: why }];
      });
      const scores = score(query, (item) => removedBy(item) === null);
      const all = { ...query, limit: candidates.items.length };
      const kept = bestRows(all, context, scores).map((row): Explained => {
        const item = candidates.items[row]!;
        const parts = partsAt(row);
        const secondStage = scores[row]! - sumOf(parts);
        if (Math.abs(secondStage) > negligible) parts.secondStage = secondStage;
        return { productId: items.names.name(item), score: scores[row]!, parts, removedBy: null };
      });
      candidates.clear();
      return [...kept, ...removed.sort((a, b) => b.score - a.score)];
    },
  };
};

const known = ({ items }: Memory, ids: readonly string[] = []): number[] =>
  ids.map((id) => items.names.find(id)).filter((item) => item >= 0);

/** What a list for the query is made for. */
export const contextOf = (memory: Memory, query: Query): Context => {
  const { items, histories } = memory;
  const history = histories.of(query.userId);
  const open = query.visitId === undefined ? undefined : memory.openVisits.get(query.visitId);
  const visit = query.visit === undefined ? [...(open?.items ?? [])] : known(memory, query.visit);
  const inView = query.productId === undefined ? -1 : items.names.find(query.productId);
  if (inView >= 0 && visit[visit.length - 1] !== inView) visit.push(inView);
  const cart =
    query.cart === undefined && query.scenario === 'cart' ? (open?.cart ?? []) : known(memory, query.cart);
  const isElsewhere = visit.length === 0 && cart.length === 0 && query.scenario !== 'reorder';
  return {
    visit: isElsewhere ? (history?.viewed ?? []) : visit,
    cart,
    history,
    atMs: query.atMs,
    ownVisit: open?.number ?? -1,
  };
};

/** Why an item may not be on the list, by what the models know of it; null where it may. */
const removing = (
  memory: Memory,
  { scenario, exclude, atMs, productId }: Query,
  { cart, history, visit }: Context,
) => {
  const { items } = memory;
  const excluded = new Set([
    ...known(memory, exclude),
    ...cart,
    ...known(memory, productId === undefined ? [] : [productId]),
  ]);
  if (scenario === 'product' || scenario === 'similar') excluded.add(visit[visit.length - 1] ?? -1);
  const isRecent = (item: number) => {
    const owned = history?.owned.get(item);
    return owned !== undefined && atMs - owned.atMs < recentMs;
  };
  return (item: number): Explained['removedBy'] => {
    if (excluded.has(item)) return 'asked_to_exclude';
    if (!items.isListed(item, atMs)) return 'not_listed';
    if (scenario !== 'reorder' && isRecent(item)) return 'bought_recently';
    return scenario === 'new-arrivals' && !(atMs - items.since(item) <= recentMs) ? 'not_new' : null;
  };
};

/** Weight times value of each feature of a candidate that is not 0. */
const partsOf = ({ weights }: Ranker, { features }: Candidates, row: number): Record<string, number> => {
  const { lastOf, beforeAt, columnAt, valueAt, ofQuery } = features;
  const values = new Float64Array(featureNames.length);
  values.set(ofQuery, featureNames.length - queryFeatureCount);
  for (let entry = lastOf[row]!; entry >= 0; entry = beforeAt[entry]!)
    values[columnAt[entry]!] = valueAt[entry]!;
  const parts: Record<string, number> = {};
  for (const [column, name] of featureNames.entries()) {
    const part = weights[column]! * values[column]!;
    if (part !== 0) parts[name] = part;
  }
  return parts;
};

const sumOf = (parts: Record<string, number>): number =>
  Object.values(parts).reduce((sum, part) => sum + part, 0);

/** A product that comes later than its score has the score of the one before it. */
const withFallingScores = (found: Found[]): Found[] => {
  let least = Number.POSITIVE_INFINITY;
  for (const one of found) {
    least = Math.min(least, one.score);
    one.score = least;
  }
  return found;
};
