import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createTask, type StoredTask, type Task, type TaskRow } from '#platform/streams/task';
import { type LateInput, type Topology, topology, type WindowOf } from '#platform/streams/topology';
import { gap, hopping, spansOf, tumbling, type WindowKind } from '#platform/streams/window';

type Event = { atMs: number; key: string; value: number };
type Sum = { sum: number; count: number };
type Row = Sum & { key: string; fromMs: number; toMs: number; revision: number };

const outOfOrderMsMax = 3_000;

const summing = (window: WindowKind, emits: 'once' | 'as it changes', latenessMs: number) =>
  topology({
    name: 'sums',
    purpose: '',
    sources: {},
    keyedBy: 'key',
    window,
    aggregate: {
      start: (): Sum => ({ sum: 0, count: 0 }),
      add: ({ sum, count }, value: number) => ({ sum: sum + value, count: count + 1 }),
      merge: (a, b) => ({ sum: a.sum + b.sum, count: a.count + b.count }),
    },
    emits,
    outOfOrderMsMax,
    latenessMs,
    windowsMax: 1_000_000,
    rows: ({ key, fromMs, toMs, revision, sum }: WindowOf<Sum>): Row[] => [
      { key, fromMs, toMs, revision, ...sum },
    ],
    sink: { into: '', write: async () => {} },
  });

/** The same by a plain recomputation over all events: sorted, window by window. */
const recompute = (window: WindowKind, events: readonly Event[]): Map<string, Sum> => {
  const sums = new Map<string, Sum>();
  const count = (id: string, value: number) => {
    const before = sums.get(id) ?? { sum: 0, count: 0 };
    sums.set(id, { sum: before.sum + value, count: before.count + 1 });
  };
  if (window.kind === 'fixed') {
    for (const { atMs, key, value } of events)
      for (const { fromMs } of spansOf(window, atMs)) count(`${key}@${fromMs}`, value);
    return sums;
  }
  for (const key of new Set(events.map((event) => event.key))) {
    let begunMs = Number.NaN;
    let lastMs = Number.NEGATIVE_INFINITY;
    for (const { atMs, value } of events.filter((e) => e.key === key).toSorted((a, b) => a.atMs - b.atMs)) {
      if (atMs - lastMs > window.gapMs) begunMs = atMs;
      lastMs = atMs;
      count(`${key}@${begunMs}`, value);
    }
  }
  return sums;
};

const farMs = 10_000_000;
const at = (partition: number) => ({ topic: 't', partition });

/** Each partition's events are in order up to `outOfOrderMsMax`; partitions are read in any interleaving. */
const partitionsOf = fc.array(
  fc
    .array(
      fc.record({
        stepMs: fc.integer({ min: 0, max: 4_000 }),
        backMs: fc.integer({ min: 0, max: outOfOrderMsMax }),
        key: fc.constantFrom('a', 'b', 'c'),
        value: fc.integer({ min: -5, max: 100 }),
      }),
      { maxLength: 40 },
    )
    .map((steps) => {
      let newestMs = 0;
      return steps.map(({ stepMs, backMs, key, value }): Event => {
        newestMs += stepMs;
        return { atMs: Math.max(0, newestMs - backMs), key, value };
      });
    }),
  { minLength: 1, maxLength: 3 },
);

const windows = fc.constantFrom(tumbling(5_000), hopping({ sizeMs: 6_000, advanceMs: 2_000 }), gap(3_000));

type Stored = {
  task: StoredTask;
  changes: Map<number, StoredTask['windows'] extends Iterable<infer W> ? W : never>;
};

