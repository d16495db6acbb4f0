import { bucketsMax, isWord } from './text-tokens.js';
import { grownTo } from './typed-arrays.js';

/**
 * The tokens that texts have, each with a number in the order in which they came, so that what is kept of them is small and
 * close together. A token weighs idf(t) = ln(1 + N / n(t)).
 */
export type TokenTable = {
  /** The number of a token, a new one if it has none. */
  number(token: number): number;
  tokenOf(number: number): number;
  isWord(number: number): boolean;
  readonly size: number;
  /** How many items have the token. */
  readonly counts: Int32Array;
  readonly weights: Float64Array;
  /** Weighs all tokens anew, of a catalogue of so many items; new tokens are weighed by the same number until then. */
  weigh(items: number): void;
};

export const createTokenTable = (): TokenTable => {
  // Allocated with the first text: a shop without a catalogue has none.
  let numbers = new Int32Array(0);
  let tokens = new Int32Array(0);
  let counts = new Int32Array(0);
  let weights = new Float64Array(0);
  let size = 0;
  let items = 0;

  const weightOf = (number: number): number =>
    // Words weigh fully, groups of letters little, because there are many of them.
    Math.log(1 + items / Math.max(1, counts[number]!)) * (isWord(tokens[number]!) ? 1 : 0.35);

  const grow = (): void => {
    if (numbers.length === 0) numbers = new Int32Array(bucketsMax).fill(-1);
    tokens = grownTo(tokens, size);
    counts = grownTo(counts, size);
    weights = grownTo(weights, size);
  };

  return {
    number: (token) => {
      const known = numbers[token] ?? -1;
      if (known >= 0) return known;
      if (size === tokens.length) grow();
      numbers[token] = size;
      tokens[size] = token;
      weights[size] = weightOf(size);
      size += 1;
      return size - 1;
    },
    tokenOf: (number) => tokens[number]!,
    isWord: (number) => isWord(tokens[number]!),
    get size() {
      return size;
    },
    get counts() {
      return counts;
    },
    get weights() {
      return weights;
    },
    weigh: (itemsNow) => {
      items = itemsNow;
      for (let number = 0; number < size; number += 1) weights[number] = weightOf(number);
    },
  };
};
