import type { OrderPlacedLine } from '#schemas/events';
import { totalMinorMax } from '#schemas/order-bounds';
import { sumMinor } from './order.js';
import type { ProductCopy } from './product-replica.js';

/** `index` is the position in the buyer's list. */
export type UnavailableLine = { index: number; why: 'unknown' | 'inactive' };

export type PricingRefusal =
  | { refused: 'product_not_available'; lines: UnavailableLine[] }
  | { refused: 'currencies_mixed'; currencies: string[] }
  | { refused: 'order_too_large'; currency: string };

export type PricedLines = { lines: OrderPlacedLine[]; currency: string };

/** The lines with current prices. `asked` is the buyer's list, before items of the same product were summed. */
export const price = (
  items: readonly { productId: string; quantity: number }[],
  products: ReadonlyMap<string, ProductCopy>,
  asked: readonly { productId: string }[],
): PricedLines | PricingRefusal => {
  const unavailable = asked.flatMap(({ productId }, index): UnavailableLine[] => {
    const product = products.get(productId);
    if (!product) return [{ index, why: 'unknown' }];
    return product.active ? [] : [{ index, why: 'inactive' }];
  });
  if (unavailable.length > 0) return { refused: 'product_not_available', lines: unavailable };
  const lines = items.map(({ productId, quantity }) => {
    const { name, category, priceMinor } = products.get(productId) as ProductCopy;
    return { productId, name, category, quantity, unitPriceMinor: priceMinor };
  });
  const currencies = [...new Set([...products.values()].map(({ currency }) => currency))].sort();
  const [currency] = currencies;
  if (currency === undefined || currencies.length > 1) return { refused: 'currencies_mixed', currencies };
  if (sumMinor(lines) > totalMinorMax) return { refused: 'order_too_large', currency };
  return { lines, currency };
};
