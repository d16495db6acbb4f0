import { type InputError, problem } from '#platform/http/problem-details';
import type { OrderPlacedLine } from '#schemas/events';
import { sumMinor } from './order.js';
import type { ProductCopy } from './product-replica.js';

/** Most an order may cost: leaves room to add up nine thousand of them in a safe integer. */
export const totalMinorMax = 1_000_000_000_000;

/** The lines as the catalogue prices them now; 422 for what cannot be ordered. */
export const priced = (
  items: readonly { productId: string; quantity: number }[],
  products: ReadonlyMap<string, ProductCopy>,
  asked: readonly { productId: string }[],
): { lines: OrderPlacedLine[]; currency: string } => {
  const errors: InputError[] = asked.flatMap(({ productId }, index) => {
    const path = `/items/${index}/productId`;
    const product = products.get(productId);
    if (!product) return [{ path, message: 'is not a product' }];
    return product.active ? [] : [{ path, message: 'is not for sale' }];
  });
  if (errors.length > 0)
    throw problem(422, 'product_not_available', 'Something in the order cannot be bought.', { errors });
  const lines = items.map(({ productId, quantity }) => {
    const { name, category, priceMinor } = products.get(productId) as ProductCopy;
    return { productId, name, category, quantity, unitPriceMinor: priceMinor };
  });
  const currencies = new Set([...products.values()].map(({ currency }) => currency));
  const [currency] = currencies;
  if (currency === undefined || currencies.size > 1)
    throw problem(422, 'currencies_mixed', 'An order is paid in one currency.', {
      errors: [{ path: '/items', message: `prices are in ${[...currencies].sort().join(' and ')}` }],
    });
  if (sumMinor(lines) > totalMinorMax)
    throw problem(422, 'order_too_large', 'The total of the order is more than can be paid at once.', {
      errors: [{ path: '/items', message: `cost more than ${totalMinorMax} ${currency} minor units` }],
    });
  return { lines, currency };
};
