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
