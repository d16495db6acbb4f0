import { describe, expect, test } from 'vitest';
import { price, totalMinorMax } from './pricing.js';
import type { ProductCopy } from './product-replica.js';

const product = (priceMinor: number): ProductCopy => ({
  productId: 'any',
  name: 'Lantern',
  category: 'home',
  priceMinor,
  currency: 'EUR',
  active: true,
});
const order = (lines: number, quantity: number, priceMinor: number) => {
  const items = Array.from({ length: lines }, (_, index) => ({ productId: `product-${index}`, quantity }));
  const products = new Map(items.map(({ productId }) => [productId, { ...product(priceMinor), productId }]));
  return price(items, products, items);
};

describe('the price of an order', () => {
  test('that no number holds exactly is refused, not asserted', () => {
    expect(order(100, 1000, 100_000_000_000)).toEqual({ refused: 'order_too_large', currency: 'EUR' });
  });

  test('is taken up to the bound', () => {
    expect(order(10, 1000, totalMinorMax / 10_000)).toMatchObject({ lines: { length: 10 } });
    expect(order(11, 1000, totalMinorMax / 10_000)).toMatchObject({ refused: 'order_too_large' });
  });
});
