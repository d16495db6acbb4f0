/**
 * Sums of weights by pair of items, at most `2 * columnsMax` a row. A row that is full is cut to its `columnsMax` largest
 * sums. What a cut can lose: no entry that was removed weighed more than the smallest that stayed, so a missing pair's
 * sum is at most the row's smallest sum times the number of cuts since the pair was first added.
 */
export type SparseRows = {
  add(row: number, column: number, by: number): void;
  get(row: number, column: number): number;
  /** The row's columns and sums, in no order; only the first `size` entries count. */
  row(row: number): SparseRow | undefined;
  /** Multiplies every sum, when a forward decay begins at a new landmark. */
  scale(by: number): void;
  clearRow(row: number): void;
  entries(): Iterable<RowEntry>;
  restore(entry: RowEntry): void;
};

export type SparseRow = { columns: Int32Array; sums: Float64Array; size: number };
export type RowEntry = readonly [row: number, columns: number[], sums: number[]];

const firstColumns = 4;

export const createSparseRows = (columnsMax: number): SparseRows => {
  const rows: (SparseRow | undefined)[] = [];

  const rowOf = (at: number): SparseRow => {
    let found = rows[at];
    if (found === undefined) {
      found = { columns: new Int32Array(firstColumns), sums: new Float64Array(firstColumns), size: 0 };
      rows[at] = found;
    }
    return found;
  };

  return {
    add: (at, column, by) => {
      const row = rowOf(at);
      const { columns, size } = row;
      for (let nth = 0; nth < size; nth += 1)
        if (columns[nth] === column) {
          row.sums[nth]! += by;
          return;
        }
      if (size === columns.length) makeRoom(row, columnsMax);
      row.columns[row.size] = column;
      row.sums[row.size] = by;
      row.size += 1;
    },
    get: (at, column) => {
      const row = rows[at];
      if (row === undefined) return 0;
      for (let nth = 0; nth < row.size; nth += 1) if (row.columns[nth] === column) return row.sums[nth]!;
      return 0;
    },
    row: (at) => rows[at],
    scale: (by) => {
      for (const row of rows) if (row) for (let nth = 0; nth < row.size; nth += 1) row.sums[nth]! *= by;
    },
    clearRow: (at) => {
      rows[at] = undefined;
    },
    *entries() {
      for (const [at, row] of rows.entries())
        if (row !== undefined)
          yield [at, [...row.columns.subarray(0, row.size)], [...row.sums.subarray(0, row.size)]];
    },
    restore: ([at, columns, sums]) => {
      rows[at] = { columns: Int32Array.from(columns), sums: Float64Array.from(sums), size: columns.length };
    },
  };
};

/** Doubles the row, or cuts it to its largest sums when it is as large as it may be. */
const makeRoom = (row: SparseRow, columnsMax: number): void => {
  const { columns, sums, size } = row;
  if (size < 2 * columnsMax) {
    const length = Math.min(2 * columnsMax, Math.max(firstColumns, 2 * size));
    row.columns = new Int32Array(length);
    row.sums = new Float64Array(length);
    row.columns.set(columns);
    row.sums.set(sums);
    return;
  }
  const threshold = sums.slice().sort()[size - columnsMax]!;
  let kept = 0;
  for (let nth = 0; nth < size && kept < columnsMax; nth += 1) {
    if (sums[nth]! < threshold) continue;
    columns[kept] = columns[nth]!;
    sums[kept] = sums[nth]!;
    kept += 1;
  }
  row.size = kept;
};
