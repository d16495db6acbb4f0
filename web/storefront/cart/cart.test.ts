import { describe, expect, it } from 'vitest';
import { type Cart, emptyCart, hasAll, isBlocking, isSameOffer, withQuantity } from './cart.ts';

const lamp = {
  productId: 'lamp',
  name: 'Lamp',
  unitPrice: { amountMinor: 1250, currency: 'GBP' },
  available: 5,
};
const mug = { productId: 'mug', name: 'Mug', unitPrice: { amountMinor: 333, currency: 'GBP' }, available: 9 };

describe('the cart before the server answers', () => {
  it('has the quantity that was set, however many there were: a click that comes twice counts once', () => {
    const once = withQuantity(emptyCart, lamp, 2);
    expect(withQuantity(once, lamp, 2)).toEqual(once);
    expect(once).toMatchObject({ pieces: 2, total: { amountMinor: 2500, currency: 'GBP' } });
  });

  it('keeps the order of its lines, and has none of zero pieces', () => {
    const both = withQuantity(withQuantity(emptyCart, lamp, 1), mug, 3);
    expect(withQuantity(both, lamp, 4).items.map(({ productId }) => productId)).toEqual(['lamp', 'mug']);
    expect(withQuantity(both, lamp, 0)).toMatchObject({ pieces: 3, total: { amountMinor: 999 } });
  });

  it('gets back what was removed, as an undo does', () => {
    const both = withQuantity(withQuantity(emptyCart, lamp, 2), mug, 1);
    expect(withQuantity(withQuantity(both, mug, 0), mug, 1)).toEqual(both);
  });

  it('has no sum of several currencies', () => {
    const yen = { ...mug, unitPrice: { amountMinor: 500, currency: 'JPY' } };
    expect(withQuantity(withQuantity(emptyCart, lamp, 1), yen, 1).total).toBeNull();
  });

  it('drops the warnings of a changed line, which only the server can renew, and keeps the others', () => {
    const warned: Cart = {
      ...withQuantity(withQuantity(emptyCart, lamp, 9), mug, 1),
      warnings: [
        { code: 'insufficient_stock', productId: 'lamp', message: '', available: 5 },
        { code: 'out_of_stock', productId: 'mug', message: '' },
      ],
    };
    const changed = withQuantity(warned, lamp, 5);
    expect(changed.warnings.map(({ productId }) => productId)).toEqual(['mug']);
    // A line that cannot be sold is not part of the sum.
    expect(changed.total).toEqual({ amountMinor: 6250, currency: 'GBP' });
  });
});

it('a changed price, and what had no room, are shown and prevent nothing', () => {
  expect(isBlocking({ code: 'price_changed', message: '' })).toBe(false);
  expect(isBlocking({ code: 'left_out', message: '' })).toBe(false);
  expect(isBlocking({ code: 'out_of_stock', message: '' })).toBe(true);
});

it('is the same offer with the same pieces at the same prices, in whatever order, and whatever is left of them', () => {
  const shown = withQuantity(withQuantity(emptyCart, lamp, 2), mug, 1);
  const turned = withQuantity(withQuantity(emptyCart, { ...mug, available: 0 }, 1), lamp, 2);
  expect(isSameOffer(shown, turned)).toBe(true);
  const dearer = { ...lamp, unitPrice: { amountMinor: 1251, currency: 'GBP' } };
  expect(isSameOffer(shown, withQuantity(withQuantity(emptyCart, dearer, 2), mug, 1))).toBe(false);
  expect(isSameOffer(shown, withQuantity(shown, lamp, 1))).toBe(false);
  expect(isSameOffer(shown, withQuantity(shown, mug, 0))).toBe(false);
});

it('has all pieces of an order until the order takes them, whatever else is put in or left', () => {
  const ordered = [{ productId: lamp.productId, quantity: 2 }];
  const cart = withQuantity(withQuantity(emptyCart, lamp, 2), mug, 1);
  expect(hasAll(cart, ordered)).toBe(true);
  expect(hasAll(withQuantity(cart, lamp, 1), ordered)).toBe(false);
  expect(hasAll(withQuantity(cart, lamp, 0), ordered)).toBe(false);
  expect(hasAll(emptyCart, ordered)).toBe(false);
});
