import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PlatformError } from '#platform/errors';
import type { BatchControl } from '#platform/messaging/broker';
import { createCheckpointStore } from '#platform/streams/checkpoint-store';
import { createCheckpoints } from '#platform/streams/checkpoints';
import { createTask, type Task } from '#platform/streams/task';
import {
  type LateInput,
  type LateOutput,
  type Sink,
  type Topology,
  topology,
} from '#platform/streams/topology';
import { tumbling } from '#platform/streams/window';
import { eventually } from '#platform/testing/eventually';
import { type ScratchDatabase, scratchDatabase } from '#platform/testing/scratch-database';
import { testHost } from '#platform/testing/test-host';

let scratch: ScratchDatabase;
beforeAll(async () => {
  scratch = await scratchDatabase(['platform/streams/migrations'], 4);
});
afterAll(() => scratch.drop());

const at = { topic: 't', partition: 0 };

/** Joins texts by key, in windows that never end here: its state is as large as what it was given. */
const taskOf = (
  name: string,
  more: Partial<
    Pick<Topology<string, string, string>, 'emits' | 'rows' | 'sink' | 'late' | 'windowsMax'>
  > = {},
): Task =>
  createTask(
    topology({
      name,
      purpose: '',
      sources: {},
      keyedBy: 'key',
      window: tumbling(1_000_000_000),
      aggregate: { start: () => '', add: (sum, text: string) => sum + text, merge: (a, b) => a + b },
      emits: 'once',
      outOfOrderMsMax: 0,
      latenessMs: 0,
      windowsMax: 1_000_000,
      rows: () => [],
      sink: { into: '', publish: async () => {}, rowsKeptMax: 0 },
      ...more,
    }),
    1,
  ) as Task;

const give = (task: Task, key: string, text: string): void => {
  const lane = task.lane(at);
  lane.take(lane.nextOffset, 5, [{ key, input: text }]);
  task.advance();
};
const open = async (task: Task) => {
  const store = createCheckpointStore(scratch.db);
  await store.open(task, [{ ...at, high: 1_000_000n }]);
  return { store, save: () => store.store([store.take(task, async () => {}, true)]) };
};
const stateOf = (task: Task) => new Map(task.everything().map(([, key, , , , sum]) => [key, sum as string]));
const storedBytes = async (task: string): Promise<number> =>
  Number(
    (
      await scratch.db.query<{ bytes: string }>(
        'SELECT coalesce(sum(octet_length(body)), 0)::text AS bytes FROM stream_changes WHERE task = $1',
        [task],
      )
    ).rows[0]?.bytes,
  );

/** A pool whose connections commit and then break before the answer arrives, as often as `isLost` says. */
const losingAnswers = (pool: pg.Pool, isLost: () => boolean): pg.Pool =>
  new Proxy(pool, {
    get: (target, name) => {
      if (name !== 'connect') return Reflect.get(target, name);
      return async () => {
        const client = await target.connect();
        return new Proxy(client, {
          get: (inner, of) => {
            const found = Reflect.get(inner, of);
            if (of !== 'query') return typeof found === 'function' ? found.bind(inner) : found;
            return async (...given: unknown[]) => {
              const answer = await (found as (...all: unknown[]) => Promise<unknown>).apply(inner, given);
              if (given[0] === 'COMMIT' && isLost()) throw new Error('Connection terminated unexpectedly');
              return answer;
            };
          },
        });
      };
    },
  });

