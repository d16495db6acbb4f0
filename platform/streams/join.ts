import { keepEarliest, type Timed } from '#platform/streams/earliest';
import type { Aggregate } from '#platform/streams/topology';

/** What a join has of each side, in the order of event time: the earliest 16. */
export type Pair<L, R> = { left: (Timed & { value: L })[]; right: (Timed & { value: R })[] };

export type Side<L, R> = { left: L } | { right: R };

const perSideMax = 16;

/**
 * Joins two kinds of events by key within a window: a gap window of some minutes joins what happens within minutes of
 * each other.
 */
export const joinOf = <L, R>(): Aggregate<Side<L, R>, Pair<L, R>> => ({
  start: () => ({ left: [], right: [] }),
  add: (pair, input, atMs) => {
    if ('left' in input) keepEarliest(pair.left, { atMs, value: input.left }, perSideMax);
    else keepEarliest(pair.right, { atMs, value: input.right }, perSideMax);
    return pair;
  },
  merge: (into, other) => {
    for (const one of other.left) keepEarliest(into.left, one, perSideMax);
    for (const one of other.right) keepEarliest(into.right, one, perSideMax);
    return into;
  },
});
