import { assert } from '#platform/assert';
import type { Database } from '#platform/postgres/pool';
import { inTransaction, type Tx } from '#platform/postgres/transaction';
import type { StoredWindow, WindowChanges } from '#platform/streams/open-windows';
import type { Checkpoint, PartitionEnd, Place, StoredTask, Task } from '#platform/streams/task';

/** A checkpoint that was taken and is not stored yet. `write` appends the rows to the same transaction. */
export type TakenCheckpoint = {
  task: string;
  checkpoint: Checkpoint<unknown>;
  /** The changelog's text, or all windows for a snapshot. */
  bodies: readonly string[];
  isSnapshot: boolean;
  write(tx: Tx): Promise<void>;
};

/**
 * Tasks in PostgreSQL: places, watermark, changelog and rows of a checkpoint are stored in one transaction. A kill at
 * any moment leaves the state of one checkpoint, from which the records after it are read again.
 */
export type CheckpointStore = {
  /**
   * Begins a new epoch of the task and loads it; `read` as in `Task.restore`. From now on earlier epochs of it store
   * nothing.
   */
  open(task: Task, read: readonly PartitionEnd[]): Promise<void>;
  /**
   * Takes a checkpoint: from now on the task may go on. Where `mayBeSnapshot` is false, it is not one of everything, which
   * takes as much memory again.
   */
  take(
    task: Task,
    write: (tx: Tx, checkpoint: Checkpoint<unknown>) => Promise<void>,
    mayBeSnapshot: boolean,
  ): TakenCheckpoint;
  /**
   * Stores checkpoints together. It may be repeated after a fault, also after one that leaves the outcome unknown. Breaks
   * an invariant when another process has begun a new epoch.
   */
  store(taken: readonly TakenCheckpoint[]): Promise<void>;
  /** The epoch of an open task. It grows also where the stored tasks were deleted, unless the clock was set back. */
  epochOf(task: string): number;
  /** Breaks an invariant when another process has begun a new epoch of an open task. */
  verify(): Promise<void>;
};

type Kept = { epoch: number; checkpoint: number; changesBytes: number; snapshotBytes: number };

/** Some 5 MB where a window takes a kilobyte, as a visit does. */
const windowsPerPartMax = 5_000;
/** So a statement of a snapshot of visits has some 20 MB. */
const partsPerStatementMax = 4;
const partsPerReadMax = 8;
/** Below this size a changelog is not worth a snapshot. */
const changesBytesMin = 1_000_000;

export const createCheckpointStore = (db: Pick<Database, 'pool' | 'query'>): CheckpointStore => {
  const kept = new Map<string, Kept>();
  const keptOf = (task: string): Kept => {
    const found = kept.get(task);
    assert(found !== undefined, `the task ${task} is open`);
    return found;
  };

  return {
    open: async (task, read) => {
      const { name } = task.topology;
      const { row, windows, bytes } = await inTransaction(db, (tx) => load(tx, name));
      const stored: StoredTask = {
        places: JSON.parse(row.places) as Record<string, Place>,
        watermarkMs: row.watermark_ms,
        ...(row.reached_ms === null ? {} : { reachedMs: row.reached_ms }),
        windows: takenOut(windows),
      };
      task.restore(stored, read);
      kept.set(name, {
        epoch: row.epoch,
        checkpoint: row.checkpoint,
        changesBytes: bytes,
        snapshotBytes: 0,
      });
    },
    take: (task, write, mayBeSnapshot) => {
      const { name } = task.topology;
      const { changesBytes, snapshotBytes } = keptOf(name);
      const checkpoint = task.checkpoint();
      const isSnapshot = mayBeSnapshot && changesBytes > snapshotBytes + changesBytesMin;
      const bodies = isSnapshot ? partsOf(task.everything()) : bodiesOf(checkpoint.changes);
      return { task: name, checkpoint, bodies, isSnapshot, write: (tx) => write(tx, checkpoint) };
    },
    store: async (taken) => {
      await inTransaction(db, async (tx) => {
        const moved = await moveOn(tx, taken, keptOf);
        for (const one of taken) if (moved.has(one.task)) await one.write(tx);
      });
      for (const { task, bodies, isSnapshot } of taken) {
        const state = keptOf(task);
        const bytes = bodies.reduce((sum, body) => sum + body.length, 0);
        state.checkpoint += 1;
        state.changesBytes = isSnapshot ? 0 : state.changesBytes + bytes;
        if (isSnapshot) state.snapshotBytes = bytes;
      }
    },
    epochOf: (task) => keptOf(task).epoch,
    verify: async () => {
      const { rows } = await db.query<{ task: string; epoch: number }>(
        'SELECT task, epoch FROM stream_tasks WHERE task = ANY($1)',
        [[...kept.keys()]],
      );
      for (const { task, epoch } of rows)
        assert(epoch === keptOf(task).epoch, `no other process computes ${task}`);
    },
  };
};

type TaskRow = {
  epoch: number;
  checkpoint: number;
  watermark_ms: number | null;
  reached_ms: number | null;
  places: string;
};

type Windows = Map<number, StoredWindow>;

