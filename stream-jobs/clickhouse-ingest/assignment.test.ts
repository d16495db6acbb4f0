import { describe, expect, it } from 'vitest';
import { createAssignment } from './assignment.js';

/** An assignment whose commits fail as often as the test says. */
const setUp = () => {
  const at = { failures: 0, isStale: false };
  const putOff: bigint[] = [];
  const assignment = createAssignment({ topic: 'sales', partition: 0 });
  const waiting: (() => void)[] = [];
  assignment.use({
    isStale: () => at.isStale,
    heartbeat: async () => {},
    commitSoon: (nextOffset) => void putOff.push(nextOffset),
    commit: async () => {
      if (at.failures === 0) return;
      at.failures -= 1;
      await new Promise<void>((resolve) => waiting.push(resolve));
      throw new Error('not confirmed');
    },
  });
  /** Begins a commit; it fails when `refuse` is called. */
  const begin = (nextOffset: bigint) => {
    at.failures += 1;
    const refused = expect(assignment.commit(nextOffset)).rejects.toThrow('not confirmed');
    return { refuse: waiting.shift() ?? (() => {}), refused };
  };
  return { assignment, at, putOff, begin };
};

describe('a commit that has failed', () => {
  it('is tried again, because a quiet partition has no other', async () => {
    const { putOff, begin } = setUp();
    const { refuse, refused } = begin(5n);
    refuse();
    await refused;
    expect(putOff).toEqual([5n]);
  });

  it('is not tried again behind a later one', async () => {
    const { assignment, putOff, begin } = setUp();
    const { refuse, refused } = begin(5n);
    await assignment.commit(9n);
    refuse();
    await refused;
    expect(putOff).toEqual([]);
  });

  it.each(['has moved', 'has ended'])('is not tried again when the partition %s', async (what) => {
    const { assignment, at, putOff, begin } = setUp();
    const { refuse, refused } = begin(5n);
    if (what === 'has moved') at.isStale = true;
    else assignment.end();
    refuse();
    await refused;
    expect(putOff).toEqual([]);
  });
});