/** Runs a task over the partitions: `picks` choose whose turn it is, where it checkpoints, and where it is killed. */
const run = (
  made: Topology<number, Sum, Row>,
  partitions: readonly (readonly Event[])[],
  picks: readonly { partition: number; next: 'go on' | 'checkpoint' | 'kill' }[],
): { rows: Row[]; late: number; putOut: TaskRow<unknown>[] } => {
  const rows: Row[] = [];
  const putOut: TaskRow<unknown>[] = [];
  let late = 0;
  const stored: Stored = { task: { places: {}, watermarkMs: null, windows: [] }, changes: new Map() };
  let task: Task<number, Row>;
  const begin = () => {
    task = createTask(made, 1);
    task.restore(
      JSON.parse(JSON.stringify({ ...stored.task, windows: [...stored.changes.values()] })),
      partitions.map((events, partition) => ({ ...at(partition), high: BigInt(events.length) })),
    );
    for (const partition of partitions.keys()) task.lane(at(partition));
  };
  const checkpoint = () => {
    const taken = task.checkpoint();
    stored.task = { places: taken.places, watermarkMs: taken.watermarkMs, windows: [] };
    for (const window of taken.changes.put) stored.changes.set(window[0], JSON.parse(JSON.stringify(window)));
    for (const id of taken.changes.removed) stored.changes.delete(id);
    expect([...stored.changes.values()].toSorted((a, b) => a[0] - b[0])).toEqual(
      JSON.parse(JSON.stringify(task.everything().toSorted((a, b) => a[0] - b[0]))),
    );
    rows.push(...taken.rows.map(({ row }) => row));
    putOut.push(...taken.late);
  };
  const step = (partition: number): boolean => {
    const lane = task.lane(at(partition));
    const event = partitions[partition]?.[Number(lane.nextOffset)];
    if (event === undefined) return false;
    late += lane.take(lane.nextOffset, event.atMs, [{ key: event.key, input: event.value }]);
    task.advance();
    return true;
  };
  begin();
  for (const { partition, next } of picks) {
    step(partition % partitions.length);
    if (next === 'checkpoint') checkpoint();
    if (next === 'kill') begin();
  }
  for (const partition of partitions.keys()) while (step(partition));
  for (const partition of partitions.keys()) {
    const lane = task!.lane(at(partition));
    lane.take(lane.nextOffset, farMs, []);
  }
  task!.advance();
  checkpoint();
  return { rows, late, putOut };
};

const picks = fc.array(
  fc.record({
    partition: fc.nat(2),
    next: fc.constantFrom('go on' as const, 'go on' as const, 'checkpoint' as const, 'kill' as const),
  }),
  { maxLength: 120 },
);

describe('a task equals a recomputation over all events', () => {
  test('written once, for any interleaving, disorder within the bound, checkpoints and kills', () => {
    fc.assert(
      fc.property(windows, partitionsOf, picks, (window, partitions, order) => {
        const { rows, late } = run(summing(window, 'once', 0), partitions, order);
        const found = rows.map(
          ({ key, fromMs, sum, count }) => [`${key}@${fromMs}`, { sum, count }] as const,
        );
        expect(late).toBe(0);
        expect(new Set(rows.map(({ revision }) => revision)).size).toBeLessThanOrEqual(1);
        expect(new Set(found.map(([id]) => id)).size).toBe(found.length);
        expect(new Map(found)).toEqual(recompute(window, partitions.flat()));
      }),
      { numRuns: 400 },
    );
  });

  test('written as it changes: the last revision of each row is the truth, and revisions never repeat', () => {
    fc.assert(
      fc.property(partitionsOf, picks, (partitions, order) => {
        const window = tumbling(5_000);
        const { rows } = run(summing(window, 'as it changes', 2_000), partitions, order);
        const last = new Map<string, Row>();
        for (const row of rows) {
          const id = `${row.key}@${row.fromMs}`;
          expect(row.revision).toBeGreaterThan(last.get(id)?.revision ?? 0);
          last.set(id, row);
        }
        const found = new Map([...last].map(([id, { sum, count }]) => [id, { sum, count }]));
        expect(found).toEqual(recompute(window, partitions.flat()));
      }),
      { numRuns: 300 },
    );
  });

  /** So short that many events are later than their windows. */
  const short = fc.constantFrom(tumbling(1_000), hopping({ sizeMs: 2_000, advanceMs: 1_000 }), gap(500));

  test('what came too late for a window is put out once, and with its row they are all that came for it', () => {
    fc.assert(
      fc.property(short, partitionsOf, picks, (window, partitions, order) => {
        const made: Topology<number, Sum, Row, LateInput<number>> = {
          // The events are as much out of order as ever, and this job takes them to be in order.
          ...summing(window, 'once', 0),
          outOfOrderMsMax: 0,
          late: { rows: (late) => [late], sink: { into: '', write: async () => {} } },
        };
        const { rows, putOut } = run(made, partitions, order);
        const late = putOut.map(({ row }) => row as LateInput<number>);
        const summed = (some: readonly Sum[]) => some.reduce((sum, { count }) => sum + count, 0);
        const windowsOfEach = partitions.flat().flatMap(({ atMs }) => spansOf(window, atMs));
        expect(summed(rows) + late.length).toBe(windowsOfEach.length);
        expect(new Set(putOut.map(({ place }) => place.join())).size).toBe(putOut.length);
        for (const { toMs, atMs, fromMs, watermarkMs } of late) {
          expect(toMs).toBeLessThanOrEqual(watermarkMs);
          expect(fromMs <= atMs && atMs < toMs).toBe(true);
        }
        if (window.kind === 'gap') return;
        const found = new Map(
          rows.map(({ key, fromMs, sum, count }) => [`${key}@${fromMs}`, { sum, count }]),
        );
        for (const { key, fromMs, input } of late) {
          const id = `${key}@${fromMs}`;
          const { sum, count } = found.get(id) ?? { sum: 0, count: 0 };
          found.set(id, { sum: sum + input, count: count + 1 });
        }
        expect(found).toEqual(recompute(window, partitions.flat()));
      }),
      { numRuns: 400 },
    );
  });
});

