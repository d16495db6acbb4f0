import { describe, expect, test } from 'vitest';
import { completeUpTo, updateSince } from './live.js';

const window = (fromMs: number, version: number, orders = 1) => ({
  fromMs,
  toMs: fromMs + 10_000,
  orders,
  gmv: [{ currency: 'GBP', amountMinor: 500 * orders }],
  refunds: [],
  visitors: 4,
  version,
});
const reading = {
  version: 30,
  windows: { tenSeconds: [window(0, 10), window(10_000, 30), window(20_000, 20)], minute: [] },
};
const startsOf = (since: number | undefined) =>
  updateSince(reading, since, { upToMs: 45_000, nowMs: 50_000 }).tenSeconds.map(({ from }) =>
    Date.parse(from),
  );

describe('a live update', () => {
  test('has the windows that were written after the version that the watcher has', () => {
    expect(startsOf(10)).toEqual([10_000, 20_000]);
    expect(startsOf(20)).toEqual([10_000]);
    expect(startsOf(30)).toEqual([]);
  });

  test('has the newest windows for a new watcher, and for one whose version is of a state that is lost', () => {
    expect(startsOf(undefined)).toEqual([0, 10_000, 20_000]);
    expect(startsOf(31)).toEqual([0, 10_000, 20_000]);
  });

  test('has ten minutes by ten seconds and half an hour by minutes for a new watcher', () => {
    const ninety = Array.from({ length: 90 }, (_, nth) => window(nth * 10_000, 1));
    const windows = { tenSeconds: ninety, minute: ninety };
    const { tenSeconds, minutes } = updateSince({ version: 1, windows }, undefined, { upToMs: 0, nowMs: 0 });
    expect([tenSeconds.length, minutes.length]).toEqual([60, 30]);
  });

  test('says up to when it is complete, and never claims the future', () => {
    expect(updateSince(reading, 30, { upToMs: 45_000, nowMs: 50_000 })).toMatchObject({
      asOf: '1970-01-01T00:00:45.000Z',
      lagMs: 5_000,
    });
    expect(updateSince(reading, 30, { upToMs: 45_000, nowMs: 40_000 })).toMatchObject({
      asOf: '1970-01-01T00:00:40.000Z',
      lagMs: 0,
    });
  });

  test('divides orders by visitors', () => {
    expect(updateSince(reading, 10, { upToMs: 45_000, nowMs: 50_000 }).tenSeconds[0]).toMatchObject({
      orders: 1,
      conversion: 0.25,
    });
  });
});

describe('live figures', () => {
  const sent = [
    { atMs: 40_000, upToMs: 39_000 },
    { atMs: 50_000, upToMs: 12_000 },
    { atMs: 60_000, upToMs: 59_000 },
  ];

  test('are as complete as the outbox said at the last moment that they have come past', () => {
    expect(completeUpTo(61_000, sent)).toBe(59_000);
    expect(completeUpTo(60_000, sent)).toBe(59_000);
    // What it has sent since may not be counted yet.
    expect(completeUpTo(59_999, sent)).toBe(12_000);
    expect(completeUpTo(41_000, sent)).toBe(39_000);
  });

  test('are never more complete than what was counted, and as the oldest answer says before they come past it', () => {
    expect(completeUpTo(39_500, sent)).toBe(39_000);
    expect(completeUpTo(20_000, sent)).toBe(20_000);
  });

  test('are not known to be complete where nothing is counted, or the outbox never said anything', () => {
    expect(completeUpTo(null, sent)).toBeNull();
    expect(completeUpTo(60_000, [])).toBeNull();
  });
});
