import { expect, it } from 'vitest';
import { averageOf, ratingChangeOf } from './review.js';

it.each([
  ['pending', 'approved', { sum: 4, count: 1 }],
  ['approved', 'rejected', { sum: -4, count: -1 }],
  ['approved', 'pending', { sum: -4, count: -1 }],
  ['pending', 'rejected', null],
  ['approved', 'approved', null],
] as const)('a review of 4 stars that was %s and is %s changes its product by %o', (before, after, change) =>
  expect(ratingChangeOf(4, before, after)).toEqual(change),
);

it.each([
  [0, 0, 0],
  [9, 2, 4.5],
  [10, 3, 3.33],
  [14, 3, 4.67],
])('%i stars of %i reviews are %f on average', (sum, count, average) =>
  expect(averageOf({ sum, count })).toBe(average),
);
