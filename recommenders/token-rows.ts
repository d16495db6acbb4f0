import { grownTo } from './typed-arrays.js';

/** The tokens of each item, close together in one array. */
export type TokenRows = {
  has(item: number): boolean;
  set(item: number, tokens: readonly number[]): void;
  of(item: number): Int32Array;
  /**
   * The item's tokens are in `all` from `begins[item]` to before `ends[item]`; an item beyond these has none. All three are
   * replaced when they are full.
   */
  readonly all: Int32Array;
  readonly begins: Int32Array;
  readonly ends: Int32Array;
};

export const createTokenRows = (): TokenRows => {
  let all = new Int32Array(1024);
  let begins = new Int32Array(0);
  let ends = new Int32Array(0);
  let isSet = new Uint8Array(0);
  let used = 0;
  let unused = 0;

  /** Makes a larger array, or one of the same size where half of this one is no longer used. */
  const makeRoom = (wanted: number): void => {
    const before = all;
    all = new Int32Array(Math.max(used - unused + wanted, unused > used / 2 ? all.length : 2 * all.length));
    used = 0;
    unused = 0;
    for (let item = 0; item < begins.length; item += 1) {
      const [begin, end] = [begins[item]!, ends[item]!];
      all.set(before.subarray(begin, end), used);
      begins[item] = used;
      used += end - begin;
      ends[item] = used;
    }
  };

  return {
    has: (item) => isSet[item] === 1,
    set: (item, tokens) => {
      begins = grownTo(begins, item);
      ends = grownTo(ends, item);
      isSet = grownTo(isSet, item);
      isSet[item] = 1;
      unused += ends[item]! - begins[item]!;
      ends[item] = begins[item]!;
      if (used + tokens.length > all.length) makeRoom(tokens.length);
      all.set(tokens, used);
      begins[item] = used;
      used += tokens.length;
      ends[item] = used;
    },
    of: (item) => all.subarray(begins[item] ?? 0, ends[item] ?? 0),
    get all() {
      return all;
    },
    get begins() {
      return begins;
    },
    get ends() {
      return ends;
    },
  };
};
