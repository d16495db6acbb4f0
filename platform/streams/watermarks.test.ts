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
