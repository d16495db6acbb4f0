import { expect, it } from 'vitest';
import { createWatermarks } from './watermarks.js';

const bounds = { outOfOrderMsMax: 10_000, idleAfterMs: 2_000 };
const at = (partition: number) => ({ topic: 'orders', partition });

it('is the lowest of the partitions, by how much events may be out of order', () => {
  const watermarks = createWatermarks(bounds);
  expect(watermarks.current()).toBe(Number.NEGATIVE_INFINITY);
  const [first, second] = [watermarks.expect(at(0)), watermarks.expect(at(1))];
  first(50_000);
  expect(watermarks.current()).toBe(Number.NEGATIVE_INFINITY);
  second(40_000);
  first(45_000);
  expect(watermarks.current()).toBe(30_000);
  expect(watermarks.without(at(1))).toBe(40_000);
  expect(watermarks.newest(at(0))).toBe(50_000);
});

it('never steps back, not for a partition that is new or a clock that is set back', () => {
  const watermarks = createWatermarks(bounds);
  watermarks.expect(at(0))(50_000);
  expect(watermarks.current()).toBe(40_000);
  watermarks.expect(at(1))(20_000);
  expect(watermarks.current()).toBe(40_000);
  watermarks.raise(30_000);
  expect(watermarks.current()).toBe(40_000);
  watermarks.raise(60_000);
  expect(watermarks.current()).toBe(60_000);
});

it('follows the clock of an idle partition, behind what may still be on its way to it', () => {
  const watermarks = createWatermarks(bounds);
  watermarks.expect(at(0))(1_000_000);
  const hear = watermarks.expect(at(1));
  const look = (isDrained: boolean, monotonicMs: number) =>
    watermarks.look(at(1), isDrained, { wallMs: 500_000 + monotonicMs, monotonicMs });
  look(true, 0);
  look(true, bounds.idleAfterMs - 1);
  expect(watermarks.current()).toBe(Number.NEGATIVE_INFINITY);
  look(true, bounds.idleAfterMs);
  expect(watermarks.current()).toBe(500_000 - bounds.outOfOrderMsMax);
  // An event of now, from a source that takes a moment, is in time.
  hear(500_000);
  look(true, bounds.idleAfterMs + 100);
  expect(watermarks.current()).toBe(500_000 - bounds.outOfOrderMsMax);
  look(true, bounds.idleAfterMs * 2 + 200);
  expect(watermarks.current()).toBe(502_200 - bounds.outOfOrderMsMax);
  look(false, bounds.idleAfterMs * 2 + 300);
  look(true, bounds.idleAfterMs * 3 + 200);
  expect(watermarks.current()).toBe(502_200 - bounds.outOfOrderMsMax);
});

it.each([
  ['since it was read', 1_000_000],
  ['since before a restart, which went on from behind them', 10_000],
])('follows the clock of a partition that has had old events only %s', (_when, newestMs) => {
  const watermarks = createWatermarks(bounds);
  const wallMs = 1_000_000;
  watermarks.restore(wallMs - bounds.outOfOrderMsMax);
  watermarks.expect(at(0))(10_000_000);
  const hear = watermarks.expect(at(1));
  hear(newestMs);
  for (let monotonicMs = 0; monotonicMs <= 60_000; monotonicMs += 500) {
    hear(wallMs - 900_000 + monotonicMs);
    watermarks.look(at(1), true, { wallMs: wallMs + monotonicMs, monotonicMs });
  }
  expect(watermarks.current()).toBe(wallMs + 60_000 - bounds.idleAfterMs - bounds.outOfOrderMsMax);
  // One that is in time, and from a source that takes a moment, is waited for again.
  hear(wallMs + 58_000);
  watermarks.look(at(1), true, { wallMs: wallMs + 61_000, monotonicMs: 61_000 });
  expect(watermarks.current()).toBe(wallMs + 60_000 - bounds.idleAfterMs - bounds.outOfOrderMsMax);
});

it('goes on with the partitions that have events, when the clock of an idle one was set back', () => {
  const watermarks = createWatermarks(bounds);
  const startMs = 10_000_000;
  const [busy, hourMs] = [watermarks.expect(at(0)), 3_600_000];
  watermarks.expect(at(1))(startMs);
  const look = (wallMs: number, monotonicMs: number) => watermarks.look(at(1), true, { wallMs, monotonicMs });
  look(startMs, 0);
  look(startMs + 60_000, 60_000);
  look(startMs + 61_000 - hourMs, 61_000);
  busy(startMs + 600_000);
  // The event that comes next to the idle partition may be as much older as it takes until it is there.
  expect(watermarks.current()).toBe(startMs + 600_000 - bounds.outOfOrderMsMax - bounds.idleAfterMs);
  expect(watermarks.without(at(0))).toBe(Number.POSITIVE_INFINITY);
  look(startMs + 660_000 + hourMs, 660_000 + 2 * hourMs);
  expect(watermarks.without(at(0))).toBeGreaterThan(startMs + hourMs);
  expect(watermarks.without(at(0))).toBeLessThan(startMs + 2 * hourMs);
});

it('is held by the clock of an idle partition where the events of another one are ahead of it', () => {
  const watermarks = createWatermarks(bounds);
  watermarks.expect(at(0))(9_000_000);
  watermarks.expect(at(1));
  watermarks.look(at(1), true, { wallMs: 1_000_000, monotonicMs: 0 });
  watermarks.look(at(1), true, { wallMs: 1_010_000, monotonicMs: 10_000 });
  expect(watermarks.current()).toBe(1_010_000 - bounds.idleAfterMs - bounds.outOfOrderMsMax);
});
