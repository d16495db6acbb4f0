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
  /** Takes a checkpoint: from now on the task may go on. */
  take(task: Task, write: (tx: Tx, checkpoint: Checkpoint<unknown>) => Promise<void>): TakenCheckpoint;
  /**
   * Stores checkpoints together. It may be repeated after a fault, also after one that leaves the outcome unknown. Breaks
   * an invariant when another process has begun a new epoch.
   */
  store(taken: readonly TakenCheckpoint[]): Promise<void>;
  /** Breaks an invariant when another process has begun a new epoch of an open task. */
  verify(): Promise<void>;
};

type Kept = { epoch: number; checkpoint: number; changesBytes: number; snapshotBytes: number };

const windowsPerPartMax = 5_000;
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
      const { row, bodies } = await inTransaction(db, (tx) => load(tx, name));
      const stored: StoredTask = {
        places: JSON.parse(row.places) as Record<string, Place>,
        watermarkMs: row.watermark_ms,
        windows: windowsOf(bodies),
      };
      task.restore(stored, read);
      const changesBytes = bodies.reduce((sum, body) => sum + body.length, 0);
      kept.set(name, { epoch: row.epoch, checkpoint: row.checkpoint, changesBytes, snapshotBytes: 0 });
    },
    take: (task, write) => {
      const { name } = task.topology;
      const { changesBytes, snapshotBytes } = keptOf(name);
      const checkpoint = task.checkpoint();
      const isSnapshot = changesBytes > snapshotBytes + changesBytesMin;
      const bodies = isSnapshot ? partsOf(task.everything()) : bodiesOf(checkpoint.changes);
      return { task: name, checkpoint, bodies, isSnapshot, write: (tx) => write(tx, checkpoint) };
    },
    store: async (taken) => {
      await inTransaction(db, async (tx) => {
        const fresh = [];
        for (const one of taken) if (await moveOn(tx, one, keptOf(one.task))) fresh.push(one);
        for (const one of fresh) await one.write(tx);
      });
      for (const { task, bodies, isSnapshot } of taken) {
        const state = keptOf(task);
        const bytes = bodies.reduce((sum, body) => sum + body.length, 0);
        state.checkpoint += 1;
        state.changesBytes = isSnapshot ? 0 : state.changesBytes + bytes;
        if (isSnapshot) state.snapshotBytes = bytes;
      }
    },
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

type TaskRow = { epoch: number; checkpoint: number; watermark_ms: number | null; places: string };

const load = async (tx: Tx, task: string): Promise<{ row: TaskRow; bodies: string[] }> => {
  const { rows } = await tx.query<TaskRow>(
    `INSERT INTO stream_tasks (task, epoch) VALUES ($1, 1)
     ON CONFLICT (task) DO UPDATE SET epoch = stream_tasks.epoch + 1
     RETURNING epoch, checkpoint, watermark_ms, places`,
    [task],
  );
  const { rows: changes } = await tx.query<{ body: string }>(
    'SELECT body FROM stream_changes WHERE task = $1 ORDER BY checkpoint, part',
    [task],
  );
  return { row: rows[0] as TaskRow, bodies: changes.map(({ body }) => body) };
};

/** True when the checkpoint was stored now, false when an earlier try had stored it. */
const moveOn = async (tx: Tx, taken: TakenCheckpoint, { epoch, checkpoint }: Kept): Promise<boolean> => {
  const { task, bodies, isSnapshot } = taken;
  const { places, watermarkMs } = taken.checkpoint;
  const next = checkpoint + 1;
  const moved = await tx.query(
    `UPDATE stream_tasks SET checkpoint = $4, watermark_ms = $5, places = $6
     WHERE task = $1 AND epoch = $2 AND checkpoint = $3`,
    [task, epoch, checkpoint, next, watermarkMs, JSON.stringify(places)],
  );
  if (moved.rowCount === 0) {
    const { rows } = await tx.query<{ epoch: number; checkpoint: number }>(
      'SELECT epoch, checkpoint FROM stream_tasks WHERE task = $1',
      [task],
    );
    assert(rows[0]?.epoch === epoch && rows[0].checkpoint === next, `no other process computes ${task}`);
    return false;
  }
  if (isSnapshot) await tx.query('DELETE FROM stream_changes WHERE task = $1', [task]);
  for (const [part, body] of bodies.entries())
    await tx.query('INSERT INTO stream_changes (task, checkpoint, part, body) VALUES ($1, $2, $3, $4)', [
      task,
      next,
      part,
      body,
    ]);
  return true;
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

const windowsOf = (bodies: readonly string[]): Iterable<StoredWindow> => {
  const windows = new Map<number, StoredWindow>();
  for (const body of bodies) {
    const { put, removed } = JSON.parse(body) as WindowChanges;
    for (const window of put) windows.set(window[0], window);
    for (const id of removed) windows.delete(id);
  }
  return windows.values();
};
