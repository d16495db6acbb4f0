import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { createOpenWindows, type OpenWindows } from '#platform/streams/open-windows';
import { gap } from '#platform/streams/window';
import { eventually } from '#platform/testing/eventually';

type Sum = { events: number };
const gapMs = 60_000;

/** Open windows, and how many of the sums that they began are still in memory. */
const openWindows = () => {
  const begun: WeakRef<Sum>[] = [];
  const windows: OpenWindows<'go on' | 'settle', Sum & { isSettled: boolean }> = createOpenWindows({
    window: gap(gapMs),
    aggregate: {
      start: () => {
        const sum = { events: 0, isSettled: false };
        begun.push(new WeakRef(sum));
        return sum;
      },
      add: (sum, input) => Object.assign(sum, { events: sum.events + 1, isSettled: input === 'settle' }),
      merge: (into, other) => Object.assign(into, { events: into.events + other.events }),
    },
    latenessMs: 0,
    emits: 'once',
    eventsOf: ({ events }) => events,
    isSettled: ({ isSettled }) => isSettled,
  });
  /** One collection may leave some thousands, because a busy machine begins it with another one half done. */
  const expectInMemory = (sumsMax: number): Promise<void> =>
    eventually(() => {
      setFlagsFromString('--expose_gc');
      (runInNewContext('gc') as () => void)();
      // What a WeakRef has been asked for lives until the turn ends: `eventually` begins another one.
      expect(begun.filter((sum) => sum.deref() !== undefined).length).toBeLessThan(sumsMax);
    });
  return { windows, expectInMemory };
};

describe('what is let go early is not kept until its end', () => {
  test('of windows that are settled', async () => {
    const { windows, expectInMemory } = openWindows();
    windows.add('waits', 'go on', 0, 0);
    for (let nth = 0; nth < 20_000; nth += 1) windows.add(`${nth}`, 'settle', 1_000 + nth, 0);
    expect(windows.size).toBe(1);
    await expectInMemory(2_100);
    expect(windows.nextCloseMs()).toBe(gapMs + 1);
    expect(windows.close(gapMs + 1)).toMatchObject([{ key: 'waits' }]);
  });

  test('of windows that were closed for having few events', async () => {
    const { windows, expectInMemory } = openWindows();
    for (let nth = 0; nth < 20_000; nth += 1) {
      windows.add(`${nth}`, 'go on', nth, 0);
      windows.closeEarly(100);
      windows.changes();
    }
    await expectInMemory(2_500);
    expect(windows.close(20_000 + gapMs).map(({ key }) => Number(key))).toEqual(
      Array.from({ length: 100 }, (_, nth) => 19_900 + nth),
    );
  });

  test('of all windows, when they began anew', async () => {
    const { windows, expectInMemory } = openWindows();
    for (let nth = 0; nth < 20_000; nth += 1) {
      windows.add(`${nth}`, 'go on', nth, 0);
      if (nth % 100 === 99) windows.empty();
      windows.changes();
    }
    await expectInMemory(2_500);
    expect(windows.nextCloseMs()).toBeUndefined();
  });
});
