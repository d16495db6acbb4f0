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
