import fc from 'fast-check';
import { expect, it } from 'vitest';
import { keepEarliest, type Timed } from '#platform/streams/earliest';

const one = (atMs: number, value: string) => ({ atMs, value });
const inOrder = [one(1, 'd'), one(2, 'a'), one(2, 'b'), one(2, 'c'), one(3, 'a'), one(3, 'b')];

it('keeps the same ones in the same order, in whichever they come, also of those with one time', () => {
  fc.assert(
    fc.property(
      fc.shuffledSubarray(inOrder, { minLength: inOrder.length }),
      fc.integer({ min: 1, max: inOrder.length }),
      (arriving, max) => {
        const kept: Timed[] = [];
        const dropped = arriving.flatMap((each) => keepEarliest(kept, each, max) ?? []);
        expect(kept).toEqual(inOrder.slice(0, max));
        expect(dropped).toHaveLength(inOrder.length - max);
        expect(dropped).toEqual(expect.arrayContaining(inOrder.slice(max)));
      },
    ),
  );
});
