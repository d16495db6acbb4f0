import type { Scenario } from './activity.js';
import type { Candidates } from './candidates.js';
import type { Profile } from './content.js';
import { columnOf } from './features.js';
import { frequency } from './history.js';
import { forEachEarlier, shareOfReturn } from './learning.js';
import type { Context, Memory } from './memory.js';
import { type Anchor, createNeighbours } from './neighbours.js';
import { createScores, type Scores } from './scores.js';
import type { RecommenderSettings } from './settings.js';
import type { SparseRows } from './sparse-rows.js';

/**
 * Finds candidates for a context and computes their features. Where `goesOn` says no once all candidates are there, their
 * features are not completed: what every candidate has costs as much as finding them.
 */
export type Scorers = (
  candidates: Candidates,
  context: Context,
  scenario: Scenario,
  goesOn?: () => boolean,
) => void;

const visitCandidatesMax = 120;
const pairCandidatesMax = 80;
const tasteCandidatesMax = 200;
/** Of a user's purchases, so many stand for his taste; they weigh their slow frequency. */
const tasteMax = 60;
const tasteNearMax = 30;
const cartNearMax = 20;
/** Beside a product or a cart that has so many candidates, only the first of the popular and of the trending ones come to them. */
const besideOthers: ReadonlySet<Scenario> = new Set(['product', 'similar', 'cart']);
const fewCandidates = 100;
const leadersBesideMax = 40;
const tiny = 1e-9;
const hourMs = 60 * 60 * 1000;

export const createScorers = (memory: Memory, settings: RecommenderSettings): Scorers => {
  const { items, orders } = memory;
  const visitNeighbours = createNeighbours(memory.visits);
  const orderNeighbours = createNeighbours(orders);
  const sums = createScores();
  const after = createScores();
  const before = createScores();

  const scoreVisit = (candidates: Candidates, { visit, ownVisit, atMs }: Context): void => {
    const last = visit[visit.length - 1];
    if (last === undefined) return;
    const anchors = anchorsOf(visit, settings.anchorsMax, settings.positionReach);
    visitNeighbours(anchors, settings.visitNeighbours, after, before, ownVisit);
    addAll(after, sums);
    addAll(before, sums);
    candidates.take(sums, columnOf.visitNearLog, columnOf.visitNear, visitCandidatesMax);
    candidates.take(after, columnOf.visitAfterLog, columnOf.visitAfter, visitCandidatesMax);
    candidates.take(before, columnOf.visitBeforeLog, columnOf.visitBefore, visitCandidatesMax / 2);
    const own = ownVisit < 0 ? [] : pairsOf(visit, memory.long.growth(atMs));
    addRow(memory.forward, last, 1, sums);
    for (const { from, to, gain } of own) if (from === last) sums.takeBack(to, gain);
    candidates.take(sums, columnOf.lastPairLog, columnOf.lastPair, pairCandidatesMax);
    addRow(memory.backward, last, 1, sums);
    for (const { from, to, gain } of own) if (to === last) sums.takeBack(from, gain);
    candidates.take(sums, columnOf.backPairLog, null, pairCandidatesMax / 2);
    const weights = new Map(
      anchors.map(({ item, weight }) => [item, weight / (items.columns.views[item]! + tiny)]),
    );
    for (const [item, weight] of weights) addRow(memory.forward, item, weight, sums);
    for (const { from, to, gain } of own) sums.takeBack(to, gain * (weights.get(from) ?? 0));
    candidates.take(sums, columnOf.visitPairLog, columnOf.visitPair, pairCandidatesMax);
    scoreSeen(candidates, visit, last);
  };

  const scoreBasket = (candidates: Candidates, { visit, cart }: Context): void => {
    const basket = cart.length > 0 ? cart : visit.slice(-1);
    if (basket.length === 0) return;
    for (const item of basket) addRow(memory.together, item, 1 / (items.columns.baskets[item]! + tiny), sums);
    candidates.take(sums, columnOf.basketPairLog, columnOf.basketPair, pairCandidatesMax);
    const anchors = basket.slice(-cartNearMax).map((item) => ({ item, weight: idfOf(item) }));
    orderNeighbours(anchors, settings.orderNeighbours, sums, sums);
    candidates.take(sums, columnOf.basketNearLog, columnOf.basketNear, pairCandidatesMax);
  };

  /** ln(1 + orders / orders with the item). */
  const idfOf = (item: number): number => Math.log(1 + orders.next / (1 + orders.visitsWith(item)));

  const scoreTaste = (candidates: Candidates, { history }: Context): void => {
    if (history === undefined || history.baskets === 0) return;
    const taste = [...history.owned]
      .map(([item, owned]) => ({ item, weight: frequency(history, owned, 'slow') }))
      .sort((a, b) => b.weight - a.weight || a.item - b.item)
      .slice(0, tasteMax);
    for (const { item, weight } of taste)
      addRow(memory.together, item, weight / (items.columns.baskets[item]! + tiny), sums);
    candidates.take(sums, columnOf.tastePairLog, columnOf.tastePair, tasteCandidatesMax);
    const anchors = taste
      .slice(0, tasteNearMax)
      .map(({ item, weight }) => ({ item, weight: weight * idfOf(item) }));
    orderNeighbours(anchors, settings.orderNeighbours, sums, sums);
    candidates.take(sums, columnOf.tasteNearLog, columnOf.tasteNear, tasteCandidatesMax);
    for (const item of history.last)
      addRow(memory.following, item, 1 / (items.columns.follows[item]! + tiny), sums);
    candidates.take(sums, columnOf.nextPairLog, columnOf.nextPair, tasteCandidatesMax);
  };

  return (candidates, context, scenario, goesOn) => {
    candidates.clear();
    scoreVisit(candidates, context);
    scoreBasket(candidates, context);
    scoreTaste(candidates, context);
    scoreOwned(candidates, context);
    const isBesideOthers = besideOthers.has(scenario) && candidates.items.length >= fewCandidates;
    const leadersMax = isBesideOthers ? leadersBesideMax : Number.POSITIVE_INFINITY;
    for (const { items: leaders } of [memory.popular, memory.trending]) {
      let left = leadersMax;
      for (const item of leaders) {
        if (left === 0) break;
        left -= 1;
        candidates.rowOf(item);
      }
    }
    const profiles = profilesOf(memory, context, settings);
    if (profiles !== null) findByContent(candidates, memory, context, scenario, profiles);
    if (goesOn?.() === false) return;
    if (profiles !== null) scoreContent(candidates, memory, scenario, profiles);
    scoreItems(candidates, memory, context);
  };
};

