/** The last `sizeMax` event ids of a partition, to recognise events that an outbox relay sends twice. */
export type RecentIds = {
  has(id: string): boolean;
  /** Adds `id` as the newest unless it is already among them. */
  add(id: string): void;
  /** True when `id` is among the last ones; otherwise it adds `id` as the newest. */
  seen(id: string): boolean;
};

/** `seed` is oldest first. */
export const createRecentIds = (sizeMax: number, seed: readonly string[] = []): RecentIds => {
  // A Set keeps the order of insertion, so its first element is the oldest.
  const ids = new Set<string>();
  const add = (id: string): void => {
    ids.add(id);
    if (ids.size > sizeMax) ids.delete(ids.values().next().value as string);
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
