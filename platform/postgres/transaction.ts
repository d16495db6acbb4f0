import { AsyncResource } from 'node:async_hooks';
import type pg from 'pg';
import { PlatformError } from '#platform/errors';
import { type Database, type Queryable, toFault } from '#platform/postgres/pool';
import { backoffMs } from '#platform/waiting/backoff';
import { sleep } from '#platform/waiting/sleep';

declare const transaction: unique symbol;

/** A connection inside a transaction. A function that takes a `Tx` cannot be called outside a transaction. */
export type Tx = Queryable & {
  readonly [transaction]: true;
  /**
   * For effects that must not happen when the transaction is rolled back: counting, logging. Called after the commit,
   * in the order of registration, under the caller's correlation; not called if the process dies before.
   */
  afterCommit(effect: () => void): void;
};

export type TransactionOptions = {
  /** `read committed` if unset. */
  isolation?: 'read committed' | 'repeatable read' | 'serializable';
  /** The most runs when transactions collide. 5 if unset. */
  attemptsMax?: number;
};

const collisions = new Set(['40001', '40P01']);
const collisionRest = { minMs: 10, maxMs: 160, jitter: 1 };

/**
 * Commits what `work` did, or nothing when it throws. After a serialisation failure or a deadlock it runs `work` again
 * from the start, so `work` must have no effects outside the database. If it still collides after `attemptsMax` runs,
 * it throws a retriable fault. A connection lost during COMMIT is a retriable fault too, but leaves the outcome
 * unknown, so a caller that retries must be idempotent.
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
      if (!collided) throw error;
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
  const effects: (() => void)[] = [];
  let broken: Error | undefined;
  const onError = (error: Error) => {
    broken = error;
  };
  client.on('error', onError);
  let result: T;
  try {
    await client.query(isolation === undefined ? 'BEGIN' : `BEGIN ISOLATION LEVEL ${isolation}`);
    result = await work(asTx(client, effects));
    const committed = await client.query('COMMIT');
    if (committed.command !== 'COMMIT')
      throw new Error('a statement of the transaction failed and its error was swallowed');
  } catch (error) {
    if (broken === undefined)
      await client.query('ROLLBACK').catch((failure: Error) => {
        broken = failure;
      });
    throw toFault(error);
  } finally {
    client.off('error', onError);
    client.release(broken ?? false);
  }
  for (const effect of effects) effect();
  return result;
};

const connect = async (pool: pg.Pool): Promise<pg.PoolClient> => {
  try {
    return await pool.connect();
  } catch (error) {
    throw toFault(error);
  }
};

const asTx = (client: pg.PoolClient, effects: (() => void)[]): Tx =>
  ({
    afterCommit: (effect: () => void) => {
      effects.push(AsyncResource.bind(effect));
    },
    query: async (text: string, values?: readonly unknown[]) => {
      try {
        return await client.query(text, values as unknown[] | undefined);
      } catch (error) {
        throw toFault(error);
      }
    },
  }) as unknown as Tx;
