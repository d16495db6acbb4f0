import { expect, it } from 'vitest';
import { createBoundedMap } from '#platform/bounded-map';

it('drops the oldest entries beyond its bound', () => {
  const map = createBoundedMap<string>(3);
  for (const key of ['a', 'b', 'c']) map.set(key, key);
  map.set('a', 'A');
  map.set('d', 'd');
  expect([...map.keys()]).toEqual(['c', 'a', 'd']);
  expect([map.get('a'), map.get('b')]).toEqual(['A', undefined]);
});

it('counts entries by their sizes, also when one is replaced or deleted', () => {
  const map = createBoundedMap<number>(10);
  map.set('a', 1, 6);
  map.set('a', 2, 4);
  map.set('b', 3, 6);
  expect([...map.keys()]).toEqual(['a', 'b']);
  map.delete('a');
  map.set('c', 4, 4);
  expect([...map.keys()]).toEqual(['b', 'c']);
  map.set('too large', 5, 11);
  expect([...map.keys()]).toEqual([]);
  map.set('d', 6, 10);
  map.clear();
  map.set('e', 7, 10);
  expect([...map.keys()]).toEqual(['e']);
});

it('takes no longer for a key that is set again and again, nor to find the oldest when it is full', () => {
  const map = createBoundedMap<number>(40_000);
  for (let n = 0; n < 40_000; n += 1) map.set(`${n}`, n);
  // A few tenths of a second; a minute where what was removed has to be passed each time.
  for (let n = 0; n < 100_000; n += 1) map.set('often', n);
  for (let n = 0; n < 100_000; n += 1) map.set(`new ${n}`, n);
  expect([map.keys().length, map.get('often'), map.get('new 99999')]).toEqual([40_000, undefined, 99_999]);
});
