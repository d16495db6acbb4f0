import { expect, test } from 'vitest';
import { popularityOf, weightsOf } from '#schemas/popularity';

test('an order counts if it is uncounted, and once, however often it is among those that come together', () => {
  const [lamp, vase] = ['lamp', 'vase'];
  const sale = {
    orderId: 'new',
    lines: [
      { productId: lamp, weight: 1 },
      { productId: vase, weight: 2 },
    ],
  };
  const counted = { orderId: 'counted', lines: [{ productId: lamp, weight: 10 }] };
  const other = { orderId: 'other', lines: [{ productId: lamp, weight: 4 }] };
  const weights = weightsOf([sale, counted, sale, other], ['other', 'new']);
  expect(Object.fromEntries(weights)).toEqual({ lamp: 5, vase: 2 });
});

test('a sale counts twice as much as one of a week before', () => {
  const atMs = Date.UTC(2026, 10, 28);
  const weekMs = 7 * 24 * 60 * 60 * 1000;
  expect(popularityOf(3, atMs + weekMs) / popularityOf(3, atMs)).toBeCloseTo(2);
});