describe('a stored task', () => {
  it('is loaded as it was at its last checkpoint, and goes on from there', async () => {
    const first = taskOf('plain');
    const { save } = await open(first);
    give(first, 'a', 'x');
    give(first, 'b', 'y');
    await save();
    give(first, 'a', 'z');
    await save();
    give(first, 'a', 'lost');

    const second = taskOf('plain');
    await open(second);
    expect(stateOf(second)).toEqual(
      new Map([
        ['a', 'xz'],
        ['b', 'y'],
      ]),
    );
    expect(second.lane(at).nextOffset).toBe(3n);
  });

  it('knows how far its bound has pushed the watermark; from before that was kept it has none', async () => {
    const first = taskOf('pushed', { windowsMax: 1 });
    const { save } = await open(first);
    for (const key of ['a', 'b']) give(first, key, 'x');
    await save();
    const placed = ({ watermarkMs, reachedMs }: Task) => ({ watermarkMs, reachedMs });
    expect(placed(first)).toEqual({ watermarkMs: 1_000_000_000, reachedMs: 5 });

    const second = taskOf('pushed');
    await open(second);
    second.advance();
    expect(placed(second)).toEqual(placed(first));

    await scratch.db.query("UPDATE stream_tasks SET reached_ms = NULL WHERE task = 'pushed'");
    const third = taskOf('pushed');
    await open(third);
    expect(placed(third)).toEqual({ watermarkMs: 1_000_000_000, reachedMs: 1_000_000_000 });
  });

  it('is stored once although the answer was lost, with the rows of the same transaction', async () => {
    const task = taskOf('answer');
    let answersLost = 0;
    let writes = 0;
    const commitsSilently = { ...scratch.db, pool: losingAnswers(scratch.db.pool, () => answersLost-- > 0) };
    const store = createCheckpointStore(commitsSilently);
    await store.open(task, []);
    give(task, 'a', 'x');
    answersLost = 1;
    const taken = store.take(
      task,
      async () => {
        writes += 1;
      },
      true,
    );
    await expect(store.store([taken])).rejects.toThrow('Connection terminated');
    await store.store([taken]);
    expect(writes).toBe(1);
    const again = taskOf('answer');
    await open(again);
    expect(stateOf(again)).toEqual(new Map([['a', 'x']]));
  });

  it('needs a log of changes that stays near the size of its state', async () => {
    const task = taskOf('large');
    const { save } = await open(task);
    const text = 'x'.repeat(1_000);
    for (let round = 0; round < 30; round += 1) {
      for (let key = 0; key < 200; key += 1) give(task, `key-${key}`, round === 0 ? text : '.');
      await save();
    }
    // 30 times the state were written as changes: 200 windows of a kilobyte each.
    expect(await storedBytes('large')).toBeLessThan(2 * 250_000 + 1_250_000);
    const again = taskOf('large');
    await open(again);
    expect(stateOf(again)).toEqual(stateOf(task));
  });

  it('accepts nothing more from a process whose task another one has opened', async () => {
    const old = taskOf('fenced');
    const before = await open(old);
    give(old, 'a', 'old');
    await before.save();
    const next = taskOf('fenced');
    const after = await open(next);
    give(old, 'a', 'zombie');
    await expect(before.save()).rejects.toThrow('no other process computes fenced');
    give(next, 'a', 'new');
    await after.save();
    const last = taskOf('fenced');
    await open(last);
    expect(stateOf(last)).toEqual(new Map([['a', 'oldnew']]));
  });

  it('has a higher epoch with each process that computes it, also after what was stored was deleted', async () => {
    const epochs: number[] = [];
    const begin = async () => {
      const { store } = await open(taskOf('epochs'));
      epochs.push(store.epochOf('epochs'));
    };
    await begin();
    await begin();
    await scratch.db.query('DELETE FROM stream_changes');
    await scratch.db.query('DELETE FROM stream_tasks');
    await begin();
    expect(epochs).toEqual([...new Set(epochs)].toSorted((a, b) => a - b));
    expect(epochs).toHaveLength(3);
  });

  it('is not half stored when a row cannot be written', async () => {
    const task = taskOf('half');
    const store = createCheckpointStore(scratch.db);
    await store.open(task, []);
    give(task, 'a', 'x');
    const fault = new PlatformError('postgres_unavailable', 'away', { retriable: true });
    let isAway = true;
    const taken = store.take(
      task,
      async () => {
        if (isAway) throw fault;
      },
      true,
    );
    await expect(store.store([taken])).rejects.toBe(fault);
    expect(await storedBytes('half')).toBe(0);
    isAway = false;
    await store.store([taken]);
    const again = taskOf('half');
    await open(again);
    expect(stateOf(again)).toEqual(new Map([['a', 'x']]));
  });
});

