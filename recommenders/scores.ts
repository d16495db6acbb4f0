import { nthLargest } from './selection.js';
import { grownTo } from './typed-arrays.js';

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

const roundedBy = 1e-6;

export const createScores = (): Scores => {
  let sums = new Float64Array(1024);
  const items: number[] = [];
  return {
    add: (item, by) => {
      if (!(by > 0)) return;
      if (item >= sums.length) sums = grownTo(sums, item);
      if (sums[item] === 0) items.push(item);
      sums[item]! += by;
    },
    takeBack: (item, by) => {
      if (!(item < sums.length && sums[item]! > 0)) return;
      const rest = sums[item]! - by;
      // What is left by rounding is nothing.
      sums[item] = rest < sums[item]! * roundedBy ? Number.MIN_VALUE : rest;
    },
    get: (item) => (item < sums.length ? sums[item]! : 0),
    items,
    get max() {
      let max = 0;
      for (let nth = 0; nth < items.length; nth += 1) if (sums[items[nth]!]! > max) max = sums[items[nth]!]!;
      return max;
    },
    clear: () => {
      for (let nth = 0; nth < items.length; nth += 1) sums[items[nth]!] = 0;
      items.length = 0;
    },
  };
};

let copies = new Float64Array(1024);

/** The smallest of the `count` largest sums, and how many items that have it are among them; the first ones. */
export const thresholdOf = (scores: Scores, count: number): { least: number; ties: number } => {
  const { items } = scores;
  const size = items.length;
  if (size <= count) return { least: Number.NEGATIVE_INFINITY, ties: 0 };
  if (copies.length < size) copies = new Float64Array(2 * size);
  for (let nth = 0; nth < size; nth += 1) copies[nth] = scores.get(items[nth]!);
  const least = nthLargest(copies, size, count);
  let above = 0;
  for (let nth = 0; nth < size; nth += 1) if (copies[nth]! > least) above += 1;
  return { least, ties: count - above };
};
