import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createRingBuffer } from './ring-buffer.ts';

it('has the newest places, with gaps where nothing was set', () => {
  const buffer = createRingBuffer(4);
  expect(buffer.read([])).toEqual([null, null, null, null]);
  buffer.set(10, 1);
  buffer.set(12, 3);
  expect(buffer.read([])).toEqual([null, 1, null, 3]);
  buffer.set(12, 4);
  buffer.set(11, 2);
  buffer.set(7, 9);
  expect(buffer.read([])).toEqual([null, 1, 2, 4]);
  buffer.advance(13);
  buffer.advance(5);
  expect(buffer.read([])).toEqual([1, 2, 4, null]);
  buffer.set(100, 5);
  expect(buffer.read([])).toEqual([null, null, null, 5]);
});

it('has what a map of everything would have at its end', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: -50, max: 200 }), fc.nat(9))),
      fc.integer({ min: 1, max: 20 }),
      (writes, size) => {
        const buffer = createRingBuffer(size);
        const all = new Map<number, number>();
        let newest = Number.NEGATIVE_INFINITY;
        for (const [place, value] of writes) {
          buffer.set(place, value);
          // A place that had fallen out before it was written stays out.
          if (place > newest - size) all.set(place, value);
          newest = Math.max(newest, place);
        }
        const wanted = Array.from({ length: size }, (_, at) => all.get(newest - (size - 1 - at)) ?? null);
        expect(buffer.read([])).toEqual(writes.length === 0 ? wanted.map(() => null) : wanted);
      },
    ),
    { numRuns: 200 },
  );
});
