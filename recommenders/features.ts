import type { Scenario } from './activity.js';

/**
 * What the ranking models see of a candidate. `…Log` is 1 + ln(share of the best candidate) / 7, cut at 0; `…` without it
 * is that share itself. The features of the query are the same for all its candidates: with them the second stage learns
 * when another feature matters.
 */
export const featureNames = [
  // Visit neighbours: all, only what came after the match, only what came before it.
  'visitNearLog',
  'visitNear',
  'visitAfterLog',
  'visitAfter',
  'visitBeforeLog',
  'visitBefore',
  // Pairs: from the last item, from the whole visit, and what usually leads to the last item.
  'lastPairLog',
  'lastPair',
  'visitPairLog',
  'visitPair',
  'backPairLog',
  // Items that the visit has seen: 1 over how many others ago, how often again, whether just before.
  'seen',
  'seenRecency',
  'seenTimes',
  'seenJustBefore',
  'seenInRepeats',
  // Orders that are like the cart, and pairs with its items.
  'basketPairLog',
  'basketPair',
  'basketNearLog',
  'basketNear',
  // The same for the user's purchases; and what usually follows the items of his last order.
  'tastePairLog',
  'tastePair',
  'tasteNearLog',
  'tasteNear',
  'nextPairLog',
  'nextPair',
  // The user's own purchases of the item.
  'owned',
  'ownFast',
  'ownSlow',
  'ownShareLog',
  'ownCountLog',
  'ownAgeLog',
  'ownDue',
  'ownInLast',
  // Cosines of text with the last item, with the whole profile, and the largest with one item of the profile.
  'contentLast',
  'contentProfile',
  'contentBest',
  'popularLog',
  'trendLog',
  'newness',
  // The query: its steps, the share of repeats among them, the user's orders, the items in the cart.
  'querySteps',
  'queryRepeats',
  'queryOrders',
  'queryCart',
] as const;

export type FeatureName = (typeof featureNames)[number];

/** The last of them are alike for all candidates of a query. */
export const queryFeatureCount = featureNames.length - featureNames.indexOf('querySteps');

/** The column of each feature. */
export const columnOf = Object.fromEntries(featureNames.map((name, nth) => [name, nth])) as Record<
  FeatureName,
  number
>;

/** The weights before anything was learned: sensible in any shop, so that the first visitor gets a list too. */
export const priors: Record<Scenario, Partial<Record<FeatureName, number>>> = {
  product: {
    visitNear: 6,
    seenRecency: 2,
    seen: 0.6,
    basketPair: 3,
    basketNear: 1,
    contentLast: 2,
    popularLog: 0.1,
  },
  similar: {
    contentLast: 8,
    contentProfile: 1,
    visitNear: 2,
    lastPair: 1,
    backPairLog: 0.5,
    popularLog: 0.2,
  },
  cart: {
    basketPair: 2,
    basketPairLog: 3,
    basketNear: 2,
    basketNearLog: 1,
    visitNear: 2,
    visitPair: 1,
    contentProfile: 1,
    popularLog: 0.2,
  },
  home: {
    tastePairLog: 3,
    tasteNearLog: 2,
    nextPairLog: 1,
    visitNear: 4,
    visitPair: 1,
    basketPair: 1,
    contentProfile: 1,
    popularLog: 1,
    trendLog: 0.5,
  },
  reorder: {
    ownFast: 3,
    ownSlow: 3,
    owned: 2,
    ownShareLog: 2,
    ownDue: 0.5,
    tastePairLog: 1,
    visitNear: 1,
    popularLog: 0.3,
  },
  'new-arrivals': {
    contentProfile: 4,
    contentLast: 2,
    contentBest: 2,
    popularLog: 0.5,
    tastePairLog: 1,
    visitNear: 2,
    newness: 2,
  },
  trending: { popularLog: 5, trendLog: 2 },
};
