import type { Context, Memory } from './memory.js';
import { grownTo } from './typed-arrays.js';

/** Why a product is on a list, as evidence that is in the memory; `because` are the products that it is about. */
export type Reason = {
  kind:
    | 'bought_before'
    | 'seen_earlier'
    | 'seen_together'
    | 'bought_together'
    | 'similar'
    | 'popular'
    | 'catalogue';
  because: string[];
};

/** The reasons of the items of one list, in their order. */
export type Reasons = (context: Context, items: readonly number[], isReorder: boolean) => Reason[];

const anchorsMax = 12;
/** A cart may have hundreds, of which the last ones say enough. */
const cartAnchorsMax = 50;
/** Below this cosine two products have little more than a common word in common. */
const similarMin = 0.3;

type Likeness = { anchor: number; cosine: number };
type Evidence = { kind: Reason['kind']; anchor: number; share: number };

export const createReasons = (memory: Memory): Reasons => {
  const { names, columns } = memory.items;
  // 0 for items that are not asked about, else their place counted from 1: a row of pairs is read once for all of them.
  let places = new Int32Array(1024);

  /** The pair with an anchor that says most about each item. */
  const strongestPairs = (items: readonly number[], anchors: readonly number[]): Evidence[] => {
    const { views, baskets } = columns;
    const found = items.map((): Evidence => ({ kind: 'popular', anchor: -1, share: 0 }));
    for (const [nth, item] of items.entries()) {
      places = grownTo(places, item);
      places[item] = nth + 1;
    }
    for (const anchor of anchors)
      for (const [kind, rows, masses] of [
        ['seen_together', memory.forward, views],
        ['seen_together', memory.backward, views],
        ['bought_together', memory.together, baskets],
      ] as const) {
        const row = rows.row(anchor);
        if (row === undefined) continue;
        const mass = masses[anchor]! + Number.MIN_VALUE;
        for (let at = row.begin; at < row.begin + row.size; at += 1) {
          const other = row.columns[at]!;
          const place = other < places.length ? places[other]! : 0;
          if (place === 0) continue;
          const evidence = found[place - 1]!;
          const share = row.sums[at]! / mass;
          if (share > evidence.share) Object.assign(evidence, { kind, anchor, share });
        }
      }
    for (const item of items) places[item] = 0;
    return found;
  };

  /** The anchor whose text is most like that of each item. */
  const likest = (items: readonly number[], anchors: readonly number[]): Likeness[] => {
    const best = items.map((): Likeness => ({ anchor: -1, cosine: 0 }));
    for (const anchor of items.length === 0 ? [] : anchors) {
      const cosines = memory.content.similarities(memory.content.profileOfItem(anchor), items);
      for (const [nth, one] of best.entries())
        if (items[nth] !== anchor && cosines[nth]! > one.cosine)
          best[nth] = { anchor, cosine: cosines[nth]! };
    }
    return best;
  };

  return ({ visit, cart, history }, items, isReorder) => {
    const bought = history === undefined ? [] : [...history.owned.keys()].slice(-anchorsMax);
    const anchors = [...new Set([...cart.slice(-cartAnchorsMax), ...visit.slice(-anchorsMax), ...bought])];
    const pairs = strongestPairs(items, anchors);
    const others = items.filter((_, nth) => pairs[nth]!.share === 0);
    const likenesses = new Map(likest(others, anchors).map((one, nth) => [others[nth]!, one]));
    return items.map((item, nth): Reason => {
      const of = (kind: Reason['kind'], because: number): Reason => ({
        kind,
        because: [names.name(because)],
      });
      if (isReorder && history?.owned.has(item)) return of('bought_before', item);
      if (visit.includes(item)) return of('seen_earlier', item);
      const pair = pairs[nth]!;
      if (pair.share > 0) return of(pair.kind, pair.anchor);
      const { anchor, cosine } = likenesses.get(item)!;
      if (cosine >= similarMin) return of('similar', anchor);
      // What nobody has looked at or bought is only there.
      return { kind: columns.long[item]! > 0 ? 'popular' : 'catalogue', because: [] };
    });
  };
};
