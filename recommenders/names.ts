import { hashOf } from './text-hash.js';

/** Small whole numbers for names, at most `namesMax` of them; a name beyond has none. */
export type Names = {
  /** The name's number; a new one if it has none yet; -1 when there are too many names. */
  number(name: string): number;
  /** The name's number, or -1. */
  find(name: string): number;
  name(number: number): string;
  readonly size: number;
};

/** The numbers are in a hash table with open addressing, which takes a sixth of the memory of a map. */
export const createNames = (namesMax: number): Names => {
  const names: string[] = [];
  // Nobody can know which names share a place: thousands of such would make each look-up as long.
  const basis = Math.floor(Math.random() * 2 ** 32);
  // Numbers counted from 1, each at the place of its name's hash or the next free one. A third of the places is free.
  let numbers = new Int32Array(1024);

  const placeOf = (name: string): number => {
    const last = numbers.length - 1;
    let place = hashOf(name, basis) & last;
    while (numbers[place] !== 0 && names[numbers[place]! - 1] !== name) place = (place + 1) & last;
    return place;
  };
  const grow = (): void => {
    numbers = new Int32Array(2 * numbers.length);
    for (const [nth, name] of names.entries()) numbers[placeOf(name)] = nth + 1;
  };

  return {
    number: (name) => {
      const place = placeOf(name);
      if (numbers[place] !== 0) return numbers[place]! - 1;
      if (names.length >= namesMax) return -1;
      names.push(name);
      numbers[place] = names.length;
      if (3 * names.length > 2 * numbers.length) grow();
      return names.length - 1;
    },
    find: (name) => numbers[placeOf(name)]! - 1,
    name: (number) => names[number] ?? '',
    get size() {
      return names.length;
    },
  };
};
