import { expect, test } from 'vitest';
import type { ConsumerProgress, PartitionProgress } from '#platform/messaging/broker';
import { createProgressWatch } from '#platform/messaging/progress-watch';
import { handClock } from '#platform/testing/hand-clock';
import { testHost } from '#platform/testing/test-host';

const setUp = () => {
  const clock = handClock(Date.UTC(2026, 5, 1));
  const host = testHost('watched', { clock, logLevel: 'fatal' });
  const at: PartitionProgress = {
    topic: 'things',
    partition: 3,
    nextOffset: 17n,
    highWatermark: 17n,
    endAgeMs: 0,
    stalledForMs: 0,
    failures: 0,
    cause: undefined,
  };
  const progress: ConsumerProgress = {
    partitions: [at],
    unassignedForMs: 0,
    restarts: 0,
    trouble: undefined,
    lost: [],
  };
  const watch = createProgressWatch(
    host,
    'test.group',
    () => progress,
    () => 19n,
  );
  const pass = (seconds: number, withEach: () => void = () => {}) => {
    for (let second = 0; second < seconds; second += 1) {
      clock.advanceMs(1_000);
      withEach();
      watch.look();
    }
  };
  watch.look();
  return { clock, host, at, progress, watch, pass };
};

test('a partition with nothing left, or one that moves, is well for ever', () => {
  const { at, watch, pass } = setUp();
  pass(60);
  expect(watch.health()).toEqual({ status: 'up' });
  pass(60, () => {
    at.nextOffset += 1n;
    at.highWatermark = at.nextOffset + 100n;
  });
  expect(watch.health()).toEqual({ status: 'up' });
});

test('one held by a record is named within eleven seconds, with its place and cause; moving on, it is well', async () => {
  const { at, host, watch, pass } = setUp();
  Object.assign(at, { highWatermark: 25n, failures: 4, cause: 'not yet known' });
  pass(9);
  expect(watch.health()).toEqual({ status: 'up' });
  pass(2);
  expect(watch.health()).toEqual({
    status: 'degraded',
    detail: expect.stringMatching(
      /^test.group makes no progress on things\/3 at 19 \(1. s, 4 tries\): not yet known$/,
    ),
  });
  expect(watch.report().partitions).toEqual([
    {
      topic: 'things',
      partition: 3,
      nextOffset: '17',
      lag: 8,
      heldForMs: 11_000,
      heldSince: '2026-06-01T00:00:00.000Z',
      heldOffset: '19',
      failures: 4,
      reason: 'not yet known',
    },
  ]);
  expect(await host.metrics.render()).toContain(
    'stream_held_seconds{group="test.group",topic="things",partition="3"} 11',
  );
  Object.assign(at, { nextOffset: 20n, failures: 0, cause: undefined });
  pass(1);
  expect(watch.health()).toEqual({ status: 'up' });
  expect(watch.report().partitions[0]).toMatchObject({
    lag: 5,
    heldForMs: 0,
    heldSince: null,
    heldOffset: null,
  });
});

test('a machine that slept for an hour is not unwell for it, and is so when it does not move afterwards', () => {
  const { at, clock, watch, pass } = setUp();
  at.highWatermark = 20n;
  pass(2);
  clock.advanceMs(3_600_000);
  watch.look();
  expect(watch.health()).toEqual({ status: 'up' });
  pass(10);
  expect(watch.health().status).toBe('degraded');
});

test('a member without partitions is named with its trouble after fifteen seconds', () => {
  const { progress, watch, pass } = setUp();
  Object.assign(progress, { partitions: [], unassignedForMs: 1, trouble: 'no broker answers' });
  pass(14);
  expect(watch.health()).toEqual({ status: 'up' });
  pass(1);
  expect(watch.health()).toEqual({
    status: 'degraded',
    detail: 'test.group has no partitions: no broker answers',
  });
});

test('records that Kafka deleted before they were read are told for a day, unless something is held meanwhile', () => {
  const { at, progress, watch, pass, clock } = setUp();
  progress.lost = [
    { topic: 'things', partition: 3, records: 40n },
    { topic: 'others', partition: 0, records: 2n },
  ];
  pass(1);
  const told = {
    status: 'degraded',
    detail:
      'test.group has lost records that Kafka deleted before they were read: 40 of things/3, 2 of others/0 (see docs/run-book.md)',
  };
  expect(watch.health()).toEqual(told);
  clock.advanceMs(23 * 3_600_000);
  pass(1);
  expect(watch.health()).toEqual(told);
  clock.advanceMs(3_600_000);
  pass(1);
  expect(watch.health()).toEqual({ status: 'up' });
  progress.lost = [{ topic: 'things', partition: 3, records: 41n }];
  at.highWatermark = 20n;
  pass(11);
  expect(watch.health().detail).toContain('makes no progress on things/3');
});
