import { expect, test } from 'vitest';
import { rowDifferences } from './row-differences.js';

test('a row that was written twice is one too many, and one of two equal rows may be missing', () => {
  expect(rowDifferences(['a', 'a', 'c'], ['a', 'b', 'c', 'c'])).toEqual({
    missing: ['b', 'c'],
    tooMany: ['a'],
  });
});
