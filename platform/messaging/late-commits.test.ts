import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createLateCommits } from '#platform/messaging/late-commits';

const at = (partition: number) => ({ topic: 't', partition });

describe('late commits', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const commitsWith = (refuse: (text: string) => boolean = () => false) => {
    const committed: string[] = [];
    const failures: string[] = [];
    const commits = createLateCommits({
      delayMs: 500,
      commit: async ({ partition }, nextOffset) => {
        const text = `${partition}@${nextOffset}`;
        if (refuse(text)) throw new Error(text);
        committed.push(text);
      },
      onFailure: ({ partition }) => failures.push(String(partition)),
    });
    return { commits, committed, failures };
  };

  test('commit the last offset of each partition once, after the delay', async () => {
    const { commits, committed } = commitsWith();
    commits.note(at(0), 1n);
    commits.note(at(1), 5n);
    commits.note(at(0), 2n);
    await vi.advanceTimersByTimeAsync(499);
    expect(committed).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(committed).toEqual(['0@2', '1@5']);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(committed).toEqual(['0@2', '1@5']);
  });

  test('are tried again after a failure, unless a later offset was noted meanwhile', async () => {
    let isAway = true;
    const { commits, committed, failures } = commitsWith(() => isAway);
    commits.note(at(0), 1n);
    commits.note(at(1), 1n);
    await vi.advanceTimersByTimeAsync(500);
    expect([committed, failures]).toEqual([[], ['0', '1']]);
    isAway = false;
    commits.note(at(1), 7n);
    await vi.advanceTimersByTimeAsync(500);
    expect(committed.toSorted()).toEqual(['0@1', '1@7']);
  });

  test('never take a partition back behind an offset that was committed by another way', async () => {
    const { commits, committed, failures } = commitsWith(() => {
      commits.forget(at(0), 9n);
      return true;
    });
    commits.note(at(0), 1n);
    await vi.advanceTimersByTimeAsync(5_000);
    expect([committed, failures]).toEqual([[], ['0']]);
  });

  test('are tried again until one succeeds, also where the offset could not be committed by another way before', async () => {
    let refusals = 3;
    const { commits, committed } = commitsWith(() => refusals-- > 0);
    commits.forget(at(0), 5n);
    commits.note(at(0), 5n);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(committed).toEqual(['0@5']);
  });

  test('are made at once by a flush, and not at all after they were dropped or forgotten', async () => {
    const { commits, committed } = commitsWith();
    commits.note(at(0), 1n);
    commits.note(at(1), 1n);
    commits.forget(at(1), 1n);
    await commits.flush();
    expect(committed).toEqual(['0@1']);
    commits.note(at(0), 2n);
    commits.drop();
    commits.note(at(0), 3n);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(committed).toEqual(['0@1']);
  });
});
