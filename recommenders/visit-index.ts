import { createRings, entriesOf, type Ring } from './rings.js';

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
  /**
   * How many items each slot has, and the items of all: those of a slot begin at `stepsMax` times its number. Both are
   * replaced when the index grows.
   */
  readonly lengths: Uint8Array;
  readonly steps: Int32Array;
  readonly stepsMax: number;
  itemAt(visit: number, step: number): number;
  /** The latest visits of an item; valid until the next call. */
  visitsOf(item: number): Ring | undefined;
  /** How many visits of an item are kept. */
  visitsWith(item: number): number;
  clearVisit(visit: number): void;
  /** First where numbering goes on, then the visits that are kept, then the visits of each item. */
  entries(): Iterable<VisitIndexEntry>;
  restore(entry: VisitIndexEntry): void;
};

export type VisitIndexEntry =
  | { next: number }
  | { visit: number; items: number[] }
  | { item: number; visits: number[] };

export type VisitIndexBounds = { visitsMax: number; stepsMax: number; visitsPerItemMax: number };

export const createVisitIndex = ({ visitsMax, stepsMax, visitsPerItemMax }: VisitIndexBounds): VisitIndex => {
  let next = 0;
  let capacity = Math.min(1024, visitsMax);
  let items = new Int32Array(capacity * stepsMax);
  let lengths = new Uint8Array(capacity);
  const rings = createRings(visitsPerItemMax);

  const grow = (): void => {
    capacity = Math.min(visitsMax, capacity * 2);
    const moreItems = new Int32Array(capacity * stepsMax);
    moreItems.set(items);
    items = moreItems;
    const moreLengths = new Uint8Array(capacity);
    moreLengths.set(lengths);
    lengths = moreLengths;
  };
  const isKept = (visit: number): boolean => visit >= 0 && visit < next && visit >= next - capacity;

  return {
    get next() {
      return next;
    },
    begin: () => {
      if (next >= capacity && capacity < visitsMax) grow();
      lengths[next % capacity] = 0;
      next += 1;
      return next - 1;
    },
    append: (visit, item) => {
      if (!isKept(visit)) return;
      const slot = visit % capacity;
      const from = slot * stepsMax;
      let length = lengths[slot]!;
      const isFirst = items.subarray(from, from + length).indexOf(item) === -1;
      if (length === stepsMax) {
        items.copyWithin(from, from + 1, from + length);
        length -= 1;
      }
      items[from + length] = item;
      lengths[slot] = length + 1;
      if (isFirst) rings.push(item, visit);
    },
    isKept,
    slotOf: (visit) => (visit < capacity ? visit : visit % capacity),
    lengthOf: (visit) => lengths[visit % capacity]!,
    stepsMax,
    get lengths() {
      return lengths;
    },
    get steps() {
      return items;
    },
    itemAt: (visit, step) => items[(visit % capacity) * stepsMax + step]!,
    visitsOf: rings.of,
    visitsWith: rings.sizeOf,
    clearVisit: (visit) => {
      if (isKept(visit)) lengths[visit % capacity] = 0;
    },
    *entries() {
      yield { next };
      for (let visit = Math.max(0, next - capacity); visit < next; visit += 1) {
        const from = (visit % capacity) * stepsMax;
        yield { visit, items: [...items.subarray(from, from + lengths[visit % capacity]!)] };
      }
      for (let item = 0; item < rings.items; item += 1) {
        const ring = rings.of(item);
        if (ring !== undefined) yield { item, visits: entriesOf(ring) };
      }
    },
    restore: (entry) => {
      if ('next' in entry) {
        next = entry.next;
        while (capacity < visitsMax && capacity < next) grow();
      } else if ('items' in entry) {
        items.set(entry.items, (entry.visit % capacity) * stepsMax);
        lengths[entry.visit % capacity] = entry.items.length;
      } else for (const visit of entry.visits) rings.push(entry.item, visit);
    },
  };
};
