import { isBrokenInvariant } from '#platform/assert';
import { isRetriable } from '#platform/errors';
import { idOf } from '#platform/ids';
import type { BatchControl, TopicPartition } from '#platform/messaging/broker';
import { partitionName } from '#platform/messaging/partition-name';
import type { Tx } from '#platform/postgres/transaction';
import type { Host } from '#platform/service-host';
import type { CheckpointStore, TakenCheckpoint } from '#platform/streams/checkpoint-store';
import type { Checkpoint, Task, TaskRow } from '#platform/streams/task';
import type { WritingSink } from '#platform/streams/topology';
import { backoffMs } from '#platform/waiting/backoff';
import { createBell } from '#platform/waiting/bell';
import { sleep } from '#platform/waiting/sleep';

/** Takes and stores checkpoints of all tasks together, one after the other. */
export type Checkpoints = {
  /** A batch was handled: its offsets are committed after the next checkpoint. Resolves when reading may go on. */
  handled(at: TopicPartition, nextOffset: bigint, records: number, control: BatchControl): Promise<void>;
  /**
   * Stores what has changed, at the interval, until the signal is aborted; and once more at the end, unless the database is
   * away then. Rejects when another process has taken over.
   */
  run(signal: AbortSignal, beforeEach: () => void): Promise<void>;
};

type Handled = { nextOffset: bigint; control: BatchControl };

const retry = { minMs: 100, maxMs: 2_000 };
/**
 * While no record comes, windows that the clock closes may wait a little. So often it is also verified that no other
 * process has taken over, which a checkpoint would show.
 */
const idleEveryMs = 3_000;

// Over seventy lines: when one is due, and how it is stored, share one state.
export const createCheckpoints = (
  host: Pick<Host, 'metrics' | 'clock' | 'logger'>,
  store: CheckpointStore,
  tasks: readonly Task[],
  limits: { checkpointEveryMs: number; recordsPerCheckpointMax: number },
): Checkpoints => {
  const report = checkpointReport(host);
  const publish = createPublishing(host, tasks, store);
  const bell = createBell();
  const handled = new Map<string, Handled>();
  const pause = createPause();
  let records = 0;
  let isIdle = false;

  const take = (): TakenCheckpoint[] => {
    const taken: TakenCheckpoint[] = [];
    for (const task of tasks.filter((one) => one.hasNews() || records > 0)) {
      const mayBeSnapshot = !taken.some(({ isSnapshot }) => isSnapshot);
      taken.push(store.take(task, (tx, checkpoint) => write(tx, task, checkpoint), mayBeSnapshot));
    }
    return taken;
  };

  const checkpoint = async (signal: AbortSignal): Promise<void> => {
    for (const task of tasks) task.advance();
    isIdle = records === 0 && !tasks.some((task) => task.hasNews());
    if (isIdle) {
      await verifyIfPossible(host, store);
      return publish([]);
    }
    const startedAtMs = host.clock.monotonicMs();
    const taken = take();
    const due = [...handled.values()];
    const goOn = pause.next();
    handled.clear();
    records = 0;
    try {
      await publish(taken);
      await storeUntilDone(host, store, taken, signal);
    } finally {
      goOn();
    }
    report(taken, tasks, host.clock.monotonicMs() - startedAtMs);
    await commitAll(due);
  };

  return {
    handled: async (at, nextOffset, count, control) => {
      records += count;
      handled.set(partitionName(at), { nextOffset, control });
      // The first records after a pause end the longer wait.
      if (isIdle) bell.ring();
      if (records < limits.recordsPerCheckpointMax) return;
      bell.ring();
      await pause.wait();
    },
    run: async (signal, beforeEach) => {
      signal.addEventListener('abort', bell.ring, { once: true });
      try {
        while (!signal.aborted) {
          beforeEach();
          await checkpoint(signal);
          await bell.wait(
            isIdle ? Math.max(idleEveryMs, limits.checkpointEveryMs) : limits.checkpointEveryMs,
          );
        }
        await checkpoint(signal);
      } catch (error) {
        if (!signal.aborted || !mayPass(error)) throw error;
        host.logger.warn({ err: error }, 'stopped without the last checkpoint: its records are read again');
      } finally {
        pause.end();
      }
    },
  };
};

/**
 * The offsets say how far the job is, to operators and to `asOf`; a partition that has moved is no matter. Committed
 * together, they are one request. One that fails is tried again, also where no further record comes.
 */
const commitAll = async (done: readonly Handled[]): Promise<void> => {
  await Promise.all(
    done.map(async ({ nextOffset, control }) => {
      try {
        await control.commit(nextOffset);
      } catch {
        if (!control.isStale()) control.commitSoon(nextOffset);
      }
    }),
  );
};

