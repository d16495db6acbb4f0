import type { Context, Memory } from './memory.js';

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

const anchorsMax = 12;
/** Below this cosine two products have little more than a common word in common. */
const similarMin = 0.3;

export const reasonOf = (memory: Memory, context: Context, item: number, isReorder: boolean): Reason => {
  const { visit, cart, history } = context;
  const nameOf = (number: number) => memory.items.names.name(number);
  if (isReorder && history?.owned.has(item)) return { kind: 'bought_before', because: [nameOf(item)] };
  if (visit.includes(item)) return { kind: 'seen_earlier', because: [nameOf(item)] };
  const bought = history === undefined ? [] : [...history.owned.keys()].slice(-anchorsMax);
  const anchors = [...new Set([...cart, ...visit.slice(-anchorsMax), ...bought])].filter(
    (other) => other !== item,
  );
  const { views, baskets } = memory.items.columns;
  const best = { kind: 'popular' as Reason['kind'], anchor: -1, share: 0 };
  for (const anchor of anchors)
    for (const [kind, rows, masses] of [
      ['seen_together', memory.forward, views],
      ['seen_together', memory.backward, views],
      ['bought_together', memory.together, baskets],
    ] as const) {
      const share = rows.get(anchor, item) / (masses[anchor]! + Number.MIN_VALUE);
      if (share > best.share) Object.assign(best, { kind, anchor, share });
    }
  if (best.share > 0) return { kind: best.kind, because: [nameOf(best.anchor)] };
  for (const anchor of anchors) {
    const [cosine = 0] = memory.content.similarities(memory.content.profileOfItem(anchor), [item]);
    if (cosine > best.share) Object.assign(best, { anchor, share: cosine });
  }
  return best.share >= similarMin
    ? { kind: 'similar', because: [nameOf(best.anchor)] }
    : // What nobody has looked at or bought is only there.
      { kind: memory.items.columns.long[item]! > 0 ? 'popular' : 'catalogue', because: [] };
};
