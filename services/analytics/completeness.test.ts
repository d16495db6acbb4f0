import { expect, it } from 'vitest';
import type { Broker, BrokerAdmin } from '#platform/messaging/broker';
import { handClock } from '#platform/testing/hand-clock';
import { testLogger } from '#platform/testing/logged-errors';
import { behind, createCompletenessGauge } from './completeness.js';

const minuteMs = 60_000;

/** A gauge over a partition whose first record alone is ingested, at these times. */
const gaugeOver = (timesMs: readonly number[], clock: ReturnType<typeof handClock>) => {
  const admin = {
    offsets: async () => [{ partition: 0, low: 0n, high: BigInt(timesMs.length) }],
    offsetsSince: async (_: string, sinceMs: number) => [
      { partition: 0, offset: BigInt(timesMs.filter((ms) => ms < sinceMs).length) },
    ],
    committedOffsets: async () => [{ partition: 0, nextOffset: 1n }],
  } as unknown as BrokerAdmin;
  return createCompletenessGauge({
    broker: { admin: async () => admin } as unknown as Broker,
    clickhouse: { query: async () => [{ partition: 0, offset: '0', newestMs: timesMs[0] }] as never },
    ...{ clock, logger: testLogger('analytics'), topic: 'sales', table: 'sales', group: 'ingest' },
  });
};

it.each([
  { newest: 'row is', rowAgeMs: 0 },
  { newest: 'record that is not ingested is', rowAgeMs: 60 * minuteMs },
])(
  'is no more complete when the clock is set back and the newest $newest from the future',
  async ({ rowAgeMs }) => {
    const clock = handClock();
    const timesMs = [clock.nowMs() - rowAgeMs];
    const gauge = gaugeOver(timesMs, clock);
    expect(await gauge.read()).toMatchObject({ lagMs: 5_000 });
    timesMs.push(clock.nowMs());
    clock.setMs(clock.nowMs() - 10 * minuteMs);
    clock.advanceMs(minuteMs);
    expect(await gauge.read()).toMatchObject({ asOfMs: clock.nowMs() - 65_000, lagMs: 65_000 });
  },
);

it('a partition is behind while the log has records that were not acknowledged', () => {
  expect(
    behind([
      { partition: 0, low: 0n, high: 10n, nextOffset: 10n },
      { partition: 1, low: 0n, high: 10n, nextOffset: 9n },
      { partition: 2, low: 0n, high: 5n, nextOffset: null },
      { partition: 3, low: 0n, high: 0n, nextOffset: null },
      { partition: 4, low: 7n, high: 7n, nextOffset: null },
      { partition: 5, low: 7n, high: 7n, nextOffset: 5n },
    ]),
  ).toEqual([1, 2]);
});
