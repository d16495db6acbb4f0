import { createBlocks } from './blocks.js';
import { grownTo } from './typed-arrays.js';

/** The latest numbers of each item, at most `sizeMax`. */
export type Rings = {
  push(item: number, entry: number): void;
  /** Removes the oldest numbers of an item that are below `least`. */
  dropBelow(item: number, least: number): void;
  remove(item: number, entry: number): void;
  /** Valid until the next call. */
  of(item: number): Ring | undefined;
  sizeOf(item: number): number;
  /** No item from this one on has any. */
  readonly items: number;
};

/** `size` numbers from `start` on, the oldest first, in `length` places of `entries` that begin at `begin` and are a circle. */
export type Ring = { entries: Int32Array; begin: number; length: number; start: number; size: number };

export const createRings = (sizeMax: number): Rings => {
  const blocks = createBlocks(sizeMax, false);
  // Of each item: where its block is, of which class it is counted from 1, where it begins, and how many it has.
  let addresses = new Int32Array(0);
  let classes = new Uint8Array(0);
  let starts = new Int32Array(0);
  let sizes = new Int32Array(0);
  let items = 0;
  const found: Ring = { entries: new Int32Array(0), begin: 0, length: 0, start: 0, size: 0 };

  const read = (item: number): Ring => {
    const address = addresses[item]!;
    found.entries = blocks.segmentOf(address).numbers;
    found.begin = blocks.beginOf(address);
    found.length = Math.min(sizeMax, blocks.lengthOf(classes[item]! - 1));
    found.start = starts[item]!;
    found.size = sizes[item]!;
    return found;
  };

  const makeRoom = (item: number): void => {
    if (item >= items) {
      addresses = grownTo(addresses, item);
      classes = grownTo(classes, item);
      starts = grownTo(starts, item);
      sizes = grownTo(sizes, item);
      items = item + 1;
    }
    const sizeClass = classes[item]!;
    if (sizeClass > 0) {
      const { length, size } = read(item);
      if (size < length || length === sizeMax) return;
    }
    const address = blocks.allocate(sizeClass);
    if (sizeClass > 0) {
      blocks.segmentOf(address).numbers.set(entriesOf(read(item)), blocks.beginOf(address));
      blocks.free(addresses[item]!, sizeClass - 1);
    }
    addresses[item] = address;
    classes[item] = sizeClass + 1;
    starts[item] = 0;
  };

  return {
    get items() {
      return items;
    },
    sizeOf: (item) => (item < items ? sizes[item]! : 0),
    of: (item) => (item < items && classes[item] !== 0 ? read(item) : undefined),
    push: (item, entry) => {
      makeRoom(item);
      const { entries, begin, length, start, size } = read(item);
      entries[begin + ((start + size) % length)] = entry;
      if (size < length) sizes[item] = size + 1;
      else starts[item] = (start + 1) % length;
    },
    dropBelow: (item, least) => {
      if (item >= items || classes[item] === 0) return;
      const { entries, begin, length, start, size } = read(item);
      let dropped = 0;
      while (dropped < size && entries[begin + ((start + dropped) % length)]! < least) dropped += 1;
      starts[item] = (start + dropped) % length;
      sizes[item] = size - dropped;
    },
    remove: (item, entry) => {
      if (item >= items || classes[item] === 0) return;
      const ring = read(item);
      const kept = entriesOf(ring).filter((other) => other !== entry);
      ring.entries.set(kept, ring.begin);
      starts[item] = 0;
      sizes[item] = kept.length;
    },
  };
};

/** The oldest first. */
export const entriesOf = ({ entries, begin, length, start, size }: Ring): number[] =>
  Array.from({ length: size }, (_, nth) => entries[begin + ((start + nth) % length)]!);
