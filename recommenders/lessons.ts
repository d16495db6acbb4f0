import { type Activity, recentMs, type Scenario } from './activity.js';
import type { Candidates } from './candidates.js';
import type { Contest } from './contest.js';
import type { History } from './history.js';
import type { Context, Memory } from './memory.js';
import type { OpenVisit } from './open-visits.js';
import type { Rankers } from './rankers.js';
import type { Scorers } from './scorers.js';
import type { RecommenderSettings } from './settings.js';

/**
 * Predict, then learn: before an activity becomes part of the memory, the rankers are asked for it as for a list, and learn
 * from what was really chosen. A lesson costs as much as a list, so each activity pays for a share of one. All is a
 * function of the order of the activities, so a replay learns the same.
 */
export type Lessons = {
  beforeStep(visit: OpenVisit, item: number, history: History | undefined, activity: Activity): void;
  beforeOrder(items: readonly number[], history: History | undefined, activity: Activity): void;
  credit: number;
  turn: number;
  given: number;
};

const creditMax = 50;
/**
 * After so many lessons the rankers know the shop, and follow its changes by fewer: the n-th lesson is paid for by
 * n / lessonsInFull times the activities, up to 1 / paceMin times.
 */
const lessonsInFull = 20_000;
const paceMin = 0.15;
const lessonWeightMin = 0.5;

// Over seventy lines: each kind of lesson is made of one memory and paid for by one credit.
export const createLessons = (
  memory: Memory,
  rankers: Rankers,
  parts: {
    candidates: Candidates;
    scorers: Scorers;
    settings: RecommenderSettings;
    /** Called before each lesson. */
    observe?: Contest['observe'];
  },
): Lessons => {
  const { candidates, scorers, settings, observe } = parts;
  const { items } = memory;

  const teach = (
    scenario: Scenario,
    context: Context,
    chosen: ReadonlySet<number>,
    isWanted: (item: number) => boolean,
  ): void => {
    const isCandidate = (item: number) => isWanted(item) && items.isListed(item, context.atMs);
    observe?.({ scenario, context, chosen, isWanted: isCandidate });
    // Where none of the chosen ones was found there is nothing to learn.
    scorers(candidates, context, scenario, () => [...chosen].some(candidates.has));
    candidates.keep(isCandidate);
    const taken: number[] = [];
    for (let row = 0; row < candidates.items.length; row += 1)
      if (chosen.has(candidates.items[row]!)) taken.push(row);
    rankers[scenario].learn(candidates.features, taken);
    candidates.clear();
    lessons.given += 1;
  };

  const pay = (share: number): void => {
    const pace = Math.max(paceMin, Math.min(1, lessonsInFull / lessons.given));
    lessons.credit = Math.min(creditMax, lessons.credit + share * pace);
  };

  const cartLesson = (some: readonly number[], context: Context): boolean => {
    if (some.length < 2) return false;
    const cart = some.slice(0, Math.floor(some.length / 2));
    const inCart = new Set(cart);
    // Half of the lessons without the buyer, because many carts are nobody's.
    const history = lessons.turn % 2 === 0 ? context.history : undefined;
    teach(
      'cart',
      { ...context, cart, history },
      new Set(some.slice(cart.length)),
      (item) => !inCart.has(item),
    );
    return true;
  };

  const reorderLesson = (some: readonly number[], context: Context): boolean => {
    if (context.history === undefined || context.history.baskets === 0) return false;
    teach('reorder', context, new Set(some), () => true);
    return true;
  };

  const freshOf = (some: readonly number[], { history }: Context): Set<number> =>
    new Set(
      history === undefined || history.baskets === 0 ? [] : some.filter((item) => !history.owned.has(item)),
    );

  const homeLesson = (some: readonly number[], context: Context): boolean => {
    const fresh = freshOf(some, context);
    if (fresh.size === 0) return false;
    teach('home', context, fresh, (item) => !context.history?.owned.has(item));
    return true;
  };

  const arrivalsLesson = (some: readonly number[], context: Context): boolean => {
    const isNew = (item: number) => !(context.atMs - items.since(item) > recentMs);
    const arrivals = new Set([...freshOf(some, context)].filter(isNew));
    if (arrivals.size === 0) return false;
    teach('new-arrivals', context, arrivals, (item) => !context.history?.owned.has(item) && isNew(item));
    return true;
  };

  const lessons: Lessons = {
    credit: creditMax,
    turn: 0,
    given: 0,
    beforeStep: (visit, item, history, { kind, atMs, weight = 1 }) => {
      // What comes in bulk teaches nothing.
      if (weight < lessonWeightMin) return;
      const latest = visit.items[visit.items.length - 1];
      if (latest === item && kind !== 'added') return;
      pay(settings.lessonsPerView);
      if (lessons.credit < 1) return;
      lessons.credit -= 1;
      lessons.turn += 1;
      const context: Context = { visit: visit.items, cart: [], history, atMs, ownVisit: visit.number };
      const inCart = new Set(visit.cart);
      if (kind === 'added' && visit.cart.length > 0 && !inCart.has(item))
        teach('cart', { ...context, cart: visit.cart }, new Set([item]), (other) => !inCart.has(other));
      const seen = new Set(visit.items);
      const isHome = latest === undefined || lessons.turn % 4 === 0;
      if (isHome && !seen.has(item) && (latest !== undefined || history !== undefined))
        teach(
          'home',
          context,
          new Set([item]),
          (other) => !seen.has(other) && history?.owned.has(other) !== true,
        );
      else if (latest !== undefined && latest !== item)
        teach('product', context, new Set([item]), (other) => other !== latest);
    },
    beforeOrder: (some, history, { atMs }) => {
      pay(settings.lessonsPerOrder);
      const context: Context = { visit: [], cart: [], history, atMs, ownVisit: -1 };
      lessons.turn += 1;
      // Each order begins with another lesson, so that all get their share when not all can be paid for.
      const all = [cartLesson, reorderLesson, homeLesson, arrivalsLesson];
      for (let nth = 0; nth < all.length && lessons.credit >= 1; nth += 1)
        if (all[(nth + lessons.turn) % all.length]!(some, context)) lessons.credit -= 1;
    },
  };
  return lessons;
};
