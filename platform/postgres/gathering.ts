import { AsyncResource } from 'node:async_hooks';
import type { Batch, Tx } from '#platform/postgres/tx';

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

/** The async context of no request: what a batch logs or publishes must not carry the correlation of one of its calls. */
const nobody = new AsyncResource('gathering');

type Call = { input: unknown; resolve(answer: unknown): void; reject(error: unknown): void };

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
  let waiting = new Map<Batch<never, unknown>, Call[]>();
  let running = false;

  const runAll = async (): Promise<void> => {
    while (waiting.size > 0) {
      const batches = waiting;
      waiting = new Map();
      await Promise.all([...batches].map(([batch, calls]) => runOne(batch, calls)));
      // What the answers have set off calls the next batches before this goes on.
      await new Promise(setImmediate);
    }
    running = false;
  };

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

  return {
    add: <I, O>(batch: Batch<I, O>, input: I) =>
      new Promise<O>((resolve, reject) => {
        const call: Call = { input, resolve: resolve as (answer: unknown) => void, reject };
        const calls = waiting.get(batch as Batch<never, unknown>);
        if (calls === undefined) waiting.set(batch as Batch<never, unknown>, [call]);
        else calls.push(call);
        if (running) return;
        running = true;
        setImmediate(() => void runAll());
      }),
  };
};
