import { createBlocks } from './blocks.js';
import { createRings, entriesOf, type Ring } from './rings.js';
import { grownTo } from './typed-arrays.js';

/**
 * The latest visits, by item: what visit neighbours are found in. Each visit keeps its latest `stepsMax` items in order,
 * each item the latest `visitsPerItemMax` visits that came to it, and the whole index the latest `visitsMax` visits.
 */
export type VisitIndex = {
  /** Begins a visit and returns its number; numbers rise by one. */
  begin(): number;
  /** Appends an item to a visit; a visit that is no longer kept is left alone. */
  append(visit: number, item: number): void;
  /** The number that the next visit gets. */
  readonly next: number;
  isKept(visit: number): boolean;
  /** A number below `visitsMax` that no other visit that is kept has. */
  slotOf(visit: number): number;
  lengthOf(visit: number): number;
  /** How many items each slot has; replaced when the index grows. */
  readonly lengths: Uint8Array;
  /** The items of a slot, oldest first; valid until the next call. */
  stepsAt(slot: number): Steps;
  /** The latest visits of an item; valid until the next call. */
  visitsOf(item: number): Ring | undefined;
  /** How many visits of an item are kept. */
  visitsWith(item: number): number;
  clearVisit(visit: number): void;
  /** First where numbering goes on, then the visits that are kept, then the visits of each item. */
  entries(): Iterable<VisitIndexEntry>;
  restore(entry: VisitIndexEntry): void;
};

/** `length` items from `begin` on. */
export type Steps = { items: Int32Array; begin: number; length: number };

export type VisitIndexEntry =
  | { next: number }
  | { visit: number; items: number[] }
  | { item: number; visits: number[] };

export type VisitIndexBounds = { visitsMax: number; stepsMax: number; visitsPerItemMax: number };

// Over seventy lines: the steps of visits and the visits of items are added and forgotten together.
export const createVisitIndex = ({ visitsMax, stepsMax, visitsPerItemMax }: VisitIndexBounds): VisitIndex => {
  let next = 0;
  let capacity = Math.min(1024, visitsMax);
  // Most visits are short: a slot has a block of its length. Of each: where it is, and of which class counted from 1.
  const blocks = createBlocks(stepsMax, false);
  let addresses = new Int32Array(capacity);
  let classes = new Uint8Array(capacity);
  let lengths = new Uint8Array(capacity);
  const rings = createRings(visitsPerItemMax);
  const found: Steps = { items: new Int32Array(0), begin: 0, length: 0 };

  const grow = (): void => {
    capacity = Math.min(visitsMax, capacity * 2);
    addresses = grownTo(addresses, capacity - 1);
    classes = grownTo(classes, capacity - 1);
    lengths = grownTo(lengths, capacity - 1);
  };
  const isKept = (visit: number): boolean => visit >= 0 && visit < next && visit >= next - capacity;

  const stepsAt = (slot: number): Steps => {
    found.length = lengths[slot]!;
    if (found.length === 0) return found;
    found.items = blocks.segmentOf(addresses[slot]!).numbers;
    found.begin = blocks.beginOf(addresses[slot]!);
    return found;
  };
  const clear = (slot: number): void => {
    if (classes[slot] !== 0) blocks.free(addresses[slot]!, classes[slot]! - 1);
    classes[slot] = 0;
    lengths[slot] = 0;
  };
  const makeRoom = (slot: number, count: number): void => {
    while (classes[slot] === 0 || blocks.lengthOf(classes[slot]! - 1) < count) {
      const sizeClass = classes[slot]!;
      const address = blocks.allocate(sizeClass);
      const { items, begin, length } = stepsAt(slot);
      blocks.segmentOf(address).numbers.set(items.subarray(begin, begin + length), blocks.beginOf(address));
      if (sizeClass !== 0) blocks.free(addresses[slot]!, sizeClass - 1);
      addresses[slot] = address;
      classes[slot] = sizeClass + 1;
    }
  };
  /** Appends an item; the oldest of a full slot goes. */
  const put = (slot: number, item: number): void => {
    const length = lengths[slot]!;
    if (length < stepsMax) {
      makeRoom(slot, length + 1);
      lengths[slot] = length + 1;
    }
    const steps = stepsAt(slot);
    if (length === stepsMax) steps.items.copyWithin(steps.begin, steps.begin + 1, steps.begin + length);
    steps.items[steps.begin + steps.length - 1] = item;
  };
  const itemsAt = (slot: number): number[] => {
    const { items, begin, length } = stepsAt(slot);
    return Array.from(items.subarray(begin, begin + length));
  };

  return {
    get next() {
      return next;
    },
    begin: () => {
      if (next >= capacity && capacity < visitsMax) grow();
      clear(next % capacity);
      next += 1;
      return next - 1;
    },
    append: (visit, item) => {
      if (!isKept(visit)) return;
      const slot = visit % capacity;
      const isFirst = !itemsAt(slot).includes(item);
      put(slot, item);
      if (!isFirst) return;
      // An item of long ago keeps no place for visits that are gone.
      rings.dropBelow(item, next - capacity);
      rings.push(item, visit);
    },
    isKept,
    slotOf: (visit) => (visit < capacity ? visit : visit % capacity),
    lengthOf: (visit) => lengths[visit % capacity]!,
    get lengths() {
      return lengths;
    },
    stepsAt,
    visitsOf: rings.of,
    visitsWith: rings.sizeOf,
    clearVisit: (visit) => {
      if (isKept(visit)) clear(visit % capacity);
    },
    *entries() {
      yield { next };
      for (let visit = Math.max(0, next - capacity); visit < next; visit += 1)
        yield { visit, items: itemsAt(visit % capacity) };
      for (let item = 0; item < rings.items; item += 1) {
        const ring = rings.of(item);
        if (ring !== undefined) yield { item, visits: entriesOf(ring) };
      }
    },
    restore: (entry) => {
      if ('next' in entry) {
        next = entry.next;
        while (capacity < visitsMax && capacity < next) grow();
      } else if ('items' in entry) for (const item of entry.items) put(entry.visit % capacity, item);
      else for (const visit of entry.visits) rings.push(entry.item, visit);
    },
  };
};
