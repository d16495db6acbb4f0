import { columnOf, type FeatureName, featureCount } from './features.js';
import { largest, type Scores } from './scores.js';

/** The candidates of one query and their features: a row each, in the order in which they came. */
export type Candidates = {
  readonly items: readonly number[];
  /** `featureCount` numbers a row; replaced when rows are added. */
  readonly features: Float64Array;
  /** Where the item's row begins; the item becomes a candidate. */
  rowOf(item: number): number;
  set(item: number, feature: FeatureName, value: number): void;
  /** Sets the two features of the `count` items with the largest sums, and clears the sums. */
  take(scores: Scores, log: FeatureName | null, share: FeatureName | null, count: number): void;
  /** Removes the candidates that are not wanted. */
  keep(isWanted: (item: number) => boolean): void;
  clear(): void;
};

export const createCandidates = (): Candidates => {
  let features = new Float64Array(512 * featureCount);
  // 0 for items that are no candidates, else the row's number counted from 1.
  let rows = new Int32Array(1024);
  const items: number[] = [];

  const addRow = (item: number): number => {
    items.push(item);
    rows[item] = items.length;
    const from = (items.length - 1) * featureCount;
    if (from + featureCount > features.length) {
      const more = new Float64Array(2 * features.length);
      more.set(features);
      features = more;
    }
    features.fill(0, from, from + featureCount);
    return from;
  };
  const rowOf = (item: number): number => {
    if (item >= rows.length) {
      const more = new Int32Array(Math.max(item + 1, 2 * rows.length));
      more.set(rows);
      rows = more;
    }
    const row = rows[item]!;
    return row === 0 ? addRow(item) : (row - 1) * featureCount;
  };

  return {
    items,
    get features() {
      return features;
    },
    rowOf,
    set: (item, feature, value) => {
      const from = rowOf(item);
      features[from + columnOf[feature]] = value;
    },
    take: (scores, log, share, count) => {
      const max = scores.max;
      for (const item of max > 0 ? largest(scores, count) : []) {
        const ofMax = scores.get(item) / max;
        const from = rowOf(item);
        if (log !== null) features[from + columnOf[log]] = Math.max(0, 1 + Math.log(ofMax) / 7);
        if (share !== null) features[from + columnOf[share]] = ofMax;
      }
      scores.clear();
    },
    keep: (isWanted) => {
      let kept = 0;
      for (let nth = 0; nth < items.length; nth += 1) {
        const item = items[nth]!;
        rows[item] = 0;
        if (!isWanted(item)) continue;
        if (kept !== nth) {
          features.copyWithin(kept * featureCount, nth * featureCount, (nth + 1) * featureCount);
          items[kept] = item;
        }
        kept += 1;
        rows[item] = kept;
      }
      items.length = kept;
    },
    clear: () => {
      for (const item of items) rows[item] = 0;
      items.length = 0;
    },
  };
};
