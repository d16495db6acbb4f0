import { recentMs } from './activity.js';

/**
 * Products by what they are called. A product's text becomes tokens: its words, pairs of neighbouring words, and
 * groups of four letters, which also match plurals and compounds; its categories become tokens of their own. Tokens are
 * hashed (Weinberger et al. 2009) into `bucketsMax` numbers, so nothing is downloaded and memory is bounded. A token
 * weighs idf(t) = ln(1 + N / n(t)), and two products are as similar as the cosine of their weighted tokens.
 */
export type Content = {
  set(item: number, name: string, category: string | undefined): void;
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

export type ContentEntry = { item: number; tokens: number[] } | { token: number; items: number[] };

export type Profile = { tokens: Map<number, number>; norm: number };

const bucketsMax = 1 << 18;
const newestMax = 500;
const lookedAtMax = 5_000;
/** Items kept by token, for finding candidates. */
const itemsPerTokenMax = 400;

export const createContent = (): Content => {
  const tokensOf: (Int32Array | undefined)[] = [];
  // Allocated with the first text: a shop without a catalogue has none.
  let counts = new Int32Array(0);
  const itemsOf = new Map<number, number[]>();
  let size = 0;
  const added: number[] = [];
  let weights = new Float64Array(0);
  /** The tokens that were ever used. */
  const used: number[] = [];
  const norms: number[] = [];
  let weighedAgainAt = 0;
  let weighedSize = 0;
  const weightOf = (token: number): number => weights[token]!;
  // The profile that items are compared with, spread over all buckets: an item then costs its own tokens only.
  let compared = new Float64Array(0);
  let cosines = new Float64Array(1024);

  const weightAsOfNow = (token: number): number =>
    // Words weigh fully, groups of letters little, because there are many of them.
    Math.log(1 + weighedSize / Math.max(1, counts[token]!)) * (token % 2 === 1 ? 0.35 : 1);

  /** Weights are computed again when the catalogue has grown by a tenth; in between they hardly change. */
  const weigh = (): void => {
    weighedSize = size;
    for (const token of used) weights[token] = weightAsOfNow(token);
    for (const item of added) norms[item] = normOf(item);
    weighedAgainAt = Math.max(size + 1, Math.ceil(size * 1.1));
  };

  const normOf = (item: number): number => {
    let squares = 0;
    for (const token of tokensOf[item] ?? []) squares += weightOf(token) ** 2;
    return Math.sqrt(squares);
  };

  const setTokens = (item: number, tokens: Int32Array): void => {
    if (counts.length === 0) {
      counts = new Int32Array(bucketsMax).fill(-1);
      weights = new Float64Array(bucketsMax);
      compared = new Float64Array(bucketsMax);
    }
    const before = tokensOf[item];
    if (before === undefined) {
      size += 1;
      added.push(item);
    } else
      for (const token of before) {
        counts[token]! -= 1;
        const items = itemsOf.get(token);
        if (items?.includes(item)) items.splice(items.indexOf(item), 1);
      }
    tokensOf[item] = tokens;
    for (const token of tokens) {
      if (counts[token] === -1) {
        counts[token] = 0;
        used.push(token);
        weights[token] = weightAsOfNow(token);
      }
      counts[token]! += 1;
      if (token % 2 === 1) continue;
      const items = itemsOf.get(token) ?? [];
      itemsOf.set(token, items);
      items.push(item);
      if (items.length > itemsPerTokenMax) items.shift();
    }
    if (size >= weighedAgainAt) weigh();
    else norms[item] = normOf(item);
  };

  return {
    get size() {
      return size;
    },
    weigh,
    has: (item) => tokensOf[item] !== undefined,
    set: (item, name, category) => setTokens(item, Int32Array.from(new Set(tokensIn(name, category)))),
    addTo: (profile, item, weight) => {
      const tokens = tokensOf[item];
      if (tokens === undefined) return;
      const scale = weight / (norms[item] || 1);
      for (const token of tokens) profile.set(token, (profile.get(token) ?? 0) + weightOf(token) * scale);
    },
    profileOf: (tokens) => {
      let norm = 0;
      for (const weight of tokens.values()) norm += weight * weight;
      return { tokens, norm: Math.sqrt(norm) };
    },
    profileOfItem: (item) => {
      const tokens = new Map<number, number>();
      for (const token of tokensOf[item] ?? []) tokens.set(token, weightOf(token));
      let squares = 0;
      for (const weight of tokens.values()) squares += weight * weight;
      return { tokens, norm: Math.sqrt(squares) };
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
      for (const [token, weight] of tokens) compared[token] = weights[token]! * weight;
      for (let nth = 0; nth < items.length; nth += 1) {
        const item = items[nth]!;
        const own = tokensOf[item];
        let dot = 0;
        if (own !== undefined && norm > 0)
          for (let at = 0; at < own.length; at += 1) dot += compared[own[at]!]!;
        cosines[nth] = dot === 0 ? 0 : dot / (norm * norms[item]!);
      }
      for (const token of tokens.keys()) compared[token] = 0;
      return cosines;
    },
    near: ({ tokens }, itemsMax) => {
      const heaviest = [...tokens].filter(([token]) => token % 2 === 0).sort(([, a], [, b]) => b - a);
      const found = new Set<number>();
      for (const [token] of heaviest.slice(0, 60)) {
        for (const item of itemsOf.get(token) ?? []) {
          found.add(item);
          if (found.size >= itemsMax) return [...found];
        }
      }
      return [...found];
    },
    *entries() {
      for (const item of added) yield { item, tokens: [...(tokensOf[item] ?? [])] };
      for (const [token, items] of itemsOf) yield { token, items };
    },
    restore: (entry) => {
      if ('tokens' in entry) setTokens(entry.item, Int32Array.from(entry.tokens));
      else itemsOf.set(entry.token, [...entry.items]);
    },
  };
};

const wordsMax = 40;

/** Even numbers are words and categories, odd ones groups of letters. */
const tokensIn = (name: string, category: string | undefined): number[] => {
  const words =
    name
      .toLowerCase()
      .normalize('NFKD')
      .match(/[\p{L}\p{N}]+/gu)
      ?.slice(0, wordsMax) ?? [];
  const tokens: number[] = [];
  let previous = '';
  for (const word of words) {
    tokens.push(2 * hash(word));
    if (previous !== '') tokens.push(2 * hash(`${previous} ${word}`));
    previous = word;
    const padded = `_${word}_`;
    for (let at = 0; at + 4 <= padded.length; at += 1) tokens.push(2 * hash(padded.slice(at, at + 4)) + 1);
  }
  let path = '';
  for (const part of category?.split('/').slice(0, 8) ?? []) {
    path += `/${part}`;
    tokens.push(2 * hash(path));
  }
  return tokens;
};

/** FNV-1a, folded to the number of buckets. */
const hash = (text: string): number => {
  let value = 2166136261;
  for (let at = 0; at < text.length; at += 1) value = Math.imul(value ^ text.charCodeAt(at), 16777619);
  return ((value ^ (value >>> 15)) >>> 0) % (bucketsMax / 2);
};
