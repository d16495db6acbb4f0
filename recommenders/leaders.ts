/**
 * The items with the largest of sums that only grow, without sorting all of them: an item joins when its sum passes the
 * smallest that was kept at the last cut, and a set that has doubled is cut to `countMax`. With forward-decayed sums
 * every item that may belong to the largest is looked at whenever its sum grows.
 */
export type Leaders = {
  /** Called after a sum has grown. */
  grown(item: number): void;
  readonly items: ReadonlySet<number>;
  toJson(): number[];
  restore(json: number[]): void;
};

export const createLeaders = (countMax: number, sumOf: (item: number) => number): Leaders => {
  let items = new Set<number>();
  let threshold = Number.NEGATIVE_INFINITY;
  return {
    get items() {
      return items;
    },
    grown: (item) => {
      if (items.has(item) || sumOf(item) <= threshold) return;
      items.add(item);
      if (items.size < 2 * countMax) return;
      const best = [...items].sort((a, b) => sumOf(b) - sumOf(a) || a - b).slice(0, countMax);
      threshold = sumOf(best[best.length - 1]!);
      items = new Set(best);
    },
    toJson: () => [...items, threshold],
    restore: (json) => {
      threshold = json[json.length - 1] ?? Number.NEGATIVE_INFINITY;
      items = new Set(json.slice(0, -1));
    },
  };
};
