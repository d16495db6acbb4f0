import { type Activity, type Product, type Query, recentMs, type Scenario, scenarios } from './activity.js';
import { createCandidates } from './candidates.js';
import { type Contest, createContest } from './contest.js';
import { diversified, pooledMax } from './diversity.js';
import { featureNames, priors, queryFeatureCount } from './features.js';
import { forgetUser, learnOrder, learnStep, rememberView, visitOf } from './learning.js';
import { createLessons } from './lessons.js';
import { type Context, createMemory } from './memory.js';
import { createRanker, type Ranker } from './ranker.js';
import { createReasons, type Reason } from './reasons.js';
import { createScorers } from './scorers.js';
import { nthLargest } from './selection.js';
import { defaultSettings, type RecommenderSettings } from './settings.js';
import { linesOf, restoreFrom } from './snapshot.js';

export type Ranked = { productId: string; score: number };
export type Recommended = Ranked & { reason: Reason };

/** One candidate of a list, with what its score is made of. */
export type Explained = {
  productId: string;
  score: number;
  /** Weight times value of each feature that is not 0, and `secondStage`: what the second stage of the ranking model added. */
  parts: Record<string, number>;
  /** Why it cannot be on the list; null where it can. */
  removedBy: 'asked_to_exclude' | 'not_listed' | 'bought_recently' | 'not_new' | null;
};

/** Learns from activities and answers queries; the same activities in the same order give the same answers. */
export type Recommender = {
  /** Adds a product to the catalogue, or describes it anew. */
  addProduct(product: Product): void;
  /** Takes a product out of the catalogue, to which it may be added again. */
  removeProduct(productId: string): void;
  learn(activity: Activity): void;
  /** The best first. `mayShow` filters before the best are chosen. */
  recommend(query: Query, mayShow?: (productId: string) => boolean): Recommended[];
  /** The same list without its reasons, which cost as much as the list itself where it is long. */
  rank(query: Query): Ranked[];
  /** The reasons of products on a list that was made for this query. */
  reasons(query: Query, productIds: readonly string[]): Reason[];
  /** Every candidate of the same list and its score by part, the best first, then those that cannot be on it. */
  explain(query: Query): Explained[];
  /** What the visit has seen and has in its cart, oldest first, as far as it is remembered. */
  visitOf(visitId: string): { seen: string[]; cart: string[] };
  /** Forgets what the user bought and viewed. */
  forgetUser(userId: string): void;
  rankers: Record<Scenario, Ranker>;
  /** The other parameter sets, which learn beside this one. */
  contest: Contest;
  /**
   * Its whole state, a line of text after the other. While they are read nothing may be learned. A recommender that is
   * restored from them goes on as the one that they were taken of.
   */
  snapshot(): Iterable<string>;
  /** For each line in their order. Only for a recommender that has learned nothing yet and has the same settings. */
  restore(line: string): void;
};

type Found = { item: number; score: number };

/** The products that are looked at when a list is too short. */
const lookedAtMax = 20_000;