/** The changelog is read part by part: all of it as text would be as large again as the windows. */
const load = async (tx: Tx, task: string): Promise<{ row: TaskRow; windows: Windows; bytes: number }> => {
  const { rows } = await tx.query<TaskRow>(
    `INSERT INTO stream_tasks (task, epoch) VALUES ($1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)
     ON CONFLICT (task) DO UPDATE SET epoch = GREATEST(stream_tasks.epoch + 1, excluded.epoch)
     RETURNING epoch, checkpoint, watermark_ms, reached_ms, places`,
    [task],
  );
  const windows: Windows = new Map();
  let bytes = 0;
  for (let after = { checkpoint: -1, part: 0 }; ; ) {
    const { rows: parts } = await tx.query<{ checkpoint: number; part: number; body: string }>(
      `SELECT checkpoint, part, body FROM stream_changes WHERE task = $1 AND (checkpoint, part) > ($2, $3)
       ORDER BY checkpoint, part LIMIT $4`,
      [task, after.checkpoint, after.part, partsPerReadMax],
    );
    for (const { body } of parts) {
      bytes += body.length;
      applyTo(windows, JSON.parse(body) as WindowChanges);
    }
    const last = parts.at(-1);
    if (last === undefined || parts.length < partsPerReadMax) break;
    after = last;
  }
  return { row: rows[0] as TaskRow, windows, bytes };
};

/** Stores what lies ready of all tasks together. Returns the tasks whose checkpoint no earlier try had stored. */
const moveOn = async (
  tx: Tx,
  taken: readonly TakenCheckpoint[],
  keptOf: (task: string) => Kept,
): Promise<Set<string>> => {
  const { rows } = await tx.query<{ task: string }>(
    `UPDATE stream_tasks t SET checkpoint = t.checkpoint + 1, watermark_ms = n.watermark_ms,
       reached_ms = n.reached_ms, places = n.places
     FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[])
       AS n(task, epoch, checkpoint, watermark_ms, reached_ms, places)
     WHERE t.task = n.task AND t.epoch = n.epoch AND t.checkpoint = n.checkpoint
     RETURNING t.task`,
    [
      taken.map(({ task }) => task),
      taken.map(({ task }) => keptOf(task).epoch),
      taken.map(({ task }) => keptOf(task).checkpoint),
      taken.map(({ checkpoint }) => checkpoint.watermarkMs),
      taken.map(({ checkpoint }) => checkpoint.reachedMs),
      taken.map(({ checkpoint }) => JSON.stringify(checkpoint.places)),
    ],
  );
  const moved = new Set(rows.map(({ task }) => task));
  await verifyStored(
    tx,
    taken.filter(({ task }) => !moved.has(task)).map(({ task }) => task),
    keptOf,
  );
  const fresh = taken.filter(({ task }) => moved.has(task));
  const snapshots = fresh.filter(({ isSnapshot }) => isSnapshot).map(({ task }) => task);
  if (snapshots.length > 0) await tx.query('DELETE FROM stream_changes WHERE task = ANY($1)', [snapshots]);
  const changes = fresh.flatMap(({ task, bodies }) =>
    bodies.map((body, part) => ({ task, part, body, checkpoint: keptOf(task).checkpoint + 1 })),
  );
  for (let start = 0; start < changes.length; start += partsPerStatementMax) {
    const some = changes.slice(start, start + partsPerStatementMax);
    await tx.query(
      `INSERT INTO stream_changes (task, checkpoint, part, body)
       SELECT * FROM unnest($1::text[], $2::bigint[], $3::integer[], $4::text[])`,
      [
        some.map(({ task }) => task),
        some.map(({ checkpoint }) => checkpoint),
        some.map(({ part }) => part),
        some.map(({ body }) => body),
      ],
    );
  }
  return moved;
};

const verifyStored = async (
  tx: Tx,
  tasks: readonly string[],
  keptOf: (task: string) => Kept,
): Promise<void> => {
  if (tasks.length === 0) return;
  const { rows } = await tx.query<{ task: string; epoch: number; checkpoint: number }>(
    'SELECT task, epoch, checkpoint FROM stream_tasks WHERE task = ANY($1)',
    [tasks],
  );
  const stored = new Map(rows.map((row) => [row.task, row]));
  for (const task of tasks) {
    const { epoch, checkpoint } = keptOf(task);
    const row = stored.get(task);
    assert(row?.epoch === epoch && row.checkpoint === checkpoint + 1, `no other process computes ${task}`);
  }
};

const bodiesOf = ({ put, removed }: WindowChanges): string[] =>
  put.length + removed.length === 0 ? [] : [JSON.stringify({ put, removed })];

const partsOf = (windows: readonly StoredWindow[]): string[] =>
  Array.from({ length: Math.ceil(windows.length / windowsPerPartMax) }, (_, nth) =>
    JSON.stringify({
      put: windows.slice(nth * windowsPerPartMax, (nth + 1) * windowsPerPartMax),
      removed: [],
    }),
  );

const applyTo = (windows: Windows, { put, removed }: WindowChanges): void => {
  for (const window of put) windows.set(window[0], window);
  for (const id of removed) windows.delete(id);
};

/** Each is let go as it is taken, because the task keeps a form of its own. */
function* takenOut(windows: Windows): Iterable<StoredWindow> {
  for (const [id, window] of windows) {
    windows.delete(id);
    yield window;
  }
}
