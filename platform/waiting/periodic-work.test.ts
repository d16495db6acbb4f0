import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createPeriodicWork } from '#platform/waiting/periodic-work';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const rounds = () => {
  const begun: PromiseWithResolvers<void>[] = [];
  const failures: unknown[] = [];
  const worker = createPeriodicWork({
    name: 'work',
    everyMs: 1_000,
    work: () => {
      const round = Promise.withResolvers<void>();
      begun.push(round);
      return round.promise;
    },
    onFailure: (error) => failures.push(error),
  });
  return { worker, begun, failures };
};

it('begins no round while one is under way, and goes on after a failure', async () => {
  const { worker, begun, failures } = rounds();
  await worker.start?.();
  await vi.advanceTimersByTimeAsync(999);
  expect(begun).toHaveLength(0);
  await vi.advanceTimersByTimeAsync(3_001);
  expect(begun).toHaveLength(1);
  begun[0]?.reject(new Error('no'));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(failures).toEqual([new Error('no')]);
  expect(begun).toHaveLength(2);
  begun[1]?.resolve();
  await worker.stop?.();
});

it('stops when the round under way has ended, and begins no other', async () => {
  const { worker, begun } = rounds();
  await worker.start?.();
  await vi.advanceTimersByTimeAsync(1_000);
  let hasStopped = false;
  const stopping = Promise.resolve(worker.stop?.()).then(() => {
    hasStopped = true;
  });
  await vi.advanceTimersByTimeAsync(5_000);
  expect([hasStopped, begun.length]).toEqual([false, 1]);
  begun[0]?.resolve();
  await stopping;
  await vi.advanceTimersByTimeAsync(5_000);
  expect(begun).toHaveLength(1);
});
