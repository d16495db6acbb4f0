import { expect, it } from 'vitest';
import { restockOf } from './restock.ts';

it('the same pieces asked for again are the same restock, others are another one', () => {
  const first = restockOf(5, undefined);
  expect(restockOf(5, first)).toEqual(first);
  const other = restockOf(50, first);
  expect(other).toEqual({ quantity: 50, key: expect.stringMatching(/^[\da-f-]{36}$/) });
  expect(other.key).not.toBe(first.key);
});

it('once it was answered, the same pieces are another restock', () => {
  expect(restockOf(5, undefined).key).not.toBe(restockOf(5, undefined).key);
});