/**
 * What a visit itself has added to the pairs. It is taken back when the visit is asked for: what the shopper did is known
 * already, by the features of seen items, and must not count a second time as what shoppers do.
 */
const pairsOf = (visit: readonly number[], growth: number): { from: number; to: number; gain: number }[] => {
  const pairs: { from: number; to: number; gain: number }[] = [];
  for (const [step, to] of visit.entries()) {
    const gain = growth * shareOfReturn(visit, step, to);
    forEachEarlier(visit, step, to, (from, distance) => pairs.push({ from, to, gain: gain / distance }));
  }
  return pairs;
};

/** The distinct items of a visit, the latest first. */
export const anchorsOf = (visit: readonly number[], countMax: number, reach: number): Anchor[] => {
  const anchors: Anchor[] = [];
  const seen = new Set<number>();
  for (let nth = visit.length - 1; nth >= 0 && anchors.length < countMax; nth -= 1) {
    const item = visit[nth]!;
    if (seen.has(item)) continue;
    seen.add(item);
    anchors.push({ item, weight: Math.exp(-anchors.length / reach) });
  }
  return anchors;
};

const addAll = (scores: Scores, into: Scores): void => {
  const { items } = scores;
  for (let nth = 0; nth < items.length; nth += 1) into.add(items[nth]!, scores.get(items[nth]!));
};

const addRow = (rows: SparseRows, item: number, weight: number, into: Scores): void => {
  const row = rows.row(item);
  if (row === undefined) return;
  const { columns, sums, begin, size } = row;
  for (let nth = begin; nth < begin + size; nth += 1) into.add(columns[nth]!, sums[nth]! * weight);
};

const scoreSeen = (candidates: Candidates, visit: readonly number[], last: number): void => {
  const timesAgain = new Map<number, number>();
  for (let nth = visit.length - 1; nth >= 0; nth -= 1) {
    const item = visit[nth]!;
    if (item !== last) timesAgain.set(item, (timesAgain.get(item) ?? -1) + 1);
  }
  const repeats = shareOfRepeats(visit);
  let others = 0;
  for (const [item, times] of timesAgain) {
    others += 1;
    const row = candidates.rowOf(item);
    candidates.put(row, columnOf.seen, 1);
    candidates.put(row, columnOf.seenTimes, times);
    candidates.put(row, columnOf.seenRecency, 1 / others);
    if (others === 1) candidates.put(row, columnOf.seenJustBefore, 1);
    candidates.put(row, columnOf.seenInRepeats, repeats);
  }
};

const shareOfRepeats = (visit: readonly number[]): number =>
  visit.length === 0 ? 0 : 1 - new Set(visit).size / visit.length;

