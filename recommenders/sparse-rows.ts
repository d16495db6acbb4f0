import { createBlocks } from './blocks.js';
import { grownTo, toBytes, toText } from './typed-arrays.js';

/**
 * Sums of weights by pair of items, at most `2 * columnsMax` a row. A row that is full is cut to its `columnsMax` largest
 * sums. What a cut can lose: no entry that was removed weighed more than the smallest that stayed, so a missing pair's
 * sum is at most the row's smallest sum times the number of cuts since the pair was first added. Sums are kept with 24
 * binary digits.
 *
 * All rows together have places for `entriesMax` entries, beside four for each row. When these are used up, a row that grows
 * exchanges its block with the larger one of another row, which is cut to what the smaller block holds. So rows that no
 * longer grow are cut again and again, and growing rows get their places. Where no other row has a larger block, the growing
 * row itself is cut to half.
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
/**
 * Columns and sums as the base64 of their bytes, which is shorter than their digits. The class is that of the row's block, counted
 * from 1: a restored row has the same room.
 */
export type RowEntry = readonly [row: number, sizeClass: number, columns: string, sums: string];

export type SparseRowsBounds = { columnsMax: number; entriesMax: number };

/** Looking through all of a million rows for a larger block took longer than learning two events. */
const rowsLookedAt = 4_096;

// Over seventy lines: how rows get and give up places is one rule over one set of arrays.
export const createSparseRows = ({ columnsMax, entriesMax }: SparseRowsBounds): SparseRows => {
  const sizeMax = 2 * columnsMax;
  const blocks = createBlocks(sizeMax, true);
  // Of each row: where its block is, of which class it is counted from 1, and how many entries it has.
  let addresses = new Int32Array(0);
  let classes = new Uint8Array(0);
  let sizes = new Int32Array(0);
  let rows = 0;
  let places = 0;
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
      places -= blocks.lengthOf(classes[at]! - 1);
    }
    places += blocks.lengthOf(sizeClass);
    addresses[at] = address;
    classes[at] = sizeClass + 1;
  };

  /** Cuts a row to its `count` largest sums. */
  const cut = (at: number, count: number): void => {
    const { columns, sums, begin, size } = read(at);
    if (size <= count) return;
    if (sorted.length < size) sorted = new Float32Array(size);
    const all = sorted.subarray(0, size);
    all.set(sums.subarray(begin, begin + size));
    all.sort();
    const threshold = all[size - count]!;
    let kept = begin;
    for (let nth = begin; nth < begin + size && kept < begin + count; nth += 1) {
      if (sums[nth]! < threshold) continue;
      columns[kept] = columns[nth]!;
      sums[kept] = sums[nth]!;
      kept += 1;
    }
    sizes[at] = kept - begin;
  };

  const entriesAt = (at: number): Pick<SparseRow, 'columns' | 'sums'> => {
    const { columns, sums, begin, size } = read(at);
    return { columns: columns.slice(begin, begin + size), sums: sums.slice(begin, begin + size) };
  };
  const write = (at: number, { columns, sums }: Pick<SparseRow, 'columns' | 'sums'>): void => {
    const row = read(at);
    row.columns.set(columns, row.begin);
    row.sums.set(sums, row.begin);
    sizes[at] = columns.length;
  };

  /** Changes blocks with a row that has the next larger one; false where none of the rows that are looked at has. */
  const exchange = (at: number, column: number): boolean => {
    // Begun anywhere, so that every row has its turn; by what is added, so that a replay does the same.
    const anywhere = (Math.imul(at ^ (column << 8), 2654435761) >>> 0) % rows;
    const from = Math.max(0, Math.min(anywhere, rows - rowsLookedAt));
    const nearest = classes.subarray(from, Math.min(rows, from + rowsLookedAt)).indexOf(classes[at]! + 1);
    if (nearest < 0) return false;
    const other = from + nearest;
    cut(other, blocks.lengthOf(classes[at]! - 1));
    const [own, others] = [entriesAt(at), entriesAt(other)];
    [addresses[at], addresses[other]] = [addresses[other]!, addresses[at]!];
    [classes[at], classes[other]] = [classes[other]!, classes[at]!];
    write(at, own);
    write(other, others);
    return true;
  };

  const reach = (at: number): void => {
    if (at < rows) return;
    addresses = grownTo(addresses, at);
    classes = grownTo(classes, at);
    sizes = grownTo(sizes, at);
    rows = at + 1;
  };

  /** Room for one more entry, about `column`. */
  const makeRoom = (at: number, column: number): void => {
    reach(at);
    const [size, sizeClass] = [sizes[at]!, classes[at]!];
    const length = sizeClass === 0 ? 0 : blocks.lengthOf(sizeClass - 1);
    if (size >= sizeMax) cut(at, columnsMax);
    else if (size < length) return;
    else if (sizeClass === 0 || places + blocks.lengthOf(sizeClass) - length <= entriesMax)
      moveTo(at, sizeClass);
    else if (!exchange(at, column)) cut(at, length / 2);
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
      makeRoom(at, column);
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
        const { columns, sums } = entriesAt(at);
        yield [at, classes[at]!, toText(columns), toText(sums)];
      }
    },
    restore: ([at, sizeClass, columns, sums]) => {
      reach(at);
      moveTo(at, sizeClass - 1);
      write(at, { columns: new Int32Array(toBytes(columns)), sums: new Float32Array(toBytes(sums)) });
    },
  };
};
