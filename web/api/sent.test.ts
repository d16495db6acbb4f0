import { expect, it } from 'vitest';
import { sentAs } from './sent.ts';

it('the same act sent again is one act, another one is another', () => {
  const first = sentAs('5 pieces', undefined);
  expect(sentAs('5 pieces', first)).toEqual(first);
  const other = sentAs('50 pieces', first);
  expect(other).toEqual({ what: '50 pieces', key: expect.stringMatching(/^[\da-f-]{36}$/) });
  expect(other.key).not.toBe(first.key);
});

it('once it was answered, the same act is another one', () => {
  expect(sentAs('5 pieces', undefined).key).not.toBe(sentAs('5 pieces', undefined).key);
});
