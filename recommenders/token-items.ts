import { createRings, entriesOf } from './rings.js';

/** Items by the token that they have, for finding candidates: of each token the `itemsPerTokenMax` that came last. */
export type TokenItems = {
  add(token: number, item: number): void;
  remove(token: number, item: number): void;
  /** The items of the tokens, token by token, at most `itemsMax`. */
  of(tokens: readonly number[], itemsMax: number): number[];
  entries(): Iterable<[token: number, items: readonly number[]]>;
  restore(token: number, items: readonly number[]): void;
};

const itemsPerTokenMax = 400;

export const createTokenItems = (): TokenItems => {
  const rings = createRings(itemsPerTokenMax);
  return {
    add: rings.push,
    remove: rings.remove,
    of: (tokens, itemsMax) => {
      const found = new Set<number>();
      for (const token of tokens) {
        const ring = rings.of(token);
        if (ring === undefined) continue;
        const { entries, begin, length, start, size } = ring;
        for (let nth = 0; nth < size && found.size < itemsMax; nth += 1)
          found.add(entries[begin + ((start + nth) % length)]!);
      }
      return [...found];
    },
    *entries() {
      for (let token = 0; token < rings.items; token += 1) {
        const ring = rings.of(token);
        if (ring !== undefined) yield [token, entriesOf(ring)];
      }
    },
    restore: (token, items) => {
      // They stand for all that came with the items.
      rings.dropBelow(token, Number.POSITIVE_INFINITY);
      for (const item of items) rings.push(token, item);
    },
  };
};
