import { createCollector } from './collector.js';

/**
 * Reads many keys at once: asks that come together, or while a read runs, share the next read, so that each answer is as
 * new as its ask. `read` gets each key once and resolves to those that exist. Only for keys that cost about the same,
 * since each ask waits for the slowest key of its read.
 */
export const createBatchedRead = <V>(
  read: (keys: readonly string[]) => Promise<ReadonlyMap<string, V>>,
  asksPerReadMax: number,
): ((keys: readonly string[]) => Promise<ReadonlyMap<string, V>>) => {
  const collect = createCollector<Ask<V>>(async (waiting) => {
    const asks = waiting.splice(0, asksPerReadMax);
    try {
      const found = await read([...new Set(asks.flatMap(({ keys }) => keys))]);
      for (const { resolve } of asks) resolve(found);
    } catch (error) {
      for (const { reject } of asks) reject(error);
    }
  });
  return (keys) => new Promise((resolve, reject) => collect({ keys, resolve, reject }));
};

type Ask<V> = {
  keys: readonly string[];
  resolve(found: ReadonlyMap<string, V>): void;
  reject(error: unknown): void;
};

/**
 * Reads one key at a time: asks for the same key that come while a read of it runs share the next read of it, so that
 * each answer is as new as its ask. Reads of other keys do not wait.
 */
export const createSharedRead = <V>(read: (key: string) => Promise<V>): ((key: string) => Promise<V>) => {
  const ask = createSharedAsk<V>();
  return (key) => ask(key, () => read(key));
};

/** The same where each ask brings its own `read`: those that share a read share the one of the first of them. */
export const createSharedAsk = <V>(): ((key: string, read: () => Promise<V>) => Promise<V>) => {
  const lines = new Map<string, { running: Promise<unknown>; next: Promise<V> | undefined }>();
  return (key, read) => {
    const line = lines.get(key) ?? { running: Promise.resolve(), next: undefined };
    lines.set(key, line);
    line.next ??= line.running.then(() => {
      line.next = undefined;
      const reading = read();
      line.running = reading.then(ignore, ignore);
      void line.running.then(() => {
        if (line.next === undefined) lines.delete(key);
      });
      return reading;
    });
    return line.next;
  };
};

const ignore = (): void => {};
