import pg from 'pg';
import { PlatformError } from '#platform/errors';
import type { Database } from '#platform/postgres/pool';
import { inTransaction, type Tx, viewOf } from '#platform/postgres/transaction';
import { createSpacing } from '#platform/waiting/spacing';

/** The most works of one transaction. */
const worksMax = 100;
/** For each database, so that one works while the other waits for its commit. */
const transactionsMax = 2;

/** The most works that wait, and for how long: a database that hangs must not gather them for ever. */
const waitingMax = 1_000;
const waitMsMax = 5_000;
const tooLong = () =>
  new PlatformError('postgres_unavailable', 'postgres: too much work waits for a transaction', {
    retriable: true,
  });

/** Between the beginnings of two transactions, so that a stream of works needs fewer of them. */
const spacingMs = 4;

const queues = new WeakMap<pg.Pool, Queue>();

/**
 * As `inTransaction`, for works that are many at once: those that come while a transaction runs share the next one.
 * Works that run at the same time must not touch the same rows, except in a batch that they gather, because no lock
 * separates them. A work that throws before it has written anything leaves the others alone. When one throws later, all
 * are rolled back, and each runs again in a transaction of its own, so `work` must have no effects outside the database.
 */
export const inJointTransaction = <T>(
  { pool }: Pick<Database, 'pool'>,
  work: (tx: Tx) => Promise<T>,
): Promise<T> => {
  const queue = queues.get(pool) ?? createQueue({ pool });
  queues.set(pool, queue);
  return queue(work);
};

type Queue = <T>(work: (tx: Tx) => Promise<T>) => Promise<T>;

type Job = {
  timer: NodeJS.Timeout | undefined;
  work: (tx: Tx) => Promise<unknown>;
  resolve(value: unknown): void;
  reject(error: unknown): void;
};

const createQueue = (db: Pick<Database, 'pool'>): Queue => {
  const waiting: Job[] = [];
  let running = 0;

  const spacing = createSpacing(spacingMs);
  let isPumping = false;

  const pump = async (): Promise<void> => {
    if (isPumping) return;
    isPumping = true;
    while (running < transactionsMax && waiting.length > 0) {
      await spacing.next();
      running += 1;
      const jobs = waiting.splice(0, worksMax);
      for (const { timer } of jobs) clearTimeout(timer);
      void runJobs(db, jobs).finally(() => {
        running -= 1;
        void pump();
      });
    }
    isPumping = false;
  };

  return <T>(work: (tx: Tx) => Promise<T>) =>
    new Promise<T>((resolve, reject) => {
      if (waiting.length >= waitingMax) return reject(tooLong());
      const job: Job = { work, resolve: resolve as (value: unknown) => void, reject, timer: undefined };
      // As long as a connection of the pool is waited for.
      job.timer = setTimeout(() => {
        waiting.splice(waiting.indexOf(job), 1);
        reject(tooLong());
      }, waitMsMax);
      waiting.push(job);
      // What has arrived in the same turn of the loop goes together.
      if (waiting.length === 1) setImmediate(() => void pump());
    });
};

const runJobs = async (db: Pick<Database, 'pool'>, jobs: readonly Job[]): Promise<void> => {
  if (jobs.length > 1 && (await runTogether(db, jobs))) return;
  let away: unknown;
  let tooLong = 0;
  for (const { work, resolve, reject } of jobs) {
    // Without a server, or where all take too long, each further job would only wait for its own time-out.
    if (away !== undefined) reject(away);
    else
      await inTransaction(db, work).then(resolve, (error: unknown) => {
        if (tookTooLong(error)) tooLong += 1;
        if (isAway(error) || tooLong > 1) away = error;
        reject(error);
      });
  }
};

const isUnavailable = (error: unknown): boolean =>
  error instanceof PlatformError && error.code === 'postgres_unavailable';

/** A statement or its wait for a lock, which need not concern the other works. */
const tookTooLong = (error: unknown): boolean =>
  isUnavailable(error) &&
  /^(57014|55P03)$/.test(String((error as { cause?: { code?: unknown } }).cause?.code));

const isAway = (error: unknown): boolean => isUnavailable(error) && !tookTooLong(error);

type Outcome = { value: unknown } | { error: unknown };

/** False when they have to run one by one. */
const runTogether = async (db: Pick<Database, 'pool'>, jobs: readonly Job[]): Promise<boolean> => {
  let outcomes: Outcome[];
  try {
    outcomes = await inTransaction(db, async (tx) =>
      committable(await Promise.all(jobs.map(({ work }) => runOne(tx, work)))),
    );
  } catch (error) {
    if (!isAway(error)) return false;
    for (const { reject } of jobs) reject(error);
    return true;
  }
  for (const [n, outcome] of outcomes.entries())
    if ('value' in outcome) jobs[n]?.resolve(outcome.value);
    else jobs[n]?.reject(outcome.error);
  return true;
};

type Run = { outcome: Outcome; hasWritten: boolean; keepEffects(): void };

/** Never rejects: all works have to end before the connection is used for a rollback. */
const runOne = async (shared: Tx, work: Job['work']): Promise<Run> => {
  const { tx, hasWritten, keepEffects, end } = viewOf(shared);
  try {
    return { outcome: { value: await work(tx) }, hasWritten: hasWritten(), keepEffects };
  } catch (error) {
    end();
    return { outcome: { error }, hasWritten: hasWritten(), keepEffects };
  }
};

/** Throws when the works cannot be committed together: one has failed after it wrote, or the database refused one. */
const committable = (runs: readonly Run[]): Outcome[] => {
  for (const { outcome, hasWritten } of runs)
    if ('error' in outcome) {
      const { error } = outcome;
      if (hasWritten || isUnavailable(error) || error instanceof pg.DatabaseError) throw error;
    }
  for (const { outcome, keepEffects } of runs) if ('value' in outcome) keepEffects();
  return runs.map(({ outcome }) => outcome);
};
