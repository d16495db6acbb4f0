import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createAssignment } from './assignment.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** An assignment whose commits fail as often as the test says. */
const setUp = () => {
  const at = { failures: 0, isStale: false };
  const tried: bigint[] = [];
  const assignment = createAssignment({ topic: 'sales', partition: 0 });
  assignment.use({
    isStale: () => at.isStale,
    heartbeat: async () => {},
    commitSoon: () => {},
    commit: async (nextOffset) => {
      tried.push(nextOffset);
      if (at.failures === 0) return;
      at.failures -= 1;
      throw new Error('not confirmed');
    },
  });
  const fails = (nextOffset: bigint) =>
    expect(assignment.commit(nextOffset)).rejects.toThrow('not confirmed');
  return { assignment, at, tried, fails };
};

const someTime = () => vi.advanceTimersByTimeAsync(60_000);

describe('a commit that has failed', () => {
  it('is tried again until it succeeds, because a quiet partition has no other', async () => {
    const { at, tried, fails } = setUp();
    at.failures = 3;
    await fails(5n);
    await someTime();
    expect(tried).toEqual([5n, 5n, 5n, 5n]);
  });

  it('is not tried again behind a later one', async () => {
    const { assignment, at, tried, fails } = setUp();
    at.failures = 1;
    await fails(5n);
    await assignment.commit(9n);
    await someTime();
    expect(tried).toEqual([5n, 9n]);
  });

  it.each(['has moved', 'has ended'])('is not tried again when the partition %s', async (what) => {
    const { assignment, at, tried, fails } = setUp();
    at.failures = 1;
    await fails(5n);
    if (what === 'has moved') at.isStale = true;
    else assignment.end();
    await someTime();
    expect(tried).toEqual([5n]);
  });
});
