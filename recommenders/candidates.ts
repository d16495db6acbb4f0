import { createFeatureTable, type FeatureRows } from './feature-rows.js';
import { queryFeatureCount } from './features.js';
import { type Scores, thresholdOf } from './scores.js';
import { grownTo } from './typed-arrays.js';

/** The candidates of one query and their features: a row each, in the order in which they came. */
export type Candidates = {
  readonly items: readonly number[];
  readonly features: FeatureRows;
  has(item: number): boolean;
  /** The item's row; the item becomes a candidate. */
  rowOf(item: number): number;
  /** Of each feature of a candidate once; features are named by their column. */
  put(row: number, column: number, value: number): void;
  /** The values of the features that are alike for all candidates. */
  ofQuery(values: readonly number[]): void;
  /** Sets the two features of the `count` items with the largest sums, and clears the sums. */
  take(scores: Scores, log: number, share: number | null, count: number): void;
  /** Removes the candidates that are not wanted. */
  keep(isWanted: (item: number) => boolean): void;
  clear(): void;
};

export const createCandidates = (): Candidates => {
  const features = createFeatureTable(queryFeatureCount);
  // 0 for items that are no candidates, else the row's number counted from 1.
  let rows = new Int32Array(1024);
  let numbers = new Int32Array(1024);
  const items: number[] = [];

  const rowOf = (item: number): number => {
    if (item >= rows.length) rows = grownTo(rows, item);
    const known = rows[item]!;
    if (known !== 0) return known - 1;
    items.push(item);
    rows[item] = items.length;
    return features.addRow();
  };

  return {
    items,
    features,
    has: (item) => item < rows.length && rows[item] !== 0,
    rowOf,
    put: features.put,
    ofQuery: (values) => features.ofQuery.set(values),
    take: (scores, log, share, count) => {
      const { max, items: summed } = scores;
      // The smallest value is what a sum has of which all was taken back.
      if (max > Number.MIN_VALUE) {
        const { least, ties } = thresholdOf(scores, count);
        let tiesLeft = ties;
        for (let nth = 0; nth < summed.length; nth += 1) {
          const item = summed[nth]!;
          const sum = scores.get(item);
          if (sum < least) continue;
          if (sum === least) {
            if (tiesLeft === 0) continue;
            tiesLeft -= 1;
          }
          const row = rowOf(item);
          const ofMax = sum / max;
          features.put(row, log, Math.max(0, 1 + Math.log(ofMax) / 7));
          if (share !== null) features.put(row, share, ofMax);
        }
      }
      scores.clear();
    },
    keep: (isWanted) => {
      if (numbers.length < items.length) numbers = new Int32Array(2 * items.length);
      let kept = 0;
      for (let nth = 0; nth < items.length; nth += 1) {
        const item = items[nth]!;
        rows[item] = 0;
        numbers[nth] = -1;
        if (!isWanted(item)) continue;
        numbers[nth] = kept;
        items[kept] = item;
        kept += 1;
        rows[item] = kept;
      }
      if (kept < items.length) features.renumber(numbers, kept);
      items.length = kept;
    },
    clear: () => {
      for (let nth = 0; nth < items.length; nth += 1) rows[items[nth]!] = 0;
      items.length = 0;
      features.clear();
    },
  };
};
