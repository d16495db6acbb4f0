import { describe, expect, test } from 'vitest';
import { drawTopology } from '#platform/streams/drawing';
import { joinOf, type Pair } from '#platform/streams/join';
import { createTask, type Task } from '#platform/streams/task';
import { type LateInput, topology, type WindowOf } from '#platform/streams/topology';
import { gap, hopping, tumbling } from '#platform/streams/window';

/**
 * A tour of the stream library: read it from top to bottom. Each test shows one notion, with the pure task and without
 * any engine; `stream-jobs/windows/windows.int.test.ts` shows the same on Kafka and PostgreSQL.
 */

type Measured = { sensor: string; value: number };
type Sum = { sum: number; count: number };
type Row = { sensor: string; fromMs: number; sum: number; count: number };

/** A topology is a plain value: what is read, by which key and window it is added up, and where the rows go. */
const sums = topology({
  name: 'sums',
  purpose: 'Adds up measurements.',
  sources: { Measured: ({ sensor, value }: Measured) => [{ key: sensor, input: value }] },
  keyedBy: 'sensor',
  window: tumbling(10_000),
  aggregate: {
    start: () => ({ sum: 0, count: 0 }),
    add: (sum, value: number) => ({ sum: sum.sum + value, count: sum.count + 1 }),
    merge: (a, b) => ({ sum: a.sum + b.sum, count: a.count + b.count }),
  },
  emits: 'once',
  outOfOrderMsMax: 1_000,
  latenessMs: 0,
  windowsMax: 100,
  rows: ({ key, fromMs, sum }: WindowOf<{ sum: number; count: number }>): Row[] => [
    { sensor: key, fromMs, ...sum },
  ],
  sink: { into: 'a list', publish: async () => {}, rowsKeptMax: 10 },
});

const at = (partition: number) => ({ topic: 'measurements', partition });
const idleAfterMs = 2_000;

/** Gives a task events of partition 0 at these seconds, and returns what it made of them. */
const feeding = (task: Task, firstOffset = 0n) => {
  const offsets = new Map<number, bigint>([[0, firstOffset]]);
  const late: string[] = [];
  return {
    late,
    add: (second: number, sensor: string, value: number, partition = 0): void => {
      const offset = offsets.get(partition) ?? 0n;
      offsets.set(partition, offset + 1n);
      const event = { type: 'Measured', value: { sensor, value } } as never;
      const missed = task.lane(at(partition)).take(offset, second * 1000, task.contributionsOf(event));
      if (missed > 0) late.push(sensor);
      task.advance();
    },
    rows: () => task.checkpoint().rows.map(({ row }) => row),
  };
};

