import { createBlocks } from './blocks.js';
import { grownTo, toBytes, toText } from './typed-arrays.js';

/**
 * Sums of weights by pair of items, at most `2 * columnsMax` a row. A row that is full is cut to its `columnsMax` largest
 * sums. What a cut can lose: no entry that was removed weighed more than the smallest that stayed, so a missing pair's
 * sum is at most the row's smallest sum times the number of cuts since the pair was first added. Sums are kept with 24
 * binary digits.
 */
export type SparseRows = {
  add(row: number, column: number, by: number): void;
  get(row: number, column: number): number;
  /** Valid until the next call. */
  row(row: number): SparseRow | undefined;
  entries(): Iterable<RowEntry>;
  restore(entry: RowEntry): void;
};

/** The columns and sums of a row, in no order: `size` of them, from `begin` on. */
export type SparseRow = { columns: Int32Array; sums: Float32Array; begin: number; size: number };
/** Columns and sums as the base64 of their bytes, which is shorter than their digits. */
export type RowEntry = readonly [row: number, columns: string, sums: string];

export const createSparseRows = (columnsMax: number): SparseRows => {
  const sizeMax = 2 * columnsMax;
  const blocks = createBlocks(sizeMax, true);
  // Of each row: where its block is, of which class it is counted from 1, and how many entries it has.
  let addresses = new Int32Array(0);
  let classes = new Uint8Array(0);
  let sizes = new Int32Array(0);
  let rows = 0;
  const found: SparseRow = { columns: new Int32Array(0), sums: new Float32Array(0), begin: 0, size: 0 };
  let sorted = new Float32Array(0);

  const read = (at: number): SparseRow => {
    const address = addresses[at]!;
    const { numbers, weights } = blocks.segmentOf(address);
    found.columns = numbers;
    found.sums = weights;
    found.begin = blocks.beginOf(address);
    found.size = sizes[at]!;
    return found;
  };

  const moveTo = (at: number, sizeClass: number): void => {
    const address = blocks.allocate(sizeClass);
    if (classes[at] !== 0) {
      const { columns, sums, begin, size } = read(at);
      const { numbers, weights } = blocks.segmentOf(address);
      numbers.set(columns.subarray(begin, begin + size), blocks.beginOf(address));
      weights.set(sums.subarray(begin, begin + size), blocks.beginOf(address));
      blocks.free(addresses[at]!, classes[at]! - 1);
    }
    addresses[at] = address;
    classes[at] = sizeClass + 1;
  };

  /** Cuts a full row to its largest sums. */
  const cut = (at: number): void => {
    const { columns, sums, begin, size } = read(at);
    if (sorted.length < size) sorted = new Float32Array(size);
    const all = sorted.subarray(0, size);
    all.set(sums.subarray(begin, begin + size));
    all.sort();
    const threshold = all[size - columnsMax]!;
    let kept = begin;
    for (let nth = begin; nth < begin + size && kept < begin + columnsMax; nth += 1) {
      if (sums[nth]! < threshold) continue;
      columns[kept] = columns[nth]!;
      sums[kept] = sums[nth]!;
      kept += 1;
    }
    sizes[at] = kept - begin;
  };

  const makeRoom = (at: number): void => {
    if (at >= rows) {
      addresses = grownTo(addresses, at);
      classes = grownTo(classes, at);
      sizes = grownTo(sizes, at);
      rows = at + 1;
    }
    const size = sizes[at]!;
    const sizeClass = classes[at]!;
    if (sizeClass === 0) moveTo(at, 0);
    else if (size >= sizeMax) cut(at);
    else if (size >= blocks.lengthOf(sizeClass - 1)) moveTo(at, sizeClass);
  };

  return {
    add: (at, column, by) => {
      if (at < rows && classes[at] !== 0) {
        const { columns, sums, begin, size } = read(at);
        for (let nth = begin; nth < begin + size; nth += 1)
          if (columns[nth] === column) {
            sums[nth]! += by;
            return;
          }
      }
      makeRoom(at);
      const { columns, sums, begin, size } = read(at);
      columns[begin + size] = column;
      sums[begin + size] = by;
      sizes[at] = size + 1;
    },
    get: (at, column) => {
      if (at >= rows || classes[at] === 0) return 0;
      const { columns, sums, begin, size } = read(at);
      for (let nth = begin; nth < begin + size; nth += 1) if (columns[nth] === column) return sums[nth]!;
      return 0;
    },
    row: (at) => (at < rows && classes[at] !== 0 ? read(at) : undefined),
    *entries() {
      for (let at = 0; at < rows; at += 1) {
        if (classes[at] === 0) continue;
        const { columns, sums, begin, size } = read(at);
        const [from, to] = [begin, begin + size];
        yield [at, toText(columns.subarray(from, to)), toText(sums.subarray(from, to))];
      }
    },
    restore: ([at, columnsText, sumsText]) => {
      const columns = new Int32Array(toBytes(columnsText));
      const sums = new Float32Array(toBytes(sumsText));
      makeRoom(at);
      while (columns.length > blocks.lengthOf(classes[at]! - 1)) moveTo(at, classes[at]!);
      const row = read(at);
      row.columns.set(columns, row.begin);
      row.sums.set(sums, row.begin);
      sizes[at] = columns.length;
    },
  };
};