/** Where readers wait for a checkpoint. */
const createPause = () => {
  let waiting: (() => void)[] = [];
  let isOver = false;
  const next = (): (() => void) => {
    const all = waiting;
    waiting = [];
    return () => {
      for (const resolve of all) resolve();
    };
  };
  return {
    wait: (): Promise<void> => (isOver ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
    /** Returns what ends the waits so far. */
    next,
    /** No checkpoint follows, so nothing may wait for one: what is handled from now on is read again. */
    end: (): void => {
      isOver = true;
      next()();
    },
  };
};

const verifyIfPossible = async (
  { logger }: Pick<Host, 'logger'>,
  store: Pick<CheckpointStore, 'verify'>,
): Promise<void> => {
  try {
    await store.verify();
  } catch (error) {
    if (!isRetriable(error)) throw error;
    logger.debug({ err: error }, 'who computes the tasks cannot be verified now');
  }
};

const mayPass = (error: unknown): boolean => isRetriable(error) && !isBrokenInvariant(error);

/**
 * A checkpoint that was taken has to be stored before the next one, however long the database is away; once the signal is
 * aborted there is no next one, and it is tried once more at most.
 */
const storeUntilDone = async (
  { logger }: Pick<Host, 'logger'>,
  store: CheckpointStore,
  taken: readonly TakenCheckpoint[],
  signal: AbortSignal,
): Promise<void> => {
  for (let failures = 1; ; failures += 1)
    try {
      return await store.store(taken);
    } catch (error) {
      if (signal.aborted || !mayPass(error)) throw error;
      logger[failures === 1 ? 'warn' : 'debug']({ err: error }, 'a checkpoint could not be stored yet');
      await sleep(backoffMs(retry, failures), { signal });
    }
};

/** When a backlog ends, the clock may close every open window at once, and a statement has ten seconds. */
const rowsPerStatementMax = 5_000;

const write = async (tx: Tx, task: Task, { rows, late }: Checkpoint<unknown>): Promise<void> => {
  const { name, sink, late: lateOutput } = task.topology;
  if ('write' in sink) await writeRows(tx, name, sink, rows);
  if (lateOutput !== undefined) await writeRows(tx, name, lateOutput.sink, late);
};

const writeRows = async (
  tx: Tx,
  name: string,
  sink: WritingSink<unknown>,
  rows: readonly TaskRow<unknown>[],
): Promise<void> => {
  for (let start = 0; start < rows.length; start += rowsPerStatementMax) {
    const some = rows.slice(start, start + rowsPerStatementMax);
    await sink.write(
      tx,
      some.map(({ place, row }) => ({ id: idOf(name, ...place), row })),
    );
  }
};

type Publishing = { kept: readonly TaskRow<unknown>[]; reportedMs: number; isAway: boolean };

/** A sink is sent the watermark, if no rows go to it, when it has moved by this much. */
const reportWatermarkEveryMs = 2_000;

/**
 * Publishes rows before their checkpoint is stored: killed in between, the task computes and publishes them again. While
 * the sink's engine is away the newest rows are kept, and the jobs go on.
 */
const createPublishing = (
  host: Pick<Host, 'logger'>,
  tasks: readonly Task[],
  store: Pick<CheckpointStore, 'epochOf'>,
) => {
  const states = new Map<Task, Publishing>();
  const publishOne = async (
    task: Task,
    rows: readonly TaskRow<unknown>[],
    watermarkMs: number,
  ): Promise<void> => {
    const { name, sink } = task.topology;
    if (!('publish' in sink)) return;
    const before = states.get(task) ?? { kept: [], reportedMs: 0, isAway: false };
    const all = lastOfEach([...before.kept, ...rows]).slice(-sink.rowsKeptMax);
    const hasMoved = watermarkMs - before.reportedMs >= reportWatermarkEveryMs;
    if (all.length === 0 && !hasMoved) return;
    try {
      await sink.publish(
        all.map(({ row }) => row),
        { watermarkMs: Number.isFinite(watermarkMs) ? watermarkMs : 0, epoch: store.epochOf(name) },
      );
      states.set(task, { kept: [], reportedMs: watermarkMs, isAway: false });
    } catch (error) {
      if (!isRetriable(error)) throw error;
      if (!before.isAway) host.logger.warn({ err: error, job: name }, 'rows cannot be published yet');
      states.set(task, { ...before, kept: all, isAway: true });
    }
  };
  return async (taken: readonly TakenCheckpoint[]): Promise<void> => {
    // Noted before the first wait: the tasks read on meanwhile, and what they close then is in the next checkpoint.
    const due = tasks.map((task) => ({ task, watermarkMs: task.watermarkMs }));
    for (const { task, watermarkMs } of due) {
      const rows = taken.find((one) => one.task === task.topology.name)?.checkpoint.rows ?? [];
      await publishOne(task, rows, watermarkMs);
    }
  };
};

/**
 * The last row of each window, those that changed last at the end. A window has a row in each checkpoint in which it changes:
 * those of one window would leave no room for the others.
 */
const lastOfEach = (rows: readonly TaskRow<unknown>[]): TaskRow<unknown>[] => {
  const last = new Map<string, TaskRow<unknown>>();
  for (const one of rows) {
    const [key, window, _revision, nth] = one.place;
    const name = JSON.stringify([key, window, nth]);
    last.delete(name);
    last.set(name, one);
  }
  return [...last.values()];
};

const checkpointReport = ({ metrics }: Pick<Host, 'metrics'>) => {
  const rows = metrics.counter(
    'stream_rows_total',
    'Rows of windows, and of what was late for them, written or published.',
    ['job'],
  );
  const open = metrics.gauge('stream_windows_open', 'Open windows.', ['job']);
  const took = metrics.gauge('stream_checkpoint_seconds', 'What the last checkpoint took.', []);
  return (taken: readonly TakenCheckpoint[], tasks: readonly Task[], tookMs: number): void => {
    for (const { task, checkpoint } of taken)
      rows.inc({ job: task }, checkpoint.rows.length + checkpoint.late.length);
    for (const task of tasks) open.set({ job: task.topology.name }, task.windowsOpen);
    took.set({}, tookMs / 1000);
  };
};