describe('after the size of the windows was changed', () => {
  const sized = (sizeMs: number, usualSizeMs?: number) => ({
    ...summing(tumbling(sizeMs), 'once', 0),
    ...(usualSizeMs === undefined ? {} : { usualSizeMs }),
  });
  const take = (task: Task<number, Row>, ...eventsAtMs: readonly number[]) => {
    const lane = task.lane(at(0));
    for (const atMs of eventsAtMs) lane.take(lane.nextOffset, atMs, [{ key: 'a', input: 1 }]);
    task.advance();
  };
  /** The task after events at `beforeMs`, and one of another size that goes on from there; all rows of both. */
  const changed = (
    before: Topology<number, Sum, Row>,
    after: Topology<number, Sum, Row>,
    beforeMs: readonly number[],
    afterMs: readonly number[],
  ) => {
    const [first, second] = [createTask(before, 1), createTask(after, 1)];
    take(first, ...beforeMs);
    const stored = first.checkpoint();
    second.restore({ ...stored, windows: first.everything() }, [{ ...at(0), high: 100n }]);
    take(second, ...afterMs, farMs);
    const rows = [...stored.rows, ...second.checkpoint().rows];
    expect(new Set(rows.map(({ place }) => place.join())).size).toBe(rows.length);
    return rows.map(({ place, row: { fromMs, toMs, count } }) => ({ place, fromMs, toMs, count }));
  };

  test('open ones keep what they have, and the others with their start have rows with other ids', () => {
    expect(changed(sized(5_000), sized(10_000), [1_000, 2_000], [3_000, 7_000])).toMatchObject([
      { fromMs: 0, toMs: 5_000, count: 2 },
      { fromMs: 0, toMs: 10_000, count: 2, place: ['a', '0', '1', '0'] },
    ]);
  });

  test('so have they where those before are closed, and ids of the usual size stay as they are', () => {
    const usualMs = 5_000;
    expect(changed(sized(5_000, usualMs), sized(10_000, usualMs), [1_000, 9_000], [9_500])).toMatchObject([
      { fromMs: 0, toMs: 5_000, count: 1, place: ['a', '0', '1', '0'] },
      { fromMs: 0, toMs: 10_000, count: 1 },
      { fromMs: 5_000, toMs: 10_000, count: 1, place: ['a', '5000', '1', '0'] },
    ]);
    expect(changed(sized(10_000, usualMs), sized(5_000, usualMs), [1_000], [2_000])).toMatchObject([
      { fromMs: 0, toMs: 5_000, count: 1, place: ['a', '0', '1', '0'] },
      { fromMs: 0, toMs: 10_000, count: 1 },
    ]);
  });
});
