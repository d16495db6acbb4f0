/** Items by the token that they have, for finding candidates: of each token the `itemsPerTokenMax` that came last. */
export type TokenItems = {
  add(token: number, item: number): void;
  remove(token: number, item: number): void;
  /** The items of the tokens, token by token, at most `itemsMax`. */
  of(tokens: readonly number[], itemsMax: number): number[];
  /** In the order in which the tokens came. */
  entries(): Iterable<[token: number, items: number[]]>;
  restore(token: number, items: readonly number[]): void;
};

const itemsPerTokenMax = 400;

export const createTokenItems = (): TokenItems => {
  const itemsOf = new Map<number, number[]>();
  return {
    add: (token, item) => {
      const items = itemsOf.get(token) ?? [];
      itemsOf.set(token, items);
      items.push(item);
      if (items.length > itemsPerTokenMax) items.shift();
    },
    remove: (token, item) => {
      const items = itemsOf.get(token);
      if (items?.includes(item)) items.splice(items.indexOf(item), 1);
    },
    of: (tokens, itemsMax) => {
      const found = new Set<number>();
      for (const token of tokens)
        for (const item of itemsOf.get(token) ?? []) {
          found.add(item);
          if (found.size >= itemsMax) return [...found];
        }
      return [...found];
    },
    entries: () => itemsOf,
    restore: (token, items) => void itemsOf.set(token, [...items]),
  };
};