describe('a window', () => {
  test('adds up the events of a key, and writes its row when the watermark has passed its end', () => {
    const { add, rows } = feeding(createTask(sums, idleAfterMs));
    add(1, 'a', 5);
    add(9, 'a', 6);
    add(9, 'b', 1);
    expect(rows()).toEqual([]);
    // Events may come out of order by a second, so 10.9 says nothing about the end of the window yet.
    add(10.9, 'a', 100);
    expect(rows()).toEqual([]);
    add(11, 'a', 100);
    expect(rows()).toEqual([
      { sensor: 'a', fromMs: 0, sum: 11, count: 2 },
      { sensor: 'b', fromMs: 0, sum: 1, count: 1 },
    ]);
  });

  test('may overlap others: of 10 s, every 5 s', () => {
    const window = hopping({ sizeMs: 10_000, advanceMs: 5_000 });
    const { add, rows } = feeding(createTask({ ...sums, window }, idleAfterMs));
    add(7, 'a', 1);
    add(30, 'z', 0);
    expect(rows()).toMatchObject([
      { fromMs: 0, sum: 1 },
      { fromMs: 5_000, sum: 1 },
    ]);
  });

  test('may last for as long as events follow each other: two that meet become one', () => {
    const { add, rows } = feeding(
      createTask({ ...sums, window: gap(5_000), outOfOrderMsMax: 10_000 }, idleAfterMs),
    );
    add(0, 'a', 1);
    add(9, 'a', 2);
    add(5, 'a', 4);
    add(60, 'z', 0);
    expect(rows()).toEqual([{ sensor: 'a', fromMs: 0, sum: 7, count: 3 }]);
  });

  test('of two that have met has a row that replaces those of both', () => {
    const task = createTask(
      { ...sums, emits: 'as it changes', window: gap(5_000), outOfOrderMsMax: 10_000 },
      idleAfterMs,
    );
    const { add } = feeding(task);
    add(1, 'a', 1);
    for (const value of [1, 2, 3]) {
      add(9, 'a', value);
      task.checkpoint();
    }
    add(5, 'a', 1);
    expect(task.checkpoint().rows.map(({ place }) => place)).toEqual([['a', '1000', '4', '0']]);
  });

  test('may be written as it changes, with rows that replace each other', () => {
    const task = createTask({ ...sums, emits: 'as it changes' }, idleAfterMs);
    const { add, rows } = feeding(task);
    add(1, 'a', 1);
    expect(rows()).toMatchObject([{ sum: 1 }]);
    expect(rows()).toEqual([]);
    add(2, 'a', 1);
    expect(task.checkpoint().rows.map(({ place }) => place)).toEqual([['a', '0', '2', '0']]);
  });
});

describe('the watermark', () => {
  test('is that of the partition which lags most', () => {
    const { add, rows } = feeding(createTask(sums, idleAfterMs));
    add(1, 'a', 1, 0);
    add(2, 'b', 1, 1);
    add(50, 'a', 1, 0);
    expect(rows()).toEqual([]);
    add(50, 'b', 1, 1);
    expect(rows()).toMatchObject([{ sensor: 'a' }, { sensor: 'b' }]);
  });

  test('does not wait for a partition that has no records: that one follows the clock', () => {
    const task = createTask(sums, idleAfterMs);
    const { add, rows } = feeding(task);
    add(1, 'a', 1, 0);
    task.lane(at(1));
    add(50, 'a', 1, 0);
    task.watermarks.look(at(1), true, { wallMs: 50_000, monotonicMs: 0 });
    task.advance();
    expect(rows()).toEqual([]);
    task.watermarks.look(at(1), true, { wallMs: 52_000, monotonicMs: idleAfterMs });
    task.advance();
    expect(rows()).toMatchObject([{ sensor: 'a', sum: 1 }]);
  });
});

describe('an event that waits for a partition which lags', () => {
  test('counts for the watermark: nothing before it comes from its own partition', () => {
    const task = createTask(sums, idleAfterMs);
    const { add, late } = feeding(task);
    task.lane(at(1));
    task.watermarks.peek(at(1), 30_000);
    add(30, 'a', 1, 0);
    add(2, 'a', 1, 0);
    expect(late).toEqual(['a']);
  });
});

