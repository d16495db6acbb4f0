/** The last `sizeMax` event ids of a partition, to recognise events that an outbox relay sends twice. */
export type RecentIds = {
  has(id: string): boolean;
  /** Adds `id` as the newest unless it is already among them. */
  add(id: string): void;
  /** True when `id` is among the last ones; otherwise it adds `id` as the newest. */
  seen(id: string): boolean;
};

/** Several batches of an outbox relay, which sends one batch again after each crash: so far apart repeats are recognised. */
export const repeatsWithinRecordsMax = 2_000;

/** `seed` is oldest first. */
export const createRecentIds = (sizeMax: number, seed: readonly string[] = []): RecentIds => {
  const ids = new Set<string>();
  /** From `oldest` on in their order, round its end. A Set has an order too, but passes over what it deleted to find its first. */
  const ring: string[] = [];
  let oldest = 0;
  const add = (id: string): void => {
    if (ids.has(id)) return;
    ids.add(id);
    if (ring.length < sizeMax) {
      ring.push(id);
      return;
    }
    ids.delete(ring[oldest] as string);
    ring[oldest] = id;
    oldest = (oldest + 1) % sizeMax;
  };
  for (const id of seed) add(id);
  return {
    has: (id) => ids.has(id),
    add,
    seen: (id) => {
      if (ids.has(id)) return true;
      add(id);
      return false;
    },
  };
};
