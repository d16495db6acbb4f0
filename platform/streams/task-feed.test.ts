import { expect, test } from 'vitest';
import { createTrials } from '#platform/messaging/trials';
import { createTask } from '#platform/streams/task';
import { createTaskFeed } from '#platform/streams/task-feed';
import { topology, type WindowOf } from '#platform/streams/topology';
import { tumbling } from '#platform/streams/window';
import { readingHealth } from '#platform/streams/windowed-jobs';
import { handClock } from '#platform/testing/hand-clock';
import { testHost } from '#platform/testing/test-host';

const at = { topic: 't', partition: 0 };
/** Counts the events of a topic, of which those may be sent again whose id begins with an n. */
const feeding = (clock = handClock()) => {
  const task = createTask(
    topology({
      name: 'counts',
      purpose: '',
      sources: { Counted: () => [{ key: 'all', input: 1 }] },
      keyedBy: 'key',
      window: tumbling(1_000),
      aggregate: { start: () => 0, add: (sum, more: number) => sum + more, merge: (a, b) => a + b },
      emits: 'as it changes',
      outOfOrderMsMax: 0,
      latenessMs: 0,
      windowsMax: 10,
      rows: ({ sum }: WindowOf<number>) => [sum],
      sink: { into: '', write: async () => {} },
    }),
    1,
  );
  const host = testHost('test', { clock });
  const feed = createTaskFeed(host, {
    tasks: [task as never],
    topicsOf: () => [at.topic],
    reader: { prepare: async () => {}, read: async () => ({ type: 'Counted' }) as never },
    wants: () => true,
    timeOf: () => 0,
    trials: createTrials({ park: async () => {} } as never, 'group'),
    checkpoints: { handled: async () => {}, run: async () => {} },
    repeatsOn: () => ({ idsMax: 10, recordsMax: 30, mayRepeat: (id) => id.startsWith('n') }),
    limits: { aheadMsMax: 1_000 },
  });
  return { task, feed, metrics: host.metrics };
};
const recordsOf = (ids: readonly string[], from = 0) =>
  ids.map((id, nth) => ({
    ...{ key: null, value: null, rawHeaders: [], timestampMs: 0 },
    headers: { 'event-id': id },
    offset: BigInt(from + nth),
  }));
const some = (name: string, count: number) => Array.from({ length: count }, (_, nth) => `${name}-${nth}`);
const control = {
  commit: async () => {},
  commitSoon: () => {},
  heartbeat: async () => {},
  isStale: () => false,
};

test('a topic that was made anew while it was read is not left out until the old place: the process ends', async () => {
  const { task, feed } = feeding();
  task.lane(at).moveTo(5n);
  await feed.handle({ ...at, records: [], highWatermark: 5n }, control);
  await expect(feed.handle({ ...at, records: [], highWatermark: 4n }, control)).rejects.toThrow(
    'the next offset 5 of t/0 is not past its end, 4',
  );
});

test('an event that may be sent again is counted once among so many of those, however many others lie between', async () => {
  const { task, feed } = feeding();
  const records = recordsOf(['n', ...some('other', 1_000), ...some('n', 9), 'n']);
  await feed.handle({ ...at, records, highWatermark: 2_000n }, control);
  expect(task.checkpoint().rows.map(({ row }) => row)).toEqual([1_010]);
});

test('what was read before a start is read again once, so that repeats of it are recognised', async () => {
  const { task, feed } = feeding();
  task.lane(at).moveTo(100n);
  expect(await feed.startFrom(at, { low: 0n })).toBe(70n);
  const readAgain = recordsOf([...some('n', 10), ...some('other', 20)], 70);
  await feed.handle({ ...at, records: readAgain, highWatermark: 101n }, control);
  await feed.handle({ ...at, records: recordsOf(['n-3', 'n-new'], 100), highWatermark: 102n }, control);
  expect(task.checkpoint().rows.map(({ row }) => row)).toEqual([1]);
  expect(await feed.startFrom(at, { low: 0n })).toBe(102n);
});

test('what is read again begins where the log begins, and only what was never read counts as lost', async () => {
  const { task, feed } = feeding();
  expect(await feed.startFrom(at, { low: 500n })).toBe(500n);
  task.lane(at).moveTo(100n);
  expect(await feed.startFrom(at, { low: 69n })).toBe(70n);
  expect(await feed.startFrom(at, { low: 90n })).toBe(90n);
  expect(await feed.startFrom(at, { low: 100n })).toBe(100n);
  // The consumer counts the records from here to the beginning of the log.
  expect(await feed.startFrom(at, { low: 140n })).toBe(100n);
});

