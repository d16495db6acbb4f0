import { describe, expect, test } from 'vitest';
import { totalMinorMax } from '#schemas/order-bounds';
import { price } from './pricing.js';
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

  test("is the catalogue's of now, for each line", () => {
    expect(order(1, 3, 1_250)).toEqual({
      lines: [
        { productId: 'product-0', name: 'Lantern', category: 'home', quantity: 3, unitPriceMinor: 1_250 },
      ],
      currency: 'EUR',
    });
  });

  test('names every line that cannot be had, by its position in what was asked', () => {
    const products = new Map([
      ['here', { ...product(100), productId: 'here' }],
      ['gone', { ...product(100), productId: 'gone', active: false }],
    ]);
    const items = ['here', 'gone', 'never'].map((productId) => ({ productId, quantity: 1 }));
    expect(price(items, products, items)).toEqual({
      refused: 'product_not_available',
      lines: [
        { index: 1, why: 'inactive' },
        { index: 2, why: 'unknown' },
      ],
    });
  });

  test('is in one currency', () => {
    const products = new Map([
      ['a', { ...product(100), productId: 'a' }],
      ['b', { ...product(100), productId: 'b', currency: 'USD' }],
    ]);
    const items = ['a', 'b'].map((productId) => ({ productId, quantity: 1 }));
    expect(price(items, products, items)).toEqual({
      refused: 'currencies_mixed',
      currencies: ['EUR', 'USD'],
    });
  });
});
