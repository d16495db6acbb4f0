import { recentMs } from './activity.js';
import { tokensIn } from './text-tokens.js';
import { createTokenItems } from './token-items.js';
import { createTokenRows } from './token-rows.js';
import { createTokenTable } from './token-table.js';
import { grownTo } from './typed-arrays.js';

/**
 * Products by what they are called. A product's text becomes tokens: its words, pairs of neighbouring words, and
 * groups of four letters, which also match plurals and compounds; its categories become tokens of their own. Tokens are
 * hashed into `bucketsMax` numbers, so nothing is downloaded and memory is bounded. Two products are as similar as the
 * cosine of their weighted tokens.
 */
export type Content = {
  set(item: number, name: string, category: string | undefined): void;
  /** The item is found no more by what it is called, until it is set again. */
  hide(item: number): void;
  has(item: number): boolean;
  readonly size: number;
  /** Adds the tokens of an item to a profile. */
  addTo(profile: Map<number, number>, item: number, weight: number): void;
  /** The cosine of a profile and each item, in their order; valid until the next call. */
  similarities(profile: Profile, items: readonly number[]): Float64Array;
  profileOf(tokens: Map<number, number>): Profile;
  profileOfItem(item: number): Profile;
  /** The items that came into the shop last, at most `newestMax`, of those that were there by then. */
  newest(atMs: number, since: (item: number) => number): number[];
  /** The items that share a rare token with the profile: token by token, the heaviest first, at most `itemsMax`. */
  near(profile: Profile, itemsMax: number): number[];
  /** First the items in the order of addition, then those of each token; the texts themselves are not kept. */
  entries(): Iterable<ContentEntry>;
  restore(entry: ContentEntry): void;
  /** Weighs all tokens anew: before the entries are read and after the last is restored, so that both weigh alike. */
  weigh(): void;
};

export type ContentEntry = { item: number; tokens: number[] } | { token: number; items: readonly number[] };

/** Weights by the token's number in the table. */
export type Profile = { tokens: Map<number, number>; norm: number };

const newestMax = 500;
const lookedAtMax = 5_000;
const tokensLookedAtMax = 60;

// Over seventy lines: what a text adds to the tables of tokens and what is read from them share their layout.
export const createContent = (): Content => {
  const table = createTokenTable();
  const tokenItems = createTokenItems();
  const rows = createTokenRows();
  let norms = new Float64Array(0);
  const added: number[] = [];
  let weighedAgainAt = 0;
  // The profile that items are compared with, spread over all tokens: an item then costs its own tokens only.
  let compared = new Float64Array(0);
  let cosines = new Float64Array(1024);

  const normOf = (item: number): number => {
    const { weights } = table;
    let squares = 0;
    for (const token of rows.of(item)) squares += weights[token]! ** 2;
    return Math.sqrt(squares);
  };

  /** Weights are computed again when the catalogue has grown by a tenth; in between they hardly change. */
  const weigh = (): void => {
    table.weigh(added.length);
    for (const item of added) norms[item] = normOf(item);
    weighedAgainAt = Math.max(added.length + 1, Math.ceil(added.length * 1.1));
  };

  const setTokens = (item: number, hashed: readonly number[]): void => {
    if (!rows.has(item)) added.push(item);
    for (const token of rows.of(item)) {
      table.counts[token]! -= 1;
      tokenItems.remove(token, item);
    }
    const tokens = hashed.map(table.number);
    rows.set(item, tokens);
    norms = grownTo(norms, item);
    for (const token of tokens) {
      table.counts[token]! += 1;
      if (table.isWord(token)) tokenItems.add(token, item);
    }
    if (added.length >= weighedAgainAt) weigh();
    else norms[item] = normOf(item);
  };

  return {
    get size() {
      return added.length;
    },
    weigh,
    has: rows.has,
    set: (item, name, category) => setTokens(item, [...new Set(tokensIn(name, category))]),
    hide: (item) => {
      for (const token of rows.of(item)) tokenItems.remove(token, item);
    },
    addTo: (profile, item, weight) => {
      const { weights } = table;
      const scale = weight / (norms[item] || 1);
      for (const token of rows.of(item))
        profile.set(token, (profile.get(token) ?? 0) + weights[token]! * scale);
    },
    profileOf,
    profileOfItem: (item) => {
      const { weights } = table;
      return profileOf(new Map(Array.from(rows.of(item), (token) => [token, weights[token]!])));
    },
    newest: (atMs, since) => {
      // A catalogue is added in about the order of creation: the latest additions, sorted by when they came.
      const young = added
        .slice(-lookedAtMax)
        .filter((item) => since(item) <= atMs && atMs - since(item) <= recentMs);
      return young.length <= newestMax
        ? young
        : young.sort((a, b) => since(b) - since(a) || a - b).slice(0, newestMax);
    },
    similarities: ({ tokens, norm }, items) => {
      if (cosines.length < items.length) cosines = new Float64Array(2 * items.length);
      const { weights } = table;
      if (compared.length < weights.length) compared = new Float64Array(weights.length);
      const { all, begins, ends } = rows;
      for (const [token, weight] of tokens) compared[token] = weights[token]! * weight;
      for (let nth = 0; nth < items.length; nth += 1) {
        const item = items[nth]!;
        const end = norm > 0 ? (ends[item] ?? 0) : 0;
        let dot = 0;
        for (let at = begins[item] ?? 0; at < end; at += 1) dot += compared[all[at]!]!;
        cosines[nth] = dot === 0 ? 0 : dot / (norm * norms[item]!);
      }
      for (const token of tokens.keys()) compared[token] = 0;
      return cosines;
    },
    near: ({ tokens }, itemsMax) => {
      const heaviest = [...tokens].filter(([token]) => table.isWord(token)).sort(([, a], [, b]) => b - a);
      return tokenItems.of(
        heaviest.slice(0, tokensLookedAtMax).map(([token]) => token),
        itemsMax,
      );
    },
    *entries() {
      for (const item of added) yield { item, tokens: Array.from(rows.of(item), table.tokenOf) };
      for (const [token, items] of tokenItems.entries()) yield { token: table.tokenOf(token), items };
    },
    restore: (entry) => {
      if ('tokens' in entry) setTokens(entry.item, entry.tokens);
      else tokenItems.restore(table.number(entry.token), entry.items);
    },
  };
};

const profileOf = (tokens: Map<number, number>): Profile => {
  let squares = 0;
  for (const weight of tokens.values()) squares += weight * weight;
  return { tokens, norm: Math.sqrt(squares) };
};
