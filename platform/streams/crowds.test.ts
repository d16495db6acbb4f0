import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createCrowds } from '#platform/streams/crowds';

type Window = { nth: number; events: number; toMs: number; isGone: boolean };
const windowOf = (nth: number): Window => ({ nth, events: 1, toMs: nth, isGone: false });
const enough = Number.POSITIVE_INFINITY;

it('takes the largest crowd, and of it the window that has waited for longest', () => {
  const crowds = createCrowds<Window>();
  const windows = [0, 1, 2, 3, 4, 5, 6].map((nth) => windowOf(nth));
  for (const window of windows) crowds.add(window);
  const [first, second, third, fourth, fifth] = windows as [Window, Window, Window, Window, Window];
  crowds.grow(second, 1);
  crowds.grow(first, 1);
  crowds.grow(third, 6);
  const take = (sizeMax: number) => {
    const window = crowds.next(sizeMax, enough);
    if (window === undefined) return undefined;
    window.isGone = true;
    crowds.leave(window);
    return window.nth;
  };
  expect([take(4), take(3), take(3)]).toEqual([undefined, 3, undefined]);
  crowds.grow(fifth, 1);
  expect(fourth.isGone).toBe(true);
  expect([take(0), take(0), take(0), take(0), take(0), take(0)]).toEqual([1, 5, 0, 6, 4, undefined]);
});

it('takes those that end first where no crowd is large, but all together are', () => {
  const crowds = createCrowds<Window>();
  for (const nth of [0, 1, 2, 3, 4, 5]) {
    const window = windowOf(nth);
    crowds.add(window);
    // At most two have equally many; the fifth has enough.
    crowds.grow(window, nth === 4 ? 5 : nth % 3);
  }
  const take = (fewMax: number) => {
    const window = crowds.next(2, fewMax);
    if (window === undefined) return undefined;
    window.isGone = true;
    crowds.leave(window);
    return window.nth;
  };
  expect([take(5), take(4), take(4), take(0), take(0), take(0), take(0), take(0)]).toEqual([
    ...[undefined, 0, undefined, 1, 2, 3, 5, undefined],
  ]);
});

it('takes out each that has few events once, whatever happens in between', () => {
  const steps = fc.array(fc.constantFrom('begin', 'grow', 'go', 'next'), { maxLength: 8_000, size: 'max' });
  fc.assert(
    fc.property(steps, (taken) => {
      const crowds = createCrowds<Window>();
      const all: Window[] = [];
      const letGo = (window: Window): void => {
        window.isGone = true;
        crowds.leave(window);
      };
      for (const [nth, step] of taken.entries()) {
        const any = all[(nth * 7) % (all.length || 1)];
        if (step === 'begin') {
          all.push(windowOf(nth));
          crowds.add(all.at(-1) as Window);
        } else if (step === 'grow' && any?.isGone === false) crowds.grow(any, 1);
        else if (step === 'go' && any?.isGone === false) letGo(any);
        else if (step === 'next') {
          const sizes = [0, 0, 0, 0, 0, 0];
          for (const { isGone, events } of all)
            if (!isGone && events < 6) sizes[events] = (sizes[events] as number) + 1;
          const size = Math.max(...sizes);
          const few = sizes.reduce((sum, each) => sum + each, 0);
          const [sizeMax, fewMax] = [nth % 5, nth % 7];
          const next = crowds.next(sizeMax, fewMax);
          if (size > sizeMax) expect(next && sizes[next.events]).toBe(size);
          else expect(next?.isGone).toBe(few > fewMax ? false : undefined);
          if (next !== undefined) letGo(next);
        }
      }
    }),
    { numRuns: 20 },
  );
});