export const createRecommender = (settings: RecommenderSettings = defaultSettings): Recommender => {
  const memory = createMemory(settings);
  const { items, content, histories, popular, trending } = memory;
  const candidates = createCandidates();
  // Another parameter set takes its place here.
  const asking = { ...settings };
  const scorers = createScorers(memory, asking);
  const reasonsOf = createReasons(memory);
  const rankers = Object.fromEntries(
    scenarios.map((scenario) => {
      const prior = featureNames.map((name) => priors[scenario][name] ?? 0);
      return [scenario, createRanker({ prior, ...settings.ranking })];
    }),
  ) as Record<Scenario, Ranker>;
  const contest = createContest({ candidates, scorers, rankers, asking, settings });
  const { observe } = contest;
  const lessons = createLessons(memory, rankers, { candidates, scorers, settings, observe });

  const known = (ids: readonly string[] = []): number[] =>
    ids.map((id) => items.names.find(id)).filter((item) => item >= 0);

  const contextOf = (query: Query): Context => {
    const history = histories.of(query.userId);
    const open = query.visitId === undefined ? undefined : memory.openVisits.get(query.visitId);
    const visit = query.visit === undefined ? [...(open?.items ?? [])] : known(query.visit);
    const inView = query.productId === undefined ? -1 : items.names.find(query.productId);
    if (inView >= 0 && visit[visit.length - 1] !== inView) visit.push(inView);
    const cart =
      query.cart === undefined && query.scenario === 'cart' ? (open?.cart ?? []) : known(query.cart);
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
  const removing = ({ scenario, exclude, atMs, productId }: Query, { cart, history, visit }: Context) => {
    const excluded = new Set([
      ...known(exclude),
      ...cart,
      ...known(productId === undefined ? [] : [productId]),
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

  /** Where the models find too few, any product is better than none. The latest come first. */
  const fillUp = (limit: number, isWanted: (item: number) => boolean): void => {
    const first = Math.max(0, items.names.size - lookedAtMax);
    for (let item = items.names.size - 1; item >= first && candidates.items.length < limit; item -= 1)
      if (isWanted(item)) candidates.rowOf(item);
  };

  type Wanted = (item: number) => boolean;

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
  let placing = new Float64Array(1024);

  const list = (query: Query, context: Context, mayShow?: (productId: string) => boolean) => {
    const removerOf = removing(query, context);
    scorers(candidates, context, query.scenario);
    const scores = score(
      query,
      (item) => removerOf(item) === null && (mayShow === undefined || mayShow(items.names.name(item))),
    );
    const { diversity = 0, limit } = query;
    const wanted = diversity > 0 ? Math.max(limit, pooledMax) : limit;
    const best = bestRows({ ...query, limit: wanted }, context, scores);
    const found = best.map((row) => ({ item: candidates.items[row]!, score: scores[row]! }));
    const isDiversified = diversity > 0 && best.every((row) => placing[row] === scores[row]);
    candidates.clear();
    return withFallingScores((isDiversified ? spread(found, diversity) : found).slice(0, limit));
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

  const partsOf = (scenario: Scenario, row: number): Record<string, number> => {
    const { weights } = rankers[scenario];
    const { lastOf, beforeAt, columnAt, valueAt, ofQuery } = candidates.features;
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

  const explain = (query: Query): Explained[] => {
    const { scenario } = query;
    const context = contextOf(query);
    const removerOf = removing(query, context);
    scorers(candidates, context, scenario);
    const removed = candidates.items.flatMap((item, row): Explained[] => {
      const removedBy = removerOf(item);
      if (removedBy === null) return [];
      const parts = partsOf(scenario, row);
      return [{ productId: items.names.name(item), score: sumOf(parts), parts, removedBy }];
    });
    const scores = score(query, (item) => removerOf(item) === null);
    const all = { ...query, limit: candidates.items.length };
    const kept = bestRows(all, context, scores).map((row): Explained => {
      const item = candidates.items[row]!;
      const parts = partsOf(scenario, row);
      const secondStage = scores[row]! - sumOf(parts);
      if (Math.abs(secondStage) > negligible) parts.secondStage = secondStage;
      return { productId: items.names.name(item), score: scores[row]!, parts, removedBy: null };
    });
    candidates.clear();
    return [...kept, ...removed.sort((a, b) => b.score - a.score)];
  };

  const whole = { memory, rankers, lessons, contest };
  return {
    rankers,
    contest,
    forgetUser: (userId) => forgetUser(memory, userId),
    snapshot: () => linesOf(whole),
    restore: (line) => restoreFrom(line, whole),
    addProduct: (product) => {
      const item = items.number(product.id);
      if (item < 0) return;
      items.list(item, product);
      content.set(item, product.name, product.category);
      // What was counted before it was there.
      if (items.columns.events[item]! > 0) for (const leaders of [popular, trending]) leaders.grown(item);
    },
    removeProduct: (productId) => {
      const item = items.names.find(productId);
      if (item < 0) return;
      items.unlist(item);
      content.hide(item);
    },
    learn: (activity) => {
      const some = [...new Set(activity.productIds)].map(items.numberOfNamed).filter((item) => item >= 0);
      if (some.length === 0) return;
      const { userId, kind, atMs, weight } = activity;
      if (kind === 'bought') {
        lessons.beforeOrder(some, histories.of(userId), activity);
        learnOrder(memory, some, userId === undefined ? undefined : histories.seen(userId), atMs, settings);
        return;
      }
      const visit = visitOf(memory, activity.visitId ?? userId ?? '', weight);
      const history = userId === undefined ? undefined : histories.seen(userId);
      for (const item of some) {
        if (kind !== 'removed') lessons.beforeStep(visit, item, history, activity);
        learnStep(memory, visit, item, activity);
        if (kind !== 'removed') rememberView(history, visit, item);
      }
    },
    recommend: (query, mayShow) => {
      const context = contextOf(query);
      const found = list(query, context, mayShow);
      const reasons = reasonsOf(
        context,
        found.map(({ item }) => item),
        query.scenario === 'reorder',
      );
      return found.map(({ item, score }, nth) => ({
        productId: items.names.name(item),
        score,
        reason: reasons[nth]!,
      }));
    },
    rank: (query) =>
      list(query, contextOf(query)).map(({ item, score }) => ({ productId: items.names.name(item), score })),
    reasons: (query, productIds) =>
      reasonsOf(contextOf(query), productIds.map(items.names.find), query.scenario === 'reorder'),
    explain,
    visitOf: (visitId) => {
      const visit = memory.openVisits.get(visitId);
      return {
        seen: (visit?.items ?? []).map(items.names.name),
        cart: (visit?.cart ?? []).map(items.names.name),
      };
    },
  };
};

/** A product that comes later than its score has the score of the one before it. */
const withFallingScores = (found: Found[]): Found[] => {
  let least = Number.POSITIVE_INFINITY;
  for (const one of found) {
    least = Math.min(least, one.score);
    one.score = least;
  }
  return found;
};

const negligible = 1e-9;
/** More than scores differ by, so that late candidates stand behind all others in their own order. */
const lateBy = 1e6;