describe('an event that comes late', () => {
  test('counts while its window is kept open, and after that it is put aside', () => {
    const { add, rows, late } = feeding(createTask({ ...sums, latenessMs: 5_000 }, idleAfterMs));
    add(1, 'a', 1);
    add(12, 'a', 1);
    add(2, 'a', 1);
    add(17, 'a', 1);
    expect(rows()).toMatchObject([{ fromMs: 0, sum: 2 }]);
    add(3, 'a', 1);
    expect(late).toEqual(['a']);
  });

  /** A late output: what has come too late, with the window that it missed and how far the watermark was. */
  const put = {
    rows: ({ key, input, atMs, fromMs, toMs, watermarkMs }: LateInput<number>) => [
      { sensor: key, value: input, atMs, missed: [fromMs, toMs], watermarkMs },
    ],
    sink: { into: 'another list', write: async () => {} },
  };

  test('may have an output of its own, which has it with the next checkpoint, once', () => {
    const task = createTask({ ...sums, latenessMs: 5_000, late: put }, idleAfterMs);
    const { add } = feeding(task);
    add(1, 'a', 1);
    add(12, 'a', 1);
    add(2, 'a', 1);
    expect(task.checkpoint()).toMatchObject({ late: [], rows: [] });
    add(17, 'a', 1);
    add(3, 'a', 7);
    const { late, rows } = task.checkpoint();
    expect(late.map(({ row }) => row)).toEqual([
      { sensor: 'a', value: 7, atMs: 3_000, missed: [0, 10_000], watermarkMs: 16_000 },
    ]);
    expect(rows).toMatchObject([{ row: { fromMs: 0, sum: 2 } }]);
    expect(task.checkpoint().late).toEqual([]);
  });

  test('is put out for each window that it missed, and counts in those that are still open', () => {
    const window = hopping({ sizeMs: 10_000, advanceMs: 5_000 });
    const task = createTask({ ...sums, window, late: put }, idleAfterMs);
    const { add } = feeding(task);
    add(11, 'a', 1);
    add(7, 'a', 1);
    const { late } = task.checkpoint();
    expect(late.map(({ row }) => row)).toMatchObject([{ missed: [0, 10_000], watermarkMs: 10_000 }]);
    add(60, 'z', 1);
    expect(task.checkpoint().rows.map(({ row }) => row)).toMatchObject([
      { fromMs: 5_000, sum: 2 },
      { fromMs: 10_000, sum: 1 },
    ]);
  });
});

describe('a join', () => {
  test('is a window in which both sides of a key meet', () => {
    type Asked = { left: string } | { right: string };
    const joined = topology({
      ...sums,
      sources: {
        Measured: ({ sensor, value }: Measured) => [
          { key: sensor, input: (value < 0 ? { left: `${value}` } : { right: `${value}` }) as Asked },
        ],
      },
      window: gap(60_000),
      weightOf: () => 1,
      isSettled: () => false,
      eventsOf: () => 1,
      late: undefined,
      aggregate: joinOf<string, string>(),
      rows: ({
        key,
        sum: {
          left: [left],
          right: [right],
        },
      }: WindowOf<Pair<string, string>>) =>
        left !== undefined && right !== undefined ? [[key, left.value, right.value]] : [],
      sink: { into: 'a list', publish: async () => {}, rowsKeptMax: 10 },
    });
    const { add, rows } = feeding(createTask(joined, idleAfterMs));
    add(1, 'both', 7);
    add(0.5, 'both', -1);
    add(1, 'one', 7);
    add(200, 'z', 1);
    expect(rows()).toEqual([['both', '-1', '7']]);
  });
});

