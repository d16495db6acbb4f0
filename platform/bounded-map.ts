/** A map that drops its oldest entries when all together are larger than it may be. */
export type BoundedMap<V> = {
  get(key: string): V | undefined;
  /** Sets the entry as the newest one. `size` is in the unit of the map's bound; 1 if unset. */
  set(key: string, value: V, size?: number): void;
  delete(key: string): void;
  clear(): void;
  /** Oldest first. */
  keys(): string[];
};

/**
 * Linked by age. A `Map` has an order too, but a key that is deleted and set again leaves a gap in it each time. To find
 * the first key it then walks past thousands of gaps.
 */
type Entry<V> = {
  key: string;
  value: V;
  size: number;
  older: Entry<V> | undefined;
  newer: Entry<V> | undefined;
};

/** An entry that is larger than `sizeMax` by itself is not kept. */
export const createBoundedMap = <V>(sizeMax: number): BoundedMap<V> => {
  const entries = new Map<string, Entry<V>>();
  let oldest: Entry<V> | undefined;
  let newest: Entry<V> | undefined;
  let total = 0;
  const unlink = ({ size, older, newer }: Entry<V>): void => {
    total -= size;
    if (older === undefined) oldest = newer;
    else older.newer = newer;
    if (newer === undefined) newest = older;
    else newer.older = older;
  };
  const linkAsNewest = (entry: Entry<V>): void => {
    total += entry.size;
    entry.older = newest;
    entry.newer = undefined;
    if (newest === undefined) oldest = entry;
    else newest.newer = entry;
    newest = entry;
  };
  const remove = (entry: Entry<V>): void => {
    unlink(entry);
    entries.delete(entry.key);
  };
  return {
    get: (key) => entries.get(key)?.value,
    set: (key, value, size = 1) => {
      const known = entries.get(key);
      const entry = known ?? { key, value, size, older: undefined, newer: undefined };
      if (known === undefined) entries.set(key, entry);
      else {
        unlink(known);
        known.value = value;
        known.size = size;
      }
      linkAsNewest(entry);
      while (oldest !== undefined && total > sizeMax) remove(oldest);
    },
    delete: (key) => {
      const entry = entries.get(key);
      if (entry !== undefined) remove(entry);
    },
    clear: () => {
      entries.clear();
      oldest = undefined;
      newest = undefined;
      total = 0;
    },
    keys: () => {
      const keys: string[] = [];
      for (let entry = oldest; entry !== undefined; entry = entry.newer) keys.push(entry.key);
      return keys;
    },
  };
};
