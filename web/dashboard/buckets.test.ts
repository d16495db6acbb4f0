import { expect, it } from 'vitest';
import { filled, ratios } from './buckets.ts';

const hour = (nth: number): number => Date.parse('2026-11-30T00:00:00.000Z') + nth * 3_600_000;
const starts = [hour(0), hour(1), hour(2), hour(3)];
const rows = [
  { from: new Date(hour(0)).toISOString(), orders: 2, gross: 900 },
  // Only a refund.
  { from: new Date(hour(2)).toISOString(), orders: 0, gross: 0 },
];
const of = (amountIn: (row: (typeof rows)[number]) => number) => filled(starts, rows, amountIn, hour(3));

it('a sum is 0 where nothing happened, and unknown where that is not known yet', () => {
  expect(of(({ gross }) => gross)).toEqual([900, 0, 0, null]);
});

it('an average is unknown where there was no order, not 0', () => {
  expect(
    ratios(
      of(({ gross }) => gross),
      of(({ orders }) => orders),
    ),
  ).toEqual([450, null, null, null]);
});
