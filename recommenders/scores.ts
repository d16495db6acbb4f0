import { nthLargest } from './selection.js';

/** Sums by item that are emptied in the time of what was added. */
export type Scores = {
  add(item: number, by: number): void;
  /** Takes back a part of a sum; an item without one is left alone. */
  takeBack(item: number, by: number): void;
  get(item: number): number;
  /** The items with a sum, in the order in which they came. */
  readonly items: readonly number[];
  readonly max: number;
  clear(): void;
};

export const createScores = (): Scores => {
  let sums = new Float64Array(1024);
  const items: number[] = [];
  return {
    add: (item, by) => {
      if (!(by > 0)) return;
      if (item >= sums.length) {
        const more = new Float64Array(Math.max(item + 1, sums.length * 2));
        more.set(sums);
        sums = more;
      }
      if (sums[item] === 0) items.push(item);
      sums[item]! += by;
    },
    takeBack: (item, by) => {
      if (item < sums.length && sums[item]! > 0) sums[item] = Math.max(Number.MIN_VALUE, sums[item]! - by);
    },
    get: (item) => (item < sums.length ? sums[item]! : 0),
    items,
    get max() {
      let max = 0;
      for (const item of items) if (sums[item]! > max) max = sums[item]!;
      return max;
    },
    clear: () => {
      for (const item of items) sums[item] = 0;
      items.length = 0;
    },
  };
};

let copies = new Float64Array(1024);

/** The `count` items with the largest sums, in no order; ties go to the items that came first. */
export const largest = (scores: Scores, count: number): readonly number[] => {
  const { items } = scores;
  if (items.length <= count) return items;
  if (copies.length < items.length) copies = new Float64Array(2 * items.length);
  for (let nth = 0; nth < items.length; nth += 1) copies[nth] = scores.get(items[nth]!);
  const threshold = nthLargest(copies, items.length, count);
  const above = items.filter((item) => scores.get(item) > threshold);
  if (above.length === count) return above;
  const ties = items.filter((item) => scores.get(item) === threshold);
  return above.concat(ties.slice(0, count - above.length));
};
