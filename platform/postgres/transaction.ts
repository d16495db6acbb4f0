import { AsyncResource } from 'node:async_hooks';
import type { Socket } from 'node:net';
import type pg from 'pg';
import { isRetriable, PlatformError } from '#platform/errors';
import { createGathering, type Gathering } from '#platform/postgres/gathering';
import { type Database, prepared, toFault } from '#platform/postgres/pool';
import type { Batch, Tx } from '#platform/postgres/tx';
import { backoffMs } from '#platform/waiting/backoff';
import { sleep } from '#platform/waiting/sleep';

export type { Tx } from '#platform/postgres/tx';

export type TransactionOptions = {
  /** `read committed` if unset. */
  isolation?: 'read committed' | 'repeatable read' | 'serializable';
  /** The most runs when transactions collide. 5 if unset. */
  attemptsMax?: number;
  /**
   * Runs the work again after a fault that passes, too, of which a connection lost during COMMIT leaves the outcome
   * unknown: so only where the work may be done twice. False if unset.
   */
  isRepeatable?: boolean;
};

const collisions = new Set(['40001', '40P01']);
const collisionRest = { minMs: 10, maxMs: 160, jitter: 1 };
const faultRest = { minMs: 100, maxMs: 2_000, jitter: 0.5 };

/**
 * Commits what `work` did, or nothing when it throws. After a serialisation failure or a deadlock it runs `work` again
 * from the start, so `work` must have no effects outside the database. If it still collides after `attemptsMax` runs,
 * it throws a retriable fault. A connection lost during COMMIT is a retriable fault too, but leaves the outcome
 * unknown, so a caller that retries must be idempotent: see `isRepeatable`.
 */
export const inTransaction = async <T>(
  db: Pick<Database, 'pool'>,
  work: (tx: Tx) => Promise<T>,
  options: TransactionOptions = {},
): Promise<T> => {
  const attemptsMax = options.attemptsMax ?? 5;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await once(db, work, options.isolation);
    } catch (error) {
      const collided = collisions.has(String((error as { code?: unknown } | null)?.code));
      if (!collided) {
        if (options.isRepeatable !== true || !isRetriable(error) || attempt >= attemptsMax) throw error;
        await sleep(backoffMs(faultRest, attempt));
        continue;
      }
      if (attempt >= attemptsMax)
        throw new PlatformError('postgres_unavailable', `postgres: collided ${attempt} times`, {
          retriable: true,
          cause: error,
        });
      await sleep(backoffMs(collisionRest, attempt));
    }
  }
};

const once = async <T>(
  db: Pick<Database, 'pool'>,
  work: (tx: Tx) => Promise<T>,
  isolation: TransactionOptions['isolation'],
): Promise<T> => {
  const client = await connect(db.pool);
  const effects: Effect[] = [];
  let broken: Error | undefined;
  let isCommitting = false;
  const onError = (error: Error) => {
    broken = error;
  };
  client.on('error', onError);
  const scope = openScope(client, effects);
  let result: T;
  try {
    corkForTick(client);
    // Sent with the first statement. If it fails, the connection is lost, and so is every statement after it.
    const begun = client.query(isolation === undefined ? 'BEGIN' : `BEGIN ISOLATION LEVEL ${isolation}`);
    begun.catch(() => {});
    result = await work(scope.tx);
    await begun;
    scope.end('complete');
    isCommitting = true;
    const committed = await client.query('COMMIT');
    if (committed.command !== 'COMMIT')
      throw new Error('a statement of the transaction failed and its error was swallowed');
  } catch (error) {
    scope.end('failed');
    if (broken === undefined)
      await client.query('ROLLBACK').catch((failure: Error) => {
        broken = failure;
      });
    if (isCommitting && broken !== undefined) for (const { run, orUnknown } of effects) if (orUnknown) run();
    throw toFault(scope.causeOf(error));
  } finally {
    client.off('error', onError);
    client.release(broken ?? false);
  }
  for (const { run } of effects) run();
  return result;
};

