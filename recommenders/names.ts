/** Small whole numbers for names, at most `namesMax` of them; a name beyond has none. */
export type Names = {
  /** The name's number; a new one if it has none yet; -1 when there are too many names. */
  number(name: string): number;
  /** The name's number, or -1. */
  find(name: string): number;
  name(number: number): string;
  readonly size: number;
};

export const createNames = (namesMax: number): Names => {
  const numbers = new Map<string, number>();
  const names: string[] = [];
  return {
    number: (name) => {
      const known = numbers.get(name);
      if (known !== undefined) return known;
      if (names.length >= namesMax) return -1;
      numbers.set(name, names.length);
      names.push(name);
      return names.length - 1;
    },
    find: (name) => numbers.get(name) ?? -1,
    name: (number) => names[number] ?? '',
    get size() {
      return names.length;
    },
  };
};
