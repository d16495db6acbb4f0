import type { Activity } from './activity.js';
import { addNumber, addOrder, addView, type History } from './history.js';
import type { Memory } from './memory.js';
import { addStep, addToCart, type OpenVisit, removeFromCart } from './open-visits.js';
import type { RecommenderSettings } from './settings.js';

/** How far back in a visit pairs are made, in distinct items. */
const pairDistanceMax = 8;
/** How many items of an order are paired with each other. */
const pairedMax = 100;
/** How many items of two orders that follow each other are paired. */
const followedMax = 60;

/** What weighs less comes in bulk: of that nothing becomes a neighbour, and it takes no place of what does. */
const indexedWeightMin = 0.5;

/** The visit of an activity of this weight: the open one, or a new one. */
export const visitOf = ({ openVisits, visits }: Memory, visitId: string, weight = 1): OpenVisit => {
  const known = openVisits.get(visitId);
  const visit = known ?? { number: openVisits.numberOutside(), items: [], cart: [] };
  if (visit.number < 0 && weight >= indexedWeightMin) visit.number = visits.begin();
  openVisits.set(visitId, visit);
  return visit;
};

/**
 * A step of a visit to another item j. For each earlier item i at distance d (distinct items) the directed pair grows by
 * g(t) * w / d in both tables; a repeat of the item in view changes nothing, because reloading a page shows no interest.
 * When the visit has come to j n times before, w is 1 / (1 + n)^2 of the activity's weight, so that going back and forth
 * adds at most pi^2/6 of a visit.
 */
export const learnStep = (
  memory: Memory,
  visit: OpenVisit,
  item: number,
  { kind, atMs, weight = 1 }: Activity,
): void => {
  if (kind === 'removed') {
    removeFromCart(visit, item);
    return;
  }
  if (kind === 'added') addToCart(visit, item);
  if (visit.items[visit.items.length - 1] === item) return;
  const share = weight * shareOfReturn(visit.items, visit.items.length, item);
  const gain = memory.long.growth(atMs) * share;
  forEachEarlier(visit.items, visit.items.length, item, (earlier, distance) => {
    memory.forward.add(earlier, item, gain / distance);
    memory.backward.add(item, earlier, gain / distance);
  });
  memory.items.columns.views[item]! += gain;
  addStep(visit, item);
  // A neighbour counts as a whole: of a visit that goes on in bulk only the beginning becomes one.
  if (weight >= indexedWeightMin) memory.visits.append(visit.number, item);
  countPopularity(memory, item, atMs, share);
};

/** 1 / (1 + n)^2, where the visit had come to the item n times before this step. */
export const shareOfReturn = (visit: readonly number[], step: number, item: number): number => {
  let times = 0;
  for (let nth = 0; nth < step; nth += 1) if (visit[nth] === item) times += 1;
  return 1 / (1 + times) ** 2;
};

/** The distinct items of a visit before a step to `item`, the nearest first, with their distances. */
export const forEachEarlier = (
  visit: readonly number[],
  step: number,
  item: number,
  visited: (earlier: number, distance: number) => void,
): void => {
  const paired = new Set([item]);
  for (let nth = step - 1; nth >= 0 && paired.size <= pairDistanceMax; nth -= 1) {
    const earlier = visit[nth]!;
    if (paired.has(earlier)) continue;
    visited(earlier, paired.size);
    paired.add(earlier);
  }
};

/**
 * An order of n items: each two of them grow by g(t) / sqrt(n - 1), so that large orders do not outweigh small ones by
 * their square, and each item of the same user's order before leads to each of this one by g(t) / sqrt(n).
 */
export const learnOrder = (
  memory: Memory,
  items: readonly number[],
  history: History | undefined,
  atMs: number,
  settings: RecommenderSettings,
): void => {
  const gain = memory.long.growth(atMs);
  const paired = items.slice(0, pairedMax);
  const share = gain / Math.sqrt(Math.max(1, paired.length - 1));
  for (const from of paired) {
    for (const to of paired) if (from !== to) memory.together.add(from, to, share);
    memory.items.columns.baskets[from]! += gain;
  }
  const order = memory.orders.begin();
  for (const item of items.slice(0, settings.itemsPerOrderMax)) memory.orders.append(order, item);
  for (const item of items) countPopularity(memory, item, atMs, 1);
  if (history === undefined) return;
  const later = items.slice(0, followedMax);
  for (const from of history.last.slice(0, followedMax)) {
    for (const to of later) memory.following.add(from, to, gain / Math.sqrt(later.length));
    memory.items.columns.follows[from]! += gain;
  }
  addNumber(history.orders, order);
  addOrder(history, items, atMs);
};

export const rememberView = (history: History | undefined, visit: OpenVisit, item: number): void => {
  if (history === undefined) return;
  addView(history, item);
  addNumber(history.visits, visit.number);
};

/**
 * Forgets a user with his orders and his visits, also what he did in them before he logged in. What remains are sums over
 * all shoppers.
 */
export const forgetUser = ({ histories, visits, orders, openVisits }: Memory, userId: string): void => {
  const history = histories.of(userId);
  if (history === undefined) return;
  for (const visit of history.visits) visits.clearVisit(visit);
  for (const order of history.orders) orders.clearVisit(order);
  openVisits.close(new Set(history.visits));
  histories.forget(userId);
};

const countPopularity = (
  { items: { columns }, popular, trending, long, short }: Memory,
  item: number,
  atMs: number,
  share: number,
): void => {
  columns.events[item]! += 1;
  if (Number.isNaN(columns.firstMs[item]!)) columns.firstMs[item] = atMs;
  columns.long[item]! += long.growth(atMs) * share;
  columns.short[item]! += short.growth(atMs) * share;
  popular.grown(item);
  trending.grown(item);
};
