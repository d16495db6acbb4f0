import { describe, expect, test, vi } from 'vitest';
import { assert } from '#platform/assert';
import type { BatchControl, BatchHandler, RecordBatch } from '#platform/messaging/broker';
import { createPartitionLanes, type LaneOptions } from '#platform/messaging/partition-lanes';
import { createLogger } from '#platform/telemetry/logger';

const batch = (partition: number, ...offsets: number[]): RecordBatch => ({
  topic: 't',
  partition,
  highWatermark: 1000n,
  records: offsets.map((offset) => ({
    key: null,
    value: Buffer.from(String(offset)),
    headers: {},
    rawHeaders: [],
    offset: BigInt(offset),
    timestampMs: 0,
  })),
});
const offsetsOf = ({ records }: RecordBatch): number[] => records.map(({ offset }) => Number(offset));
const turn = () => new Promise((resolve) => setImmediate(resolve));

const lanesOf = (handle: BatchHandler, options: Partial<LaneOptions> = {}) => {
  const steered: string[] = [];
  const committed: string[] = [];
  const broken: unknown[] = [];
  const lanes = createPartitionLanes({
    group: 'g',
    handle,
    partitionsConcurrentlyMax: 2,
    waitingBytesMax: 100,
    lateCommitMs: 2_000,
    pause: ({ partition }) => steered.push(`pause ${partition}`),
    resume: ({ partition }) => steered.push(`resume ${partition}`),
    commit: async ({ partition }, nextOffset) => void committed.push(`${partition}@${nextOffset}`),
    onBroken: (error) => broken.push(error),
    logger: createLogger('test', { level: 'silent' }),
    ...options,
  });
  const assign = (...partitions: number[]) =>
    lanes.assign(partitions.map((partition) => ({ topic: 't', partition, nextOffset: 0n })));
  return { lanes, assign, steered, committed, broken };
};

/** A handler whose every call the test lets go by hand. */
const gated = () => {
  const calls: { offsets: number[]; control: BatchControl; finish(): void; fail(error: Error): void }[] = [];
  const handle: BatchHandler = (given, control) =>
    new Promise((finish, fail) => {
      calls.push({ offsets: offsetsOf(given), control, finish, fail });
    });
  return { calls, handle };
};

