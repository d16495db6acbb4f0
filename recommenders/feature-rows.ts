import { grownTo } from './typed-arrays.js';

/**
 * The features of a query's candidates, a row for each. Only what is not 0 is kept, as an entry: of some forty features a
 * candidate has about six. What is alike for all rows, the features of the query, is kept once.
 */
export type FeatureRows = {
  /** How many rows there are. */
  readonly size: number;
  /** How many entries there are; the arrays below are longer, and are replaced when they are full. */
  readonly entries: number;
  /** Of each entry: its row, -1 where the row was removed; its column; its value; and the entry of the same row before it, or -1. */
  readonly rowAt: Int32Array;
  readonly columnAt: Uint8Array;
  readonly valueAt: Float64Array;
  readonly beforeAt: Int32Array;
  /** The last entry of each row, -1 where it has none. */
  readonly lastOf: Int32Array;
  /** The values of the last columns. */
  readonly ofQuery: Float64Array;
};

export type FeatureTable = FeatureRows & {
  /** Adds a row and returns its number. */
  addRow(): number;
  /** Of each column of a row once. */
  put(row: number, column: number, value: number): void;
  /** Keeps the rows to which `numbers` gives a new number, in their order, and not those to which it gives -1. */
  renumber(numbers: Int32Array, size: number): void;
  clear(): void;
};

type Writable<T> = { -readonly [K in keyof T]: T[K] };

export const createFeatureTable = (queryColumns: number): FeatureTable => {
  const table: Writable<FeatureTable> = {
    size: 0,
    entries: 0,
    rowAt: new Int32Array(8192),
    columnAt: new Uint8Array(8192),
    valueAt: new Float64Array(8192),
    beforeAt: new Int32Array(8192),
    lastOf: new Int32Array(1024),
    ofQuery: new Float64Array(queryColumns),
    addRow: () => {
      table.lastOf = grownTo(table.lastOf, table.size);
      table.lastOf[table.size] = -1;
      table.size += 1;
      return table.size - 1;
    },
    put: (row, column, value) => {
      if (value === 0) return;
      const entry = table.entries;
      if (entry === table.rowAt.length) {
        table.rowAt = grownTo(table.rowAt, entry);
        table.columnAt = grownTo(table.columnAt, entry);
        table.valueAt = grownTo(table.valueAt, entry);
        table.beforeAt = grownTo(table.beforeAt, entry);
      }
      table.rowAt[entry] = row;
      table.columnAt[entry] = column;
      table.valueAt[entry] = value;
      table.beforeAt[entry] = table.lastOf[row]!;
      table.lastOf[row] = entry;
      table.entries = entry + 1;
    },
    renumber: (numbers, size) => {
      const { rowAt, lastOf, entries } = table;
      for (let row = 0; row < table.size; row += 1)
        if (numbers[row]! >= 0) lastOf[numbers[row]!] = lastOf[row]!;
      for (let entry = 0; entry < entries; entry += 1)
        if (rowAt[entry]! >= 0) rowAt[entry] = numbers[rowAt[entry]!]!;
      table.size = size;
    },
    clear: () => {
      table.size = 0;
      table.entries = 0;
      table.ofQuery.fill(0);
    },
  };
  return table;
};