const scoreOwned = (candidates: Candidates, { history, atMs }: Context): void => {
  if (history === undefined) return;
  for (const [item, owned] of history.owned) {
    const row = candidates.rowOf(item);
    const slow = frequency(history, owned, 'slow');
    const ageMs = Math.max(0, atMs - owned.atMs);
    candidates.put(row, columnOf.owned, 1);
    candidates.put(row, columnOf.ownFast, frequency(history, owned, 'fast'));
    candidates.put(row, columnOf.ownSlow, slow / (1 + slow));
    candidates.put(row, columnOf.ownShareLog, 1 + Math.log(owned.count / (history.baskets + 1)) / 4);
    candidates.put(row, columnOf.ownCountLog, Math.log(owned.count));
    // Ages count in the user's own usual gaps, so that a weekly and a yearly buyer are alike.
    candidates.put(row, columnOf.ownAgeLog, -Math.log(1 + ageMs / (hourMs + history.gapMs)) / 2);
    if (owned.count > 1)
      candidates.put(
        row,
        columnOf.ownDue,
        Math.exp(-Math.abs(Math.log((ageMs + hourMs) / (owned.gapMs + hourMs)))),
      );
    if (owned.basket === history.baskets) candidates.put(row, columnOf.ownInLast, 1);
  }
};

const contentCandidatesMax = 60;
const profileItemsMax = 100;
/**
 * Each candidate is compared with so many single purchases, the latest, and so many items of the cart: a comparison costs as
 * much as with the whole profile.
 */
const comparedMax = 8;

/** What the context is about: as a whole, and of late, which is the same where there is nothing else; and of which items that is. */
type Profiles = { whole: Profile; latest: Profile; bought: readonly number[]; beside: readonly number[] };

const profilesOf = (
  { content }: Memory,
  { visit, cart, history }: Context,
  { positionReach }: RecommenderSettings,
): Profiles | null => {
  if (content.size === 0) return null;
  const tokens = new Map<number, number>();
  const bought = history === undefined ? [] : [...history.owned].slice(-profileItemsMax);
  for (const [item, owned] of bought)
    content.addTo(tokens, item, 0.2 + (history === undefined ? 0 : frequency(history, owned, 'slow')));
  for (const item of cart) content.addTo(tokens, item, 1);
  const anchors = anchorsOf(visit, 5, positionReach);
  for (const { item, weight } of anchors) content.addTo(tokens, item, weight);
  const whole = content.profileOf(tokens);
  const last = visit[visit.length - 1] ?? cart[cart.length - 1];
  const isLastAll = anchors.length === 1 && bought.length === 0 && cart.length === 0;
  const near = new Map<number, number>();
  for (const item of last === undefined ? (history?.last ?? []) : [last]) content.addTo(near, item, 1);
  return {
    whole,
    latest: isLastAll ? whole : content.profileOf(near),
    bought: bought.map(([item]) => item),
    beside: [...cart.slice(-comparedMax), ...anchors.map(({ item }) => item)],
  };
};

const findByContent = (
  candidates: Candidates,
  { content, items }: Memory,
  { atMs }: Context,
  scenario: Scenario,
  { whole, latest }: Profiles,
): void => {
  if (scenario === 'new-arrivals')
    for (const item of content.newest(atMs, items.since)) candidates.rowOf(item);
  else
    for (const some of new Set([latest, whole]))
      for (const item of content.near(some, contentCandidatesMax)) candidates.rowOf(item);
};

const scoreContent = (
  candidates: Candidates,
  { content }: Memory,
  scenario: Scenario,
  { whole, latest, bought, beside }: Profiles,
): void => {
  const cosines = content.similarities(whole, candidates.items);
  putSimilarities(candidates, cosines, columnOf.contentProfile);
  if (latest !== whole) content.similarities(latest, candidates.items);
  putSimilarities(candidates, cosines, columnOf.contentLast);
  if (scenario !== 'new-arrivals') return;
  const singles = new Set([...bought.slice(-comparedMax), ...beside]);
  const best = new Float64Array(candidates.items.length);
  for (const single of singles) {
    const cosines = content.similarities(content.profileOfItem(single), candidates.items);
    for (let nth = 0; nth < best.length; nth += 1) best[nth] = Math.max(best[nth]!, cosines[nth]!);
  }
  putSimilarities(candidates, best, columnOf.contentBest);
};

const putSimilarities = (candidates: Candidates, cosines: Float64Array, column: number): void => {
  for (let row = 0; row < candidates.items.length; row += 1) candidates.put(row, column, cosines[row]!);
};

const scoreItems = (
  candidates: Candidates,
  memory: Memory,
  { visit, cart, history, atMs }: Context,
): void => {
  const { long, short, events } = memory.items.columns;
  const longNow = memory.long.growth(atMs);
  const shortNow = memory.short.growth(atMs);
  const { items } = candidates;
  for (let row = 0; row < items.length; row += 1) {
    const item = items[row]!;
    const ofLong = long[item]! / longNow;
    candidates.put(row, columnOf.popularLog, Math.log(1 + ofLong) / 5);
    candidates.put(row, columnOf.trendLog, Math.log((short[item]! / shortNow + 0.5) / (ofLong + 4)));
    candidates.put(row, columnOf.newness, 1 / (1 + events[item]!));
  }
  // In the order of the features of the query.
  candidates.ofQuery([
    Math.log(1 + visit.length) / 2,
    shareOfRepeats(visit),
    Math.log(1 + (history?.baskets ?? 0)) / 3,
    Math.log(1 + cart.length) / 3,
  ]);
};