/** Statements of the same turn of the loop leave in one write. */
const corkForTick = (client: pg.PoolClient): void => {
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
  stream.cork();
  process.nextTick(() => stream.uncork());
};

const connect = async (pool: pg.Pool): Promise<pg.PoolClient> => {
  try {
    return await pool.connect();
  } catch (error) {
    throw toFault(error);
  }
};

type Effect = { run: () => void; orUnknown: boolean };

const effectOf = (effect: () => void, { orUnknown = false }: { orUnknown?: boolean } = {}): Effect => ({
  run: AsyncResource.bind(effect),
  orUnknown,
});

type Scope = {
  tx: Tx;
  /**
   * No statement is sent any more: a branch of the work that still runs when another has failed must not go on outside
   * the transaction. After a failure its statements are never answered: nobody may hold the branch's promise, and a
   * rejection that nobody handles would end the process.
   */
  end(how: 'complete' | 'failed'): void;
  /** What made the transaction fail, where `error` only says that it had failed. */
  causeOf(error: unknown): unknown;
};

const openScope = (client: pg.PoolClient, effects: Effect[]): Scope => {
  const gathering: Gathering = createGathering(() => tx);
  let state: 'open' | 'complete' | 'failed' = 'open';
  let firstFailure: unknown;
  const query = async (text: string, values?: readonly unknown[]) => {
    if (state === 'complete') throw new Error('the transaction is over: something has not been waited for');
    corkForTick(client);
    try {
      return await client.query(prepared(text, values));
    } catch (error) {
      if (!isAborted(error)) firstFailure ??= error;
      throw toFault(error);
    }
  };
  const tx = {
    afterCommit: (effect: () => void, options?: { orUnknown?: boolean }) => {
      effects.push(effectOf(effect, options));
    },
    query: (text: string, values?: readonly unknown[]) =>
      answerUnless(
        () => state === 'failed',
        () => query(text, values),
      ),
    gather: gathering.add,
  } as unknown as Tx;
  return {
    tx,
    end: (how) => {
      state = how;
    },
    causeOf: (error) => (isAborted(error) && firstFailure !== undefined ? firstFailure : error),
  };
};

/** The answer to a statement; none ever, neither a value nor an error, once the work that sends it has failed. */
const answerUnless = async <T>(hasFailed: () => boolean, send: () => Promise<T>): Promise<T> => {
  if (hasFailed()) return never();
  try {
    return await send();
  } catch (error) {
    if (hasFailed()) return never();
    throw error;
  }
};

/** A new one each time: who awaits a promise is kept by it. */
const never = (): Promise<never> => new Promise(() => {});

/** The answer to every statement after one that has failed: it names no cause. */
export const isAborted = (error: unknown): boolean => (error as { code?: unknown } | null)?.code === '25P02';

/** A work's own view of a transaction that it shares with others. */
export type TxView = {
  tx: Tx;
  /** True once the work has run a statement that may have changed something. */
  hasWritten(): boolean;
  /** Registers the work's effects with the transaction's. */
  keepEffects(): void;
  /** The work has failed: its branches that still run send and learn nothing more, as after a failed transaction. */
  end(): void;
};

export const viewOf = (shared: Tx): TxView => {
  let hasWritten = false;
  let isOver = false;
  const effects: Effect[] = [];
  const answerOf = <T>(send: () => Promise<T>): Promise<T> => answerUnless(() => isOver, send);
  return {
    tx: {
      afterCommit: (effect: () => void, options?: { orUnknown?: boolean }) => {
        effects.push(effectOf(effect, options));
      },
      query: (text: string, values?: readonly unknown[]) => {
        hasWritten = true;
        return answerOf(() => shared.query(text, values));
      },
      gather: <I, O>(batch: Batch<I, O>, input: I) => {
        if (batch.isRead !== true) hasWritten = true;
        return answerOf(() => shared.gather(batch, input));
      },
    } as unknown as Tx,
    hasWritten: () => hasWritten,
    keepEffects: () => {
      for (const { run, orUnknown } of effects) shared.afterCommit(run, { orUnknown });
    },
    end: () => {
      isOver = true;
    },
  };
};