describe('memory', () => {
  const sumsOf = (rows: readonly Row[]): Record<string, number> => {
    const sums: Record<string, number> = {};
    for (const { sensor, sum } of rows) sums[sensor] = (sums[sensor] ?? 0) + sum;
    return sums;
  };

  test('is bounded: beyond the limit the oldest windows close early, and what comes for them is late', () => {
    const task = createTask({ ...sums, windowsMax: 2 }, idleAfterMs);
    const { add, rows, late } = feeding(task);
    for (const sensor of ['a', 'b', 'c']) add(1, sensor, 1);
    expect(task.windowsOpen).toBeLessThanOrEqual(2);
    add(2, 'a', 1);
    expect(late).toEqual(['a']);
    expect(rows()).toMatchObject([{ sensor: 'a', sum: 1 }, { sensor: 'b' }, { sensor: 'c' }]);
  });

  test('is bounded where keys are invented: the windows of the fewest events close first, and none of the others', () => {
    const made = { ...sums, windowsMax: 3, window: gap(60_000), eventsOf: ({ count }: Sum) => count };
    const first = createTask(made, idleAfterMs);
    const { add, late } = feeding(first);
    for (const second of [1, 2, 3]) add(second, 'real', 1);
    for (let nth = 0; nth < 100; nth += 1) add(4 + nth / 100, `invented-${nth}`, 1);
    expect(first.windowsOpen).toBe(3);
    const stored = first.checkpoint();
    const second = createTask(made, idleAfterMs);
    second.restore({ ...stored, windows: first.everything() }, [{ ...at(0), high: 103n }]);
    const after = feeding(second, 103n);
    after.add(6, 'invented-0', 1);
    after.add(7, 'real', 1);
    after.add(200, 'z', 0);
    const all = [...stored.rows, ...second.checkpoint().rows];
    const { real, ...invented } = sumsOf(all.map(({ row }) => row));
    expect([...late, ...after.late]).toEqual([]);
    expect(all.map(({ row }) => row)).toContainEqual({ sensor: 'real', fromMs: 1_000, sum: 4, count: 4 });
    expect(real).toBe(4);
    expect(invented).toMatchObject({ 'invented-0': 2, 'invented-99': 1 });
    expect(new Set(all.map(({ place }) => place.join())).size).toBe(all.length);
  });

  test('is bounded where rows add up, too: beyond the limit all are written in parts, and nothing is late', () => {
    const first = createTask({ ...sums, emits: 'in parts', windowsMax: 2 }, idleAfterMs);
    const { add, late } = feeding(first);
    for (const sensor of ['a', 'b', 'c', 'a', 'b', 'c']) add(1, sensor, 1);
    add(2, 'a', 10);
    const stored = first.checkpoint();
    expect(first.windowsOpen).toBe(1);
    expect(stored.rows).toHaveLength(6);
    const second = createTask({ ...sums, emits: 'in parts', windowsMax: 2 }, idleAfterMs);
    second.restore({ ...stored, windows: first.everything() }, [{ ...at(0), high: 7n }]);
    const after = feeding(second, 7n);
    for (const sensor of ['b', 'c']) after.add(3, sensor, 1);
    after.add(12, 'a', 1);
    const all = [...stored.rows, ...second.checkpoint().rows];
    expect([...late, ...after.late]).toEqual([]);
    expect(sumsOf(all.map(({ row }) => row))).toEqual({ a: 12, b: 3, c: 3 });
    expect(new Set(all.map(({ place }) => place.join())).size).toBe(all.length);
  });

  test('is not used for a window that has no row and never will', () => {
    const task = createTask({ ...sums, isSettled: ({ sum }) => sum === 0 }, idleAfterMs);
    const { add, rows } = feeding(task);
    add(1, 'a', 5);
    add(1, 'b', 5);
    expect(task.checkpoint().changes.put).toHaveLength(2);
    add(2, 'a', -5);
    expect([task.windowsOpen, task.checkpoint().changes]).toMatchObject([1, { put: [], removed: [1] }]);
    add(20, 'z', 1);
    expect(rows()).toMatchObject([{ sensor: 'b', sum: 5 }]);
  });

  test('counts a window whose sum has grown as more than one', () => {
    const task = createTask({ ...sums, windowsMax: 4, weightOf: ({ count }) => count }, idleAfterMs);
    const { add } = feeding(task);
    for (const value of [1, 2, 3]) add(1, 'a', value);
    add(1, 'b', 1);
    expect(task.windowsOpen).toBe(2);
    add(1, 'b', 1);
    expect(task.windowsOpen).toBe(0);
  });
});

