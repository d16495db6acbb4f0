import { AsyncResource } from 'node:async_hooks';
import type { Batch, Tx } from '#platform/postgres/tx';
import { createCollector } from '#platform/waiting/collector';

export type { Batch } from '#platform/postgres/tx';

export const readBatch = <I, O>(run: (tx: Tx, inputs: readonly I[]) => Promise<readonly O[]>): Batch<I, O> =>
  Object.assign(run, { isRead: true as const });

/** A batch without answers. */
export const writeBatch =
  <I>(run: (tx: Tx, inputs: readonly I[]) => Promise<unknown>): Batch<I, void> =>
  async (tx, inputs) => {
    await run(tx, inputs);
    return inputs.map(() => undefined);
  };

/**
 * Of the items about the same thing the one with the highest version, which is 1 at least: a statement for many rows must
 * name each row once.
 */
export const newestOf = <T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  versionOf: (item: T) => number,
): T[] => {
  const newest = new Map<string, T>();
  for (const item of items) {
    const known = newest.get(keyOf(item));
    if (versionOf(item) > (known === undefined ? 0 : versionOf(known))) newest.set(keyOf(item), item);
  }
  return [...newest.values()];
};

/** The async context of no request: what a batch logs or publishes must not carry the correlation of one of its calls. */
const nobody = new AsyncResource('gathering');

type Call = {
  batch: Batch<never, unknown>;
  input: unknown;
  resolve(answer: unknown): void;
  reject(error: unknown): void;
};

export type Gathering = {
  add<I, O>(batch: Batch<I, O>, input: I): Promise<O>;
};

/** Errors of a batch with several calls: no single call is to blame. */
const shared = new WeakSet<object>();
export const isShared = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && shared.has(error);

/**
 * Collects the calls that the works of one transaction make while none of them can go on, and runs each batch once for
 * all of its calls. The batches of such a round begin in the order of their first calls and send their statements
 * without waiting for each other; the next round begins when all have ended. So a batch that reads and then writes must
 * not read what another batch of the same round writes.
 */
export const createGathering = (tx: () => Tx): Gathering => {
  /** What a batch gathers runs at once: the batch itself holds up those that come after it. */
  const ofBatch = (): Tx => ({
    ...tx(),
    gather: async <I, O>(batch: Batch<I, O>, input: I) => (await batch(ofBatch(), [input]))[0] as O,
  });
  const runOne = async (batch: Batch<never, unknown>, calls: readonly Call[]): Promise<void> => {
    try {
      const inputs = calls.map(({ input }) => input as never);
      const answers = await nobody.runInAsyncScope(() => batch(ofBatch(), inputs));
      for (const [n, { resolve }] of calls.entries()) resolve(answers[n]);
    } catch (error) {
      if (calls.length > 1 && typeof error === 'object' && error !== null) shared.add(error);
      for (const { reject } of calls) reject(error);
    }
  };

  const collect = createCollector<Call>(async (waiting) => {
    const byBatch = Map.groupBy(waiting.splice(0), ({ batch }) => batch);
    await Promise.all([...byBatch].map(([batch, calls]) => runOne(batch, calls)));
    // What the answers have set off calls the next batches before this goes on.
    await new Promise(setImmediate);
  });

  return {
    add: <I, O>(batch: Batch<I, O>, input: I) =>
      new Promise<O>((resolve, reject) =>
        collect({
          batch: batch as Batch<never, unknown>,
          input,
          resolve: resolve as (answer: unknown) => void,
          reject,
        }),
      ),
  };
};