test('the watermark follows the clock while the broker says that nothing is left, and not when it says nothing', () => {
  const clock = handClock();
  const { task, feed } = feeding(clock);
  const look = (endAgeMs: number) => {
    clock.advanceMs(5_000);
    const known = { nextOffset: 0n, highWatermark: 0n, stalledForMs: 0, failures: 0, cause: undefined };
    feed.look([{ ...at, ...known, endAgeMs }]);
    task.advance();
    return task.watermarkMs;
  };
  look(5_000);
  const followedMs = look(5_000);
  expect(clock.nowMs() - followedMs).toBeLessThan(1_000);
  expect([look(11_000), look(16_000)]).toEqual([followedMs, followedMs]);
  // What was sent meanwhile may come now.
  expect(look(0)).toBe(followedMs);
});

test('what came too late is counted by its job alone', async () => {
  const { task, feed, metrics } = feeding();
  task.lane(at).take(0n, 10_000, []);
  task.advance();
  await feed.handle({ ...at, records: recordsOf(['a', 'b'], 1), highWatermark: 3n }, control);
  expect(await metrics.render()).toMatch(/^stream_late_events_total\{job="counts"\} 2$/m);
});

test('a watermark that is ahead of the clock is reported: the clock was set back', async () => {
  const clock = handClock();
  const { task, feed } = feeding(clock);
  task.lane(at).take(0n, clock.nowMs(), []);
  task.advance();
  expect(feed.aheadOfClockMs()).toBe(0);
  clock.setMs(clock.nowMs() - 3_600_000);
  expect(feed.aheadOfClockMs()).toBe(3_600_000);
});

test('a watermark that only a bound has pushed is no clock that was set back, also after a restart', () => {
  const clock = handClock();
  const first = feeding(clock);
  const fill = ({ task }: typeof first, from: number) => {
    for (let nth = from; nth < from + 11; nth += 1)
      task.lane(at).take(BigInt(nth), clock.nowMs(), [{ key: `${nth}`, input: 1 }]);
    task.advance();
  };
  const aboutOf = ({ feed }: typeof first) => [
    feed.aheadOfClockMs(),
    feed.pushed(),
    readingHealth({ status: 'up' }, feed).status,
  ];
  expect(aboutOf(first)).toEqual([0, [], 'up']);
  fill(first, 0);
  expect(first.task.watermarkMs).toBeGreaterThan(clock.nowMs());
  expect(aboutOf(first)).toEqual([0, ['counts'], 'up']);
  expect(readingHealth({ status: 'up' }, first.feed).detail).toMatch(/^too many open windows: .* counts$/);

  const second = feeding(clock);
  second.task.restore({ ...first.task.checkpoint(), windows: [] }, [{ ...at, high: 11n }]);
  expect(second.task.watermarkMs).toBe(first.task.watermarkMs);
  expect(aboutOf(second)).toEqual([0, ['counts'], 'up']);

  clock.setMs(clock.nowMs() - 3_600_000);
  expect(aboutOf(second)).toEqual([3_600_000, ['counts'], 'degraded']);
  clock.advanceMs(3_600_000 + 2_000);
  fill(second, 11);
  second.task.lane(at).take(99n, second.task.watermarkMs, []);
  second.task.advance();
  expect(second.feed.pushed()).toEqual([]);
});

test('a bound that pushes before all partitions have events is reported, with no time since 1970', async () => {
  const clock = handClock();
  const { task, feed, metrics } = feeding(clock);
  task.lane({ ...at, partition: 1 });
  for (let nth = 0; nth < 11; nth += 1)
    task.lane(at).take(BigInt(nth), clock.nowMs(), [{ key: `${nth}`, input: 1 }]);
  task.advance();
  expect(task.watermarkMs).toBeGreaterThan(clock.nowMs());
  expect(task.reachedMs).toBe(Number.NEGATIVE_INFINITY);
  feed.look([]);
  expect(feed.pushed()).toEqual(['counts']);
  expect(await metrics.render()).toMatch(/^stream_watermark_pushed_seconds\{job="counts"\} 0$/m);
});
