import { describe, expect, test } from 'vitest';
import { checkEveryMs, createMembershipWatch } from './membership-watch.js';

/** A watch, its hand clock, and how to let time pass as it does for a process that runs. */
const rig = (replacements = 0) => {
  let nowMs = 1_000_000;
  const watch = createMembershipWatch(replacements, () => nowMs);
  let unfed: string[] = [];
  /** Checks go on meanwhile; resolves to the first verdict. `each` runs before every check. */
  const pass = (ms: number, each: () => void = () => {}): string | undefined => {
    for (let left = ms; left > 0; left -= checkEveryMs) {
      nowMs += checkEveryMs;
      each();
      const verdict = watch.check(unfed);
      if (verdict !== undefined) return verdict;
    }
    return undefined;
  };
  return {
    watch,
    pass,
    setUnfed: (names: string[]) => {
      unfed = names;
    },
    /** The process is stopped: nothing of it runs. */
    stopProcess: (ms: number) => {
      nowMs += ms;
    },
  };
};

describe('a member is replaced', () => {
  test('when it is not taken in, but not while the group waits for slow members', () => {
    const { watch, pass } = rig();
    expect(pass(20_000)).toBeUndefined();
    expect(pass(10_000)).toContain('no assignment');
    const late = rig();
    expect(late.pass(20_000)).toBeUndefined();
    late.watch.join();
    expect(late.pass(14_000)).toBeUndefined();
    late.watch.leave();
    expect(late.pass(26_000)).toContain('no assignment');
    expect(watch.check([])).toContain('no assignment');
  });

  test('when the broker is silent', () => {
    const { watch, pass } = rig();
    watch.join();
    expect(pass(60_000, watch.answer)).toBeUndefined();
    expect(pass(16_000)).toContain('no word from the broker');
  });

  test('when it fetches on for an assignment that has ended, within seconds', () => {
    const { watch, pass } = rig();
    watch.join();
    watch.assign();
    expect(
      pass(2_000, () => {
        watch.answer();
        watch.refuse();
      }),
    ).toContain('has ended');
  });

  test('not for a fetch that was under way when the assignment ended, however long the next is in coming', () => {
    const { watch, pass } = rig();
    watch.join();
    watch.assign();
    watch.refuse();
    expect(pass(10_000, watch.answer)).toBeUndefined();
    watch.refuse();
    expect(pass(10_000, watch.answer)).toBeUndefined();
  });

  test('when records are there and not fetched, but not for those that come in turn', () => {
    const { watch, pass, setUnfed } = rig();
    watch.join();
    watch.assign();
    let offset = 0;
    expect(
      pass(60_000, () => {
        watch.answer();
        offset += 1;
        setUnfed([`t/0@${offset}`]);
      }),
    ).toBeUndefined();
    setUnfed(['t/0@7']);
    expect(pass(12_000, watch.answer)).toContain('t/0@7');
  });

  test('not because this process was stopped: it gets as long as ever afterwards', () => {
    const { watch, pass, setUnfed, stopProcess } = rig();
    watch.join();
    watch.assign();
    setUnfed(['t/0@7']);
    for (let round = 0; round < 3; round += 1) {
      expect(pass(2_000)).toBeUndefined();
      stopProcess(120_000);
    }
    expect(pass(1_000)).toBeUndefined();
    expect(pass(5_000, watch.answer)).toContain('t/0@7');
  });

  test('later, where the members before it brought nothing', () => {
    const { watch, pass } = rig(9);
    watch.join();
    expect(pass(59_000)).toBeUndefined();
    expect(pass(2_000)).toContain('no word from the broker');
  });
});
