import type { Activity, Product, Query } from './activity.js';
import { createCandidates } from './candidates.js';
import { type Contest, createContest } from './contest.js';
import { forgetUser, learnOrder, learnStep, rememberView, visitOf } from './learning.js';
import { createLessons } from './lessons.js';
import { contextOf, createLists, type Explained } from './lists.js';
import { createMemory } from './memory.js';
import { createRankers, type Rankers } from './rankers.js';
import { createReasons, type Reason } from './reasons.js';
import { createScorers } from './scorers.js';
import { defaultSettings, type RecommenderSettings } from './settings.js';
import { linesOf, restoreFrom } from './snapshot.js';

export type Ranked = { productId: string; score: number };
export type Recommended = Ranked & { reason: Reason };

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
  rankers: Rankers;
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

// Over seventy lines: what is learned and what is asked, of one memory.
export const createRecommender = (settings: RecommenderSettings = defaultSettings): Recommender => {
  const memory = createMemory(settings);
  const { items, content, histories, popular, trending } = memory;
  const candidates = createCandidates();
  // Another parameter set takes its place here.
  const asking = { ...settings };
  const scorers = createScorers(memory, asking);
  const reasonsOf = createReasons(memory);
  const rankers = createRankers(settings);
  const contest = createContest({ candidates, scorers, rankers, asking, settings });
  const { observe } = contest;
  const lists = createLists(memory, { candidates, scorers, rankers });
  const lessons = createLessons(memory, rankers, { candidates, scorers, settings, observe });

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
      const context = contextOf(memory, query);
      const found = lists.make(query, context, mayShow);
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
      lists
        .make(query, contextOf(memory, query))
        .map(({ item, score }) => ({ productId: items.names.name(item), score })),
    reasons: (query, productIds) =>
      reasonsOf(contextOf(memory, query), productIds.map(items.names.find), query.scenario === 'reorder'),
    explain: (query) => lists.explain(query, contextOf(memory, query)),
    visitOf: (visitId) => {
      const visit = memory.openVisits.get(visitId);
      return {
        seen: (visit?.items ?? []).map(items.names.name),
        cart: (visit?.cart ?? []).map(items.names.name),
      };
    },
  };
};
