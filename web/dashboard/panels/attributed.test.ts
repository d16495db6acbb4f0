import { expect, it } from 'vitest';
import { totalOf } from './attributed.ts';

const gbp = (amountMinor: number) => [{ amountMinor, currency: 'GBP' }];

it('the total is of every row, and of one currency', () => {
  const rows = [
    { shown: 30, clicked: 3, revenue: [...gbp(1_999), { amountMinor: 500, currency: 'EUR' }] },
    { shown: 10, clicked: 1, revenue: [] },
    { shown: 0, clicked: 0, revenue: gbp(1) },
  ];
  expect(totalOf(rows, 'GBP')).toEqual({ amountMinor: 2_000, shown: 40, clickThroughRate: 0.1 });
  expect(totalOf(rows, undefined).amountMinor).toBe(0);
});

it('nothing that was shown has no rate', () => {
  expect(totalOf([], 'GBP').clickThroughRate).toBeNull();
});