describe('a restart', () => {
  test('goes on from the last checkpoint: what it had read after it is read again', () => {
    const first = createTask(sums, idleAfterMs);
    const before = feeding(first);
    before.add(1, 'a', 1);
    const { places, watermarkMs } = first.checkpoint();
    const windows = first.everything();
    before.add(2, 'a', 10);

    const second = createTask(sums, idleAfterMs);
    second.restore({ places, watermarkMs, windows: JSON.parse(JSON.stringify(windows)) }, [
      { ...at(0), high: 4n },
    ]);
    const lane = second.lane(at(0));
    expect(lane.nextOffset).toBe(1n);
    for (const [offset, second] of [0, 1, 2, 60].entries())
      lane.take(BigInt(offset), second * 1000, [{ key: 'a', input: 1 }]);
    second.advance();
    expect(second.checkpoint().rows.map(({ row }) => row)).toMatchObject([{ sum: 3 }]);
  });

  /** A task of the same topology that goes on from what the first one has, on these partitions. */
  const restarted = (task: Task, topology: Parameters<typeof createTask>[0], ends: readonly bigint[]) => {
    const next = createTask(topology, idleAfterMs);
    const { places, watermarkMs } = task.checkpoint();
    const windows = JSON.parse(JSON.stringify(task.everything()));
    next.restore(
      { places, watermarkMs, windows },
      ends.map((high, partition) => ({ ...at(partition), high })),
    );
    return next;
  };

  test('gives rows the ids that they have without it', () => {
    const written = { ...sums, sink: { into: 'a table', write: async () => {} } };
    const first = createTask(written, idleAfterMs);
    feeding(first).add(1, 'a', 1);
    const second = restarted(first, written, [1n]);
    for (const task of [first, second]) {
      task.lane(at(0)).take(1n, 60_000, []);
      task.advance();
    }
    const ids = ({ rows }: ReturnType<Task['checkpoint']>) => rows.map(({ place }) => place);
    expect(ids(second.checkpoint())).toEqual(ids(first.checkpoint()));
  });

  test('publishes open windows again, since the engine may have missed them', () => {
    const changing = { ...sums, emits: 'as it changes' as const };
    const first = createTask(changing, idleAfterMs);
    feeding(first).add(1, 'a', 1);
    const before = first.checkpoint().rows;
    const second = restarted(first, changing, [1n]);
    expect(second.checkpoint().rows).toEqual(before);
    expect(second.checkpoint().rows).toEqual([]);
    const written = { ...changing, sink: { into: 'a table', write: async () => {} } };
    expect(restarted(second, written, [1n]).checkpoint().rows).toEqual([]);
  });

  test('waits for no partition that is not read any more, and keeps the place in it', () => {
    const first = createTask(sums, idleAfterMs);
    const { add } = feeding(first);
    add(1, 'a', 1, 0);
    add(1, 'b', 1, 1);
    const second = restarted(first, sums, [1n]);
    second.lane(at(0)).take(1n, 60_000, []);
    second.advance();
    const { rows, places } = second.checkpoint();
    expect(rows).toHaveLength(2);
    expect(places['measurements/1']).toEqual(['1', 1_000]);
  });

  test('refuses a place past the end of its partition: the topic is not the one that was read', () => {
    const first = createTask(sums, idleAfterMs);
    const { add } = feeding(first);
    add(1, 'a', 1);
    add(2, 'a', 1);
    expect(() => restarted(first, sums, [1n])).toThrow(
      expect.objectContaining({ code: 'state_ahead_of_log', retriable: false }),
    );
  });
});

describe('a drawing', () => {
  test('follows from the topology', () => {
    expect(drawTopology(sums, () => 'measurements')).toMatchInlineSnapshot(`
      "flowchart LR
        source0[("measurements<br/>Measured")] --> key
        key{{"by sensor"}} --> window["every 10 s"]
        window --> aggregate["sums"]
        aggregate -->|"once, when the window closes"| sink[/"a list"/]"
    `);
  });

  test('shows where late events go', () => {
    const late = { rows: () => [], sink: { into: 'another list', write: async () => {} } };
    expect(drawTopology({ ...sums, late }, () => 'measurements')).toContain(
      '  window -.->|"late"| late[/"another list"/]',
    );
  });
});
