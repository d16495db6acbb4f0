import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createFewestFirst } from '#platform/streams/fewest-first';

type Window = { nth: number; events: number; isGone: boolean };
const windowOf = (nth: number, events = 1): Window => ({ nth, events, isGone: false });

it('lets those of the fewest events go first, of equal ones that which began first', () => {
  const order = createFewestFirst<Window>(({ events }) => events);
  const windows = [0, 1, 2, 3, 4].map((nth) => windowOf(nth));
  for (const window of windows) order.add(window);
  Object.assign(windows[0] as Window, { events: 3 });
  Object.assign(windows[1] as Window, { isGone: true });
  Object.assign(windows[2] as Window, { events: 6 });
  const left = Array.from({ length: 4 }, () => order.next()?.nth);
  expect(left).toEqual([3, 4, 0, undefined]);
});

it('takes out each that has few events once, whatever happens in between', () => {
  const steps = fc.array(fc.constantFrom('begin', 'grow', 'go', 'next'), { maxLength: 8_000, size: 'max' });
  fc.assert(
    fc.property(steps, (taken) => {
      const order = createFewestFirst<Window>(({ events }) => events);
      const all: Window[] = [];
      for (const [nth, step] of taken.entries()) {
        const any = all[(nth * 7) % (all.length || 1)];
        if (step === 'begin') {
          all.push(windowOf(nth));
          order.add(all.at(-1) as Window);
        } else if (step === 'grow' && any !== undefined) any.events += 1;
        else if (step === 'go' && any !== undefined) any.isGone = true;
        else if (step === 'next') {
          const open = all.filter(({ isGone, events }) => !isGone && events < 6);
          const fewest = Math.min(...open.map(({ events }) => events));
          const next = order.next();
          expect(next?.events).toBe(open.length === 0 ? undefined : fewest);
          if (next !== undefined) next.isGone = true;
        }
      }
    }),
    { numRuns: 20 },
  );
});