describe('a lane', () => {
  test('handles one batch at a time and merges what came meanwhile', async () => {
    const { calls, handle } = gated();
    const { lanes, assign } = lanesOf(handle);
    assign(0);
    lanes.push(batch(0, 0, 1), 1);
    lanes.push(batch(0, 2), 1);
    lanes.push(batch(0, 3, 4), 1);
    expect(calls.map(({ offsets }) => offsets)).toEqual([[0, 1]]);
    calls[0]?.finish();
    await turn();
    expect(calls.map(({ offsets }) => offsets)).toEqual([
      [0, 1],
      [2, 3, 4],
    ]);
  });

  test('is paused when enough waits, and resumed when that is taken', async () => {
    const { calls, handle } = gated();
    const { lanes, assign, steered } = lanesOf(handle);
    assign(0);
    lanes.push(batch(0, 0), 90);
    lanes.push(batch(0, 1), 60);
    expect(steered).toEqual([]);
    lanes.push(batch(0, 2), 60);
    expect(steered).toEqual(['pause 0']);
    calls[0]?.finish();
    await turn();
    expect(steered).toEqual(['pause 0', 'resume 0']);
  });

  test('takes no record twice, however fetches overlap', async () => {
    const { calls, handle } = gated();
    const { lanes, assign } = lanesOf(handle);
    assign(0);
    lanes.push(batch(0, 0, 1, 2), 1);
    lanes.push(batch(0, 3, 4), 1);
    lanes.push(batch(0, 4, 5), 1);
    calls[0]?.finish();
    await turn();
    expect(calls[1]?.offsets).toEqual([3, 4, 5]);
  });

  test('does not wait for a slower one, up to the number allowed', async () => {
    const { calls, handle } = gated();
    const { lanes, assign } = lanesOf(handle);
    assign(0, 1, 2);
    lanes.push(batch(0, 0), 1);
    lanes.push(batch(1, 0), 1);
    lanes.push(batch(2, 7), 1);
    expect(calls.length).toBe(2);
    calls[0]?.finish();
    await turn();
    expect(calls[2]?.offsets).toEqual([7]);
  });

  test('delivers what failed again, from behind its last commit, before anything else', async () => {
    vi.useFakeTimers();
    const { calls, handle } = gated();
    const { lanes, assign, committed } = lanesOf(handle);
    assign(0);
    lanes.push(batch(0, 0, 1, 2), 1);
    lanes.push(batch(0, 3), 1);
    await calls[0]?.control.commit(2n);
    calls[0]?.fail(new Error('no'));
    await vi.advanceTimersByTimeAsync(200);
    expect(calls.map(({ offsets }) => offsets)).toEqual([[0, 1, 2], [2]]);
    calls[1]?.finish();
    await vi.advanceTimersByTimeAsync(0);
    expect(calls[2]?.offsets).toEqual([3]);
    expect(committed).toEqual(['0@2']);
    vi.useRealTimers();
  });

  test('backs off further each time, up to five seconds, and leaves its place to others', async () => {
    vi.useFakeTimers();
    const tries: number[] = [];
    const others: number[] = [];
    const { lanes, assign } = lanesOf(
      async ({ partition }) => {
        if (partition === 1) return void others.push(Date.now());
        tries.push(Date.now());
        throw new Error('no');
      },
      { partitionsConcurrentlyMax: 1 },
    );
    assign(0, 1);
    lanes.push(batch(0, 0), 1);
    lanes.push(batch(1, 0), 1);
    await vi.advanceTimersByTimeAsync(0);
    expect(others.length).toBe(1);
    await vi.advanceTimersByTimeAsync(60_000);
    const waits = tries.slice(1).map((at, index) => at - (tries[index] as number));
    expect(waits[0]).toBeLessThanOrEqual(120);
    expect(Math.max(...waits)).toBeLessThanOrEqual(6_000);
    expect(Math.max(...waits)).toBeGreaterThan(3_900);
    await lanes.end(0);
    vi.useRealTimers();
  });

  test('backs off no further while it gets on', async () => {
    vi.useFakeTimers();
    try {
      const tries: number[] = [];
      const { lanes, assign, committed } = lanesOf(async ({ records: [first] }, control) => {
        tries.push(Date.now());
        await control.commit((first?.offset ?? 0n) + 1n);
        throw new Error('no');
      });
      assign(0);
      lanes.push(batch(0, ...Array.from({ length: 10 }, (_, n) => n)), 1);
      await vi.advanceTimersByTimeAsync(10 * 120);
      expect(committed).toHaveLength(10);
      const waits = tries.slice(1).map((at, index) => at - (tries[index] as number));
      expect(Math.max(...waits)).toBeLessThanOrEqual(120);
      await lanes.end(0);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('the end of an assignment', () => {
  test('lets the handler at work finish and commit, and starts nothing more', async () => {
    const { calls, handle } = gated();
    const { lanes, assign, committed } = lanesOf(handle);
    assign(0);
    lanes.push(batch(0, 0), 1);
    lanes.push(batch(0, 1), 1);
    const ended = lanes.end(1_000);
    expect(calls[0]?.control.isStale()).toBe(false);
    await calls[0]?.control.commit(1n);
    calls[0]?.finish();
    await ended;
    expect(committed).toEqual(['0@1']);
    expect(calls.length).toBe(1);
    expect(lanes.push(batch(0, 1), 1)).toBe(false);
  });

  test('makes a handler that takes too long stale: it can neither commit nor meet its successor', async () => {
    const { calls, handle } = gated();
    const { lanes, assign, committed } = lanesOf(handle);
    assign(0);
    lanes.push(batch(0, 0), 1);
    await lanes.end(10);
    expect(calls[0]?.control.isStale()).toBe(true);
    await expect(calls[0]?.control.commit(1n)).rejects.toMatchObject({ retriable: true });
    await expect(calls[0]?.control.heartbeat()).rejects.toMatchObject({ retriable: true });
    assign(0);
    lanes.push(batch(0, 0), 1);
    expect(calls.length).toBe(1);
    calls[0]?.finish();
    await turn();
    expect(calls.length).toBe(2);
    expect(calls[1]?.control.isStale()).toBe(false);
    expect(committed).toEqual([]);
  });

  test('for good is seen by the handler at work at once, which may still commit, and nothing begins after it', async () => {
    const { calls, handle } = gated();
    const { lanes, assign, committed } = lanesOf(handle);
    assign(0);
    lanes.push(batch(0, 0), 1);
    const closed = lanes.close(1_000);
    expect(calls[0]?.control.isStale()).toBe(true);
    await calls[0]?.control.commit(1n);
    calls[0]?.fail(new Error('it has stopped half-way'));
    await closed;
    expect(committed).toEqual(['0@1']);
    await expect(calls[0]?.control.commit(2n)).rejects.toMatchObject({ retriable: true });
    assign(0);
    expect(lanes.push(batch(0, 1), 1)).toBe(false);
    expect(calls.length).toBe(1);
  });

  test('forgets batches of partitions that went elsewhere', () => {
    const { calls, handle } = gated();
    const { lanes, assign } = lanesOf(handle);
    assign(0, 1);
    assign(1);
    expect(lanes.push(batch(0, 0), 1)).toBe(false);
    expect(lanes.push(batch(1, 0), 1)).toBe(true);
    expect(calls.length).toBe(1);
  });
});

test('a broken invariant stops everything and is reported', async () => {
  const handled: number[] = [];
  const { lanes, assign, broken } = lanesOf(
    async (given) => {
      handled.push(given.partition);
      assert(given.partition !== 0, 'not zero');
    },
    { partitionsConcurrentlyMax: 1 },
  );
  assign(0, 1);
  lanes.push(batch(0, 0), 1);
  lanes.push(batch(1, 0), 1);
  await turn();
  expect(handled).toEqual([0]);
  expect(String(broken[0])).toContain('not zero');
});

describe('progress', () => {
  const at = { topic: 't', partition: 0 };

  test('says where a lane stands, and keeps saying it after the assignment has ended', async () => {
    const { calls, handle } = gated();
    const { lanes, assign } = lanesOf(handle);
    expect(lanes.progress()).toEqual([]);
    assign(0);
    expect(lanes.progress()).toMatchObject([{ ...at, nextOffset: 0n, highWatermark: 0n, stalledForMs: 0 }]);
    lanes.push({ ...batch(0, 0, 1), highWatermark: 7n }, 1);
    expect(lanes.progress()).toMatchObject([{ nextOffset: 0n, highWatermark: 7n }]);
    calls[0]?.finish();
    await turn();
    lanes.mark(at, 9n);
    lanes.mark(at, 8n);
    await lanes.end(0);
    expect(lanes.progress()).toMatchObject([{ nextOffset: 2n, highWatermark: 9n }]);
    expect(lanes.progress()[0]?.stalledForMs).toBeGreaterThan(0);
    lanes.mark(at, 10n);
    expect(lanes.progress()).toMatchObject([{ nextOffset: 2n, highWatermark: 10n }]);
    assign(1);
    expect(lanes.progress()).toMatchObject([{ partition: 1 }]);
  });

  test('says how long ago the broker reported the end of a partition', async () => {
    const { lanes, assign } = lanesOf(async () => {});
    assign(0);
    expect(lanes.progress()[0]?.endAgeMs).toBe(Number.POSITIVE_INFINITY);
    lanes.mark(at, 0n);
    const [reported] = lanes.progress();
    expect(reported?.endAgeMs).toBeLessThan(1_000);
    await vi.waitFor(() =>
      expect(lanes.progress()[0]?.endAgeMs).toBeGreaterThan(reported?.endAgeMs as number),
    );
    const ageMs = lanes.progress()[0]?.endAgeMs as number;
    lanes.mark(at, 0n);
    expect(lanes.progress()[0]?.endAgeMs).toBeLessThan(ageMs);
  });

  test('goes past what is never delivered, but not past what is still in hand', async () => {
    const { calls, handle } = gated();
    const { lanes, assign } = lanesOf(handle);
    assign(0);
    lanes.push({ ...batch(0, 0, 1), highWatermark: 5n }, 1);
    lanes.push({ ...batch(0), highWatermark: 5n }, 0, 5n);
    expect(lanes.progress()).toMatchObject([{ nextOffset: 0n, highWatermark: 5n }]);
    calls[0]?.fail(new Error('not yet'));
    await turn();
    expect(lanes.progress()).toMatchObject([{ nextOffset: 0n, failures: 1, cause: 'not yet' }]);
    await vi.waitFor(() => expect(calls).toHaveLength(2));
    calls[1]?.finish();
    await turn();
    expect(lanes.progress()).toMatchObject([
      { nextOffset: 5n, highWatermark: 5n, stalledForMs: 0, failures: 0, cause: undefined },
    ]);
  });

  test('names the partitions that wait for records which are there', async () => {
    const { calls, handle } = gated();
    const { lanes, assign } = lanesOf(handle);
    assign(0, 1);
    lanes.mark(at, 3n, 2n);
    expect(lanes.unfed()).toEqual(['t/0@0']);
    lanes.push(batch(0, 0), 1);
    expect(lanes.unfed()).toEqual([]);
    calls[0]?.finish();
    await turn();
    expect(lanes.unfed()).toEqual(['t/0@1']);
    lanes.setUnreadable(at, 'no codec');
    expect(lanes.unfed()).toEqual([]);
    expect(lanes.progress()).toContainEqual(
      expect.objectContaining({ ...at, failures: 1, cause: 'no codec' }),
    );
    lanes.setUnreadable(at, undefined);
    lanes.push(batch(0), 0, 2n);
    // What is beyond belongs to a transaction that is still open.
    expect(lanes.unfed()).toEqual([]);
    await lanes.end(0);
    lanes.mark(at, 9n);
    expect(lanes.unfed()).toEqual([]);
  });
});

describe('offsets that are committed soon', () => {
  test('count as handled at once and are committed before the assignment ends', async () => {
    const { lanes, assign, committed } = lanesOf(async (given, control) => {
      control.commitSoon((given.records.at(-1)?.offset ?? -1n) + 1n);
    });
    assign(0, 1);
    lanes.push(batch(0, 0, 1), 1);
    lanes.push(batch(1, 0), 1);
    await turn();
    expect(committed).toEqual([]);
    expect(lanes.progress().map(({ nextOffset }) => nextOffset)).toEqual([2n, 1n]);
    await lanes.end(1_000);
    expect(committed.toSorted()).toEqual(['0@2', '1@1']);
  });

  test('are not committed after another assignment has begun', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const { lanes, assign, committed } = lanesOf(async (_given, control) => control.commitSoon(1n));
      assign(0);
      lanes.push(batch(0, 0), 1);
      await turn();
      assign(0);
      await lanes.end(1_000);
      await vi.advanceTimersByTimeAsync(10_000);
      expect(committed).toEqual([]);
    } finally {
      vi.useRealTimers();
    }
  });

  test('are not committed after a later one of their partition', async () => {
    const { lanes, assign, committed } = lanesOf(async (given, control) =>
      given.records[0]?.offset === 0n ? control.commitSoon(1n) : control.commit(2n),
    );
    assign(0);
    lanes.push(batch(0, 0), 1);
    await turn();
    lanes.push(batch(0, 1), 1);
    await turn();
    await lanes.end(1_000);
    expect(committed).toEqual(['0@2']);
  });
});
