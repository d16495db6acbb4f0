import { hashInto } from '#platform/streams/text-hash';

/**
 * The last `sizeMax` event ids of a partition, to recognise events that are sent twice. Of each id 64 bits are kept: among
 * 20,000 others an id is taken for one of them once in 10^15 times.
 */
export type RecentIds = {
  has(id: string): boolean;
  /** Adds `id` as the newest unless it is already among them. */
  add(id: string): void;
  /** True when `id` is among the last ones; otherwise it adds `id` as the newest. */
  seen(id: string): boolean;
};

/** Which events of a topic may be sent again, and how the second one is recognised. */
export type RepeatedIds = {
  /** Among so many ids that may repeat, the last ones of the partition. */
  idsMax: number;
  /** A start reads so many records before the next one once more, to know their ids. */
  recordsMax: number;
  mayRepeat(eventId: string): boolean;
};

/** Most partitions have few records. */
const firstSize = 64;

/** `seed` is oldest first. */
export const createRecentIds = (sizeMax: number, seed: readonly string[] = []): RecentIds => {
  const hash = new Uint32Array(2);
  let set = createHashSet(Math.min(sizeMax, firstSize));
  /** From `oldest` on in their order, round its end; two places each. */
  let ring = new Uint32Array(2 * Math.min(sizeMax, firstSize));
  let count = 0;
  let oldest = 0;

  const grow = (): void => {
    const size = Math.min(sizeMax, 2 * count);
    const before = ring;
    ring = new Uint32Array(2 * size);
    ring.set(before);
    set = createHashSet(size);
    for (let nth = 0; nth < count; nth += 1) set.add(ring[2 * nth] as number, ring[2 * nth + 1] as number);
  };
  const addHash = (low: number, high: number): void => {
    if (2 * count === ring.length && count < sizeMax) grow();
    const isFull = count === sizeMax;
    const place = isFull ? oldest : count;
    if (isFull) {
      set.remove(ring[2 * oldest] as number, ring[2 * oldest + 1] as number);
      oldest = (oldest + 1) % sizeMax;
    } else count += 1;
    ring[2 * place] = low;
    ring[2 * place + 1] = high;
    set.add(low, high);
  };
  const seen = (id: string): boolean => {
    hashInto(hash, id);
    const low = hash[0] as number;
    const high = hash[1] as number;
    if (set.has(low, high)) return true;
    addHash(low, high);
    return false;
  };

  for (const id of seed) seen(id);
  return {
    has: (id) => {
      hashInto(hash, id);
      return set.has(hash[0] as number, hash[1] as number);
    },
    add: (id) => void seen(id),
    seen,
  };
};

/** At most `size` hashes of two times 32 bits in a table in which each lies at its place or in the next that was free. */
const createHashSet = (size: number) => {
  const places = 2 ** Math.ceil(Math.log2(1.5 * size + 1));
  const table = new Uint32Array(2 * places);
  const taken = new Uint8Array(places);
  const mask = places - 1;
  const next = (place: number): number => (place + 1) & mask;
  const find = (low: number, high: number): number => {
    let place = low & mask;
    while (taken[place] === 1 && (table[2 * place] !== low || table[2 * place + 1] !== high))
      place = next(place);
    return place;
  };
  return {
    has: (low: number, high: number): boolean => taken[find(low, high)] === 1,
    add: (low: number, high: number): void => {
      const place = find(low, high);
      taken[place] = 1;
      table[2 * place] = low;
      table[2 * place + 1] = high;
    },
    /** What was put off behind its own place moves up, so that it is found without what was removed. */
    remove: (low: number, high: number): void => {
      let hole = find(low, high);
      for (let place = next(hole); taken[place] === 1; place = next(place)) {
        const own = (table[2 * place] as number) & mask;
        // Its own place lies behind the hole: it stays.
        if (((place - own) & mask) < ((place - hole) & mask)) continue;
        table[2 * hole] = table[2 * place] as number;
        table[2 * hole + 1] = table[2 * place + 1] as number;
        hole = place;
      }
      taken[hole] = 0;
    },
  };
};