describe('rows that are published', () => {
  it('bear the epoch, so that those of a process that was replaced can be refused', async () => {
    const seen: number[] = [];
    const begin = async () => {
      const sink: Sink<string> = {
        into: '',
        publish: async (_, { epoch }) => void seen.push(epoch),
        rowsKeptMax: 1,
      };
      const task = taskOf('published', { emits: 'as it changes', rows: () => ['row'], sink });
      const { store } = await open(task);
      give(task, 'a', 'x');
      const stopping = new AbortController();
      const running = createCheckpoints(testHost(), store, [task], limits).run(stopping.signal, () => {});
      await eventually(() => seen.at(-1) === store.epochOf('published'));
      stopping.abort();
      await running;
    };
    await begin();
    await begin();
    const [before, after] = [...new Set(seen)];
    expect(after).toBeGreaterThan(before as number);
  });

  it('claim no more than their checkpoint has, also where the job reads on while others are published', async () => {
    const reported: number[] = [];
    const first = taskOf('reads-on-first', {
      emits: 'as it changes',
      rows: () => ['row'],
      sink: {
        into: '',
        publish: async () => {
          const lane = second.lane(at);
          lane.take(lane.nextOffset, 9_000, [{ key: 'b', input: 'later' }]);
          second.advance();
        },
        rowsKeptMax: 1,
      },
    });
    const second = taskOf('reads-on-second', {
      emits: 'as it changes',
      rows: () => ['row'],
      sink: {
        into: '',
        publish: async (_, { watermarkMs }) => void reported.push(watermarkMs),
        rowsKeptMax: 1,
      },
    });
    const store = createCheckpointStore(scratch.db);
    for (const task of [first, second]) {
      await store.open(task, [{ ...at, high: 1_000_000n }]);
      give(task, 'a', 'x');
    }
    const stopping = new AbortController();
    const running = createCheckpoints(testHost(), store, [first, second], limits).run(
      stopping.signal,
      () => {},
    );
    await eventually(() => reported.length > 0);
    stopping.abort();
    await running;
    expect(reported[0]).toBe(5);
  });
});

const limits = { checkpointEveryMs: 50, recordsPerCheckpointMax: 1 };

describe('checkpoints that are taken at an interval', () => {
  const control: BatchControl = {
    commit: async () => {},
    commitSoon: () => {},
    heartbeat: async () => {},
    isStale: () => false,
  };

  it('end a process that another one has replaced, also if nothing comes', async () => {
    const old = taskOf('idle');
    const { store } = await open(old);
    const running = createCheckpoints(testHost(), store, [old], limits).run(
      new AbortController().signal,
      () => {},
    );
    await open(taskOf('idle'));
    await expect(running).rejects.toThrow('no other process computes idle');
  });

  it('write what came too late with the checkpoint that moves past it, once although its answer was lost', async () => {
    await scratch.db.query(
      'CREATE TABLE late_rows (id text, input text, missed_from bigint, missed_to bigint)',
    );
    const late: LateOutput<string, LateInput<string>> = {
      rows: (one) => [one],
      sink: {
        into: '',
        write: async (tx, rows) => {
          for (const { id, row } of rows)
            await tx.query('INSERT INTO late_rows VALUES ($1, $2, $3, $4)', [
              id,
              row.input,
              row.fromMs,
              row.toMs,
            ]);
        },
      },
    };
    let answersLost = 0;
    let commits = 0;
    const pool = losingAnswers(scratch.db.pool, () => {
      commits += 1;
      return answersLost-- > 0;
    });
    const first = taskOf('late', { late });
    const store = createCheckpointStore({ ...scratch.db, pool });
    await store.open(first, [{ ...at, high: 100n }]);
    const lane = first.lane(at);
    lane.take(0n, 1_000_000_000, []);
    first.advance();
    lane.take(1n, 5, [
      { key: 'a', input: 'one' },
      { key: 'a', input: 'another' },
    ]);
    [answersLost, commits] = [1, 0];
    const stopping = new AbortController();
    const running = createCheckpoints(testHost(), store, [first], limits).run(stopping.signal, () => {});
    await eventually(() => commits >= 2);
    stopping.abort();
    await running;
    const { rows } = await scratch.db.query<{ id: string }>('SELECT * FROM late_rows');
    const missed = { missed_from: 0, missed_to: 1_000_000_000 };
    expect(rows).toMatchObject([
      { input: 'one', ...missed },
      { input: 'another', ...missed },
    ]);
    expect(new Set(rows.map(({ id }) => id)).size).toBe(2);

    const second = taskOf('late', { late });
    await open(second);
    second.lane(at).take(1n, 5, [{ key: 'a', input: 'one' }]);
    expect(second.checkpoint().late).toEqual([]);
  });

  it('keep nobody waiting when the last one is taken', async () => {
    const task = taskOf('last');
    const { store } = await open(task);
    const stopping = new AbortController();
    const checkpoints = createCheckpoints(testHost(), store, [task], limits);
    const running = checkpoints.run(stopping.signal, () => {});
    stopping.abort();
    await running;
    give(task, 'a', 'x');
    await checkpoints.handled(at, 1n, 1, control);
    expect(await storedBytes('last')).toBe(0);
  });
});
