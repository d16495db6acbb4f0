import { expect, it } from 'vitest';
import { handClock } from '#platform/testing/hand-clock';
import { createTimeBudget } from '#platform/waiting/time-budget';

const setUp = () => {
  const clock = handClock();
  const waits: number[] = [];
  const wait = async (ms: number): Promise<void> => {
    waits.push(ms);
    clock.advanceMs(ms);
  };
  const budget = createTimeBudget({ share: 0.25, burstMs: 1_000 }, { monotonicMs: clock.monotonicMs, wait });
  const work = (ms: number) =>
    budget.run(async () => {
      clock.advanceMs(ms);
    });
  return { clock, budget, waits, work };
};

it('lets a burst run at once, and what follows wait until its share of the time has grown', async () => {
  const { clock, work, waits } = setUp();
  await work(1_600);
  expect(waits).toEqual([]);
  const beganAtMs = clock.nowMs();
  await work(100);
  // A debt of 600, which is paid by a quarter of the time.
  expect(waits).toEqual([2_400]);
  for (let nth = 0; nth < 100; nth += 1) await work(100);
  const share = (600 + 100 * 100) / (clock.nowMs() - beganAtMs);
  expect(share).toBeGreaterThan(0.24);
  expect(share).toBeLessThan(0.26);
});

it('is as full again after a rest, and no fuller', async () => {
  const { clock, work, waits } = setUp();
  await work(2_000);
  clock.advanceMs(3_600_000);
  await work(1_000);
  await work(100);
  expect(waits).toEqual([]);
  await work(1);
  expect(waits).toEqual([400 - 100]);
});

it('counts the time of work that fails, and fails as it does', async () => {
  const { clock, budget, waits, work } = setUp();
  const failing = budget.run(async () => {
    clock.advanceMs(2_000);
    throw new Error('refused');
  });
  await expect(failing).rejects.toThrow('refused');
  await work(1);
  expect(waits).toEqual([4_000]);
});
