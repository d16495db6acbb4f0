import { describe, expect, test } from 'vitest';
import { itemsMax, piecesOfProductMax } from '#schemas/order-bounds';
import { type PricedItem, sumUp, take, unite } from './cart.js';

const line = (productId: string, quantity: number) => ({ productId, quantity });

describe('two carts united', () => {
  test('add up the pieces of the same product, and keep the own lines first', () => {
    expect(unite([line('a', 2), line('b', 1)], [line('c', 1), line('a', 3)])).toEqual({
      items: [line('a', 5), line('b', 1), line('c', 1)],
      leftOut: [],
    });
  });

  test('stay within the bounds of a cart, and say what is left out', () => {
    expect(unite([line('a', piecesOfProductMax)], [line('a', 1)])).toEqual({
      items: [line('a', piecesOfProductMax)],
      leftOut: [line('a', 1)],
    });
    const full = Array.from({ length: itemsMax }, (_, nth) => line(`own ${nth}`, 1));
    expect(unite(full, [line('another', 3), line('own 0', 1)])).toEqual({
      items: [line('own 0', 2), ...full.slice(1)],
      leftOut: [line('another', 3)],
    });
  });
});

test('an order takes its pieces out of the cart, and no more than there are', () => {
  const items = [line('a', 3), line('b', 1), line('c', 2)];
  expect(take(items, [line('a', 1), line('b', 5), line('d', 1)])).toEqual({
    left: [line('a', 2), line('c', 2)],
    taken: [line('a', 1), line('b', 1)],
  });
});

describe('a cart summed up', () => {
  const pounds = (amountMinor: number) => ({ amountMinor, currency: 'GBP' });
  const priced = (changes: Partial<PricedItem>): PricedItem => ({
    productId: 'a',
    quantity: 2,
    name: 'Lamp',
    price: pounds(500),
    seen: pounds(500),
    active: true,
    available: 10,
    ...changes,
  });

  test('has the total at the prices of now', () => {
    const sum = sumUp([
      priced({}),
      priced({ productId: 'b', price: pounds(1), seen: pounds(1), quantity: 3 }),
    ]);
    expect(sum).toEqual({ total: pounds(1003), pieces: 5, warnings: [] });
  });

  test('reports prices and stock that changed, each with both values', () => {
    const { total, warnings } = sumUp([
      priced({ seen: pounds(400), available: 1 }),
      priced({ productId: 'b', available: 0 }),
      priced({ productId: 'c', available: null }),
    ]);
    expect(total).toEqual(pounds(3000));
    expect(warnings).toMatchObject([
      { code: 'price_changed', productId: 'a', before: pounds(400), now: pounds(500) },
      { code: 'insufficient_stock', productId: 'a', available: 1 },
      { code: 'out_of_stock', productId: 'b' },
    ]);
  });

  test('leaves out of the total what is not for sale', () => {
    const { total, warnings } = sumUp([priced({}), priced({ productId: 'b', active: false, available: 0 })]);
    expect(total).toEqual(pounds(1000));
    expect(warnings).toMatchObject([{ code: 'product_not_available', productId: 'b' }]);
  });

  test('has no total in several currencies, nor when it is empty', () => {
    const other = { amountMinor: 1, currency: 'EUR' };
    const { total, warnings } = sumUp([priced({}), priced({ productId: 'b', price: other, seen: other })]);
    expect(total).toBeNull();
    expect(warnings).toMatchObject([{ code: 'currencies_mixed' }]);
    expect(sumUp([]).total).toBeNull();
  });

  test('has no total that no order can have', () => {
    const price = pounds(100_000_000_000_000);
    const { total, warnings } = sumUp([priced({ price, seen: price, quantity: 1000 })]);
    expect(total).toBeNull();
    expect(warnings).toMatchObject([{ code: 'insufficient_stock' }, { code: 'order_too_large' }]);
  });
});
