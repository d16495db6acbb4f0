import { createBoundedMap } from '#platform/bounded-map';

/** Values by key that are read from elsewhere, kept for a short time, and read together. */
export type FreshMap<V> = {
  /** The value of each key, none older than `ageMsMax` when it was asked for. Rejects as `load` does. */
  getMany(keys: readonly string[]): Promise<ReadonlyMap<string, V>>;
  get(key: string): Promise<V>;
  /** A value that is there and fresh. */
  peek(key: string): V | undefined;
  /** Reads these keys anew when they are asked for next, also where they are being read just now. */
  forget(keys: readonly string[]): void;
  /** The same of every key. */
  forgetAll(): void;
};

export type FreshMapOptions<V> = {
  /** Reads the values of keys, each given once. Keys without a value may be left out. */
  load(keys: readonly string[]): Promise<ReadonlyMap<string, V>>;
  /** The value of a key that `load` leaves out. */
  otherwise: V;
  /** Counted from when `load` was called. A function where it changes. */
  ageMsMax: number | ((nowMs: number) => number);
  /** The oldest beyond are dropped. */
  entriesMax: number;
  monotonicMs(): number;
};

type Entry<V> = { value: V; atMs: number };

/** Those who ask for a key while it is being read wait for the same reading. */
export const createFreshMap = <V>(options: FreshMapOptions<V>): FreshMap<V> => {
  const { load, otherwise, ageMsMax, entriesMax, monotonicMs } = options;
  const entries = createBoundedMap<Entry<V>>(entriesMax);
  const loading = new Map<string, Promise<ReadonlyMap<string, V>>>();

  const maxAt = (nowMs: number): number => (typeof ageMsMax === 'number' ? ageMsMax : ageMsMax(nowMs));

  const freshOf = (key: string, nowMs: number, maxMs = maxAt(nowMs)): Entry<V> | undefined => {
    const entry = entries.get(key);
    return entry !== undefined && nowMs - entry.atMs < maxMs ? entry : undefined;
  };

  const startLoading = (keys: readonly string[], atMs: number): Promise<ReadonlyMap<string, V>> => {
    const reading = load(keys);
    for (const key of keys) loading.set(key, reading);
    const end = (values: ReadonlyMap<string, V> | undefined): void => {
      for (const key of keys)
        if (loading.get(key) === reading) {
          loading.delete(key);
          if (values !== undefined) entries.set(key, { value: values.get(key) ?? otherwise, atMs });
        }
    };
    reading.then(end, () => end(undefined));
    return reading;
  };

  const getMany = async (keys: readonly string[]): Promise<ReadonlyMap<string, V>> => {
    const nowMs = monotonicMs();
    const maxMs = maxAt(nowMs);
    const found = new Map<string, V>();
    const awaited = new Map<string, Promise<ReadonlyMap<string, V>>>();
    const missing = new Set<string>();
    for (const key of keys) {
      const entry = freshOf(key, nowMs, maxMs);
      if (entry !== undefined) found.set(key, entry.value);
      else {
        const running = loading.get(key);
        if (running === undefined) missing.add(key);
        else awaited.set(key, running);
      }
    }
    if (missing.size > 0) {
      const reading = startLoading([...missing], nowMs);
      for (const key of missing) awaited.set(key, reading);
    }
    for (const [key, reading] of awaited) found.set(key, (await reading).get(key) ?? otherwise);
    return found;
  };

  return {
    getMany,
    get: async (key) => {
      const entry = freshOf(key, monotonicMs());
      return entry === undefined ? ((await getMany([key])).get(key) ?? otherwise) : entry.value;
    },
    peek: (key) => freshOf(key, monotonicMs())?.value,
    forget: (keys) => {
      for (const key of keys) {
        entries.delete(key);
        loading.delete(key);
      }
    },
    forgetAll: () => {
      entries.clear();
      loading.clear();
    },
  };
};
