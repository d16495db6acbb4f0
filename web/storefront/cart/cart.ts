import type { components } from '../../api/schema.d.ts';
import { type Money, sumOf, times } from '../../money/money.ts';
import { plural } from '../../words/words.ts';

export type Cart = components['schemas']['Cart'];
export type CartLine = Cart['items'][number];
export type CartWarning = Cart['warnings'][number];

export const emptyCart: Cart = { items: [], total: null, pieces: 0, warnings: [], updatedAt: null };

export const piecesOfProductMax = 1000;

/**
 * The cart with so many pieces of a product, as the page shows it before the server answers. Quantities and the sum of
 * known prices are certain; what is charged is the server's word alone, so warnings are left to it.
 */
export const withQuantity = (
  cart: Cart,
  product: { productId: string; name: string; unitPrice: Money; available: number | null },
  quantity: number,
): Cart => {
  const isThere = cart.items.some(({ productId }) => productId === product.productId);
  const items =
    quantity <= 0
      ? cart.items.filter(({ productId }) => productId !== product.productId)
      : isThere
        ? cart.items.map((line) => (line.productId === product.productId ? { ...line, quantity } : line))
        : [...cart.items, { ...product, quantity }];
  const warnings = cart.warnings.filter(({ productId }) => productId !== product.productId);
  const sellable = items.filter(
    (line) => !warnings.some((w) => w.productId === line.productId && isBlocking(w)),
  );
  return {
    ...cart,
    items,
    warnings,
    total: sumOf(sellable.map((line) => times(line.unitPrice, line.quantity))) ?? null,
    pieces: items.reduce((sum, line) => sum + line.quantity, 0),
  };
};

/** Whether the warning prevents the order; a changed price and what had no place in the cart are only shown. */
export const isBlocking = ({ code }: CartWarning): boolean => code !== 'price_changed' && code !== 'left_out';

export const quantityOf = (cart: Cart | undefined, productId: string): number =>
  cart?.items.find((line) => line.productId === productId)?.quantity ?? 0;

/** What the warnings of a line are in words. */
export const warningWords = (warning: CartWarning, format: (money: Money) => string): string => {
  switch (warning.code) {
    case 'price_changed':
      return warning.before && warning.now
        ? `The price has changed from ${format(warning.before)} to ${format(warning.now)}.`
        : 'The price has changed.';
    case 'insufficient_stock':
      return `Only ${warning.available ?? 'a few'} left. Choose a smaller number to go on.`;
    case 'out_of_stock':
      return 'Sold out since you put it here. Remove it to go on.';
    case 'product_not_available':
      return 'Not sold any more. Remove it to go on.';
    default:
      return warning.message;
  }
};

/** What is said once, of the guest's cart that became part of this one; undefined where all of it had room. */
export const leftOutWords = ({ warnings }: Cart): string | undefined => {
  const count = warnings.filter(({ code }) => code === 'left_out').length;
  if (count === 0) return undefined;
  return plural(count, {
    one: 'One product of the cart you had before had no room in this one.',
    other: '{count} products of the cart you had before had no room in this one.',
  });
};

/** Whether both carts have the same pieces at the same prices. What is left in stock is not compared: the order says so. */
export const isSameOffer = (shown: Cart, now: Cart): boolean => {
  const offer = ({ items }: Cart) =>
    items
      .map(({ productId, quantity, unitPrice }) =>
        [productId, quantity, unitPrice.amountMinor, unitPrice.currency].join(' '),
      )
      .sort()
      .join();
  return offer(shown) === offer(now);
};

/** Whether the cart has these pieces at least. */
export const hasAll = (
  { items }: Pick<Cart, 'items'>,
  pieces: readonly { productId: string; quantity: number }[],
): boolean =>
  pieces.every(({ productId, quantity }) =>
    items.some((item) => item.productId === productId && item.quantity >= quantity),
  );
