import { distanceOf } from './words.js';

/** The words that are indexed, each with a number, found by their beginning and by how they are misspelt. */
export type Vocabulary = {
  /** The number of a word; undefined for one that no document has. */
  find(word: string): number | undefined;
  /** The number of a word, a new one if need be. */
  add(word: string): number;
  wordAt(number: number): string;
  /** The words that begin with this text and are longer, at most `countMax`, the shortest first. */
  beginningWith(text: string, countMax: number): number[];
  /** The words within the edits that a word of this length may have, nearest first. */
  near(word: string): { number: number; distance: number }[];
  readonly size: number;
};

/** A short word has too many neighbours, and a number is another number. */
const charsMinForOneEdit = 3;
const charsMinForTwoEdits = 8;
/** Words compared in full at most, for one misspelt word. */
const comparedMax = 5_000;
const nearMax = 20;

export const createVocabulary = (): Vocabulary => {
  const numbers = new Map<string, number>();
  const words: string[] = [];
  const alphabet = createAlphabet(words);
  const spellings = createSpellings(words);
  return {
    find: (word) => numbers.get(word),
    add: (word) => {
      const known = numbers.get(word);
      if (known !== undefined) return known;
      const number = words.push(word) - 1;
      numbers.set(word, number);
      spellings.add(word, number);
      return number;
    },
    wordAt: (number) => words[number] as string,
    get size() {
      return words.length;
    },
    beginningWith: alphabet.beginningWith,
    near: spellings.near,
  };
};

/** The words in the order of their texts. New words are merged in when they are asked for, in a pass over the old ones. */
const createAlphabet = (words: readonly string[]): Pick<Vocabulary, 'beginningWith'> => {
  let sorted: number[] = [];
  const inOrder = (): readonly number[] => {
    if (sorted.length === words.length) return sorted;
    const added = Array.from({ length: words.length - sorted.length }, (_, nth) => sorted.length + nth);
    added.sort((one, other) => ((words[one] as string) < (words[other] as string) ? -1 : 1));
    const merged: number[] = [];
    let next = 0;
    for (const number of sorted) {
      while (next < added.length && (words[added[next] as number] as string) < (words[number] as string))
        merged.push(added[next++] as number);
      merged.push(number);
    }
    sorted = [...merged, ...added.slice(next)];
    return sorted;
  };

  const firstFrom = (order: readonly number[], text: string): number => {
    let [low, high] = [0, order.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((words[order[middle] as number] as string) < text) low = middle + 1;
      else high = middle;
    }
    return low;
  };

  return {
    beginningWith: (text, countMax) => {
      const order = inOrder();
      const found: number[] = [];
      for (let at = firstFrom(order, text); at < order.length && found.length < comparedMax; at += 1) {
        const word = words[order[at] as number] as string;
        if (!word.startsWith(text)) break;
        if (word.length > text.length) found.push(order[at] as number);
      }
      const lengthOf = (number: number) => (words[number] as string).length;
      return found.sort((one, other) => lengthOf(one) - lengthOf(other)).slice(0, countMax);
    },
  };
};

/** Words by their first and by their last letters: an edit leaves the one or the other end as it was. */
const createSpellings = (words: readonly string[]) => {
  const byStart = new Map<string, number[]>();
  const byEnd = new Map<string, number[]>();

  const put = (into: Map<string, number[]>, key: string, number: number): void => {
    const bucket = into.get(key);
    if (bucket === undefined) into.set(key, [number]);
    else bucket.push(number);
  };
  const sameEnds = (word: string): readonly (readonly number[])[] =>
    [1, 2].flatMap((count) => [byStart.get(startOf(word, count)) ?? [], byEnd.get(endOf(word, count)) ?? []]);

  return {
    add: (word: string, number: number): void => {
      const lettersCount = word.length < 6 ? 1 : 2;
      put(byStart, startOf(word, lettersCount), number);
      put(byEnd, endOf(word, lettersCount), number);
    },
    near: (word: string): ReturnType<Vocabulary['near']> => {
      if (word.length < charsMinForOneEdit || /\d/.test(word)) return [];
      const editsMax = word.length < charsMinForTwoEdits ? 1 : 2;
      const found = new Map<number, number>();
      let compared = 0;
      for (const bucket of sameEnds(word))
        for (const number of bucket) {
          const other = words[number] as string;
          if (Math.abs(other.length - word.length) > editsMax) continue;
          compared += 1;
          if (compared > comparedMax) break;
          const distance = distanceOf(word, other, editsMax);
          if (distance > 0 && distance <= editsMax) found.set(number, distance);
        }
      return [...found]
        .map(([number, distance]) => ({ number, distance }))
        .sort((one, other) => one.distance - other.distance)
        .slice(0, nearMax);
    },
  };
};

/** The key of a word's first or last letters: two of a long word, one of a short word, whose middle is near both ends. */
const startOf = (word: string, lettersCount: number): string =>
  `${lettersCount}${word.slice(0, lettersCount)}`;
const endOf = (word: string, lettersCount: number): string => `${lettersCount}${word.slice(-lettersCount)}`;
