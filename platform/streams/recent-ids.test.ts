import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createRecentIds } from '#platform/streams/recent-ids';

it('knows an id again for as long as it is among the last ones', () => {
  const ids = createRecentIds(3);
  expect([ids.seen('a'), ids.seen('b'), ids.seen('a'), ids.seen('c')]).toEqual([false, false, true, false]);
  expect(ids.seen('d')).toBe(false);
  expect(ids.seen('a')).toBe(false);
});

it('begins with what it is told, the oldest of which it forgets first', () => {
  const ids = createRecentIds(3, ['a', 'b', 'c']);
  expect(ids.seen('d')).toBe(false);
  expect(ids.seen('b')).toBe(true);
  expect(ids.seen('a')).toBe(false);
});

it('is as a list of the last ones, whatever comes and in which order', () => {
  const sizes = fc.integer({ min: 1, max: 300 });
  fc.assert(
    fc.property(sizes, fc.array(fc.nat(600), { maxLength: 2_000, size: 'max' }), (size, added) => {
      const ids = createRecentIds(size);
      let last: number[] = [];
      for (const id of added) {
        expect(ids.has(`${id}`)).toBe(last.includes(id));
        ids.add(`${id}`);
        if (!last.includes(id)) last = [...last, id].slice(-size);
      }
    }),
    { numRuns: 30 },
  );
});

it('keeps many apart', () => {
  const ids = createRecentIds(20_000);
  let repeats = 0;
  for (let nth = 0; nth < 200_000; nth += 1) if (ids.seen(`id-${nth}`)) repeats += 1;
  expect(repeats).toBe(0);
  expect([ids.has('id-179999'), ids.has('id-180000')]).toEqual([false, true]);
});
