/** A map that drops its oldest entries when all together are larger than it may be. */
export type BoundedMap<V> = {
  get(key: string): V | undefined;
  /** Sets the entry as the newest one. `size` is in the unit of the map's bound; 1 if unset. */
  set(key: string, value: V, size?: number): void;
  delete(key: string): void;
  clear(): void;
  /** Oldest first. */
  keys(): IterableIterator<string>;
};

/** An entry that is larger than `sizeMax` by itself is not kept. */
export const createBoundedMap = <V>(sizeMax: number): BoundedMap<V> => {
  const entries = new Map<string, { value: V; size: number }>();
  let total = 0;
  const remove = (key: string): void => {
    total -= entries.get(key)?.size ?? 0;
    entries.delete(key);
  };
  return {
    get: (key) => entries.get(key)?.value,
    set: (key, value, size = 1) => {
      remove(key);
      entries.set(key, { value, size });
      total += size;
      for (const oldest of entries.keys()) {
        if (total <= sizeMax) return;
        remove(oldest);
      }
    },
    delete: remove,
    clear: () => {
      entries.clear();
      total = 0;
    },
    keys: () => entries.keys(),
  };
};
