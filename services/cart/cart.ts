import { itemsMax, piecesOfProductMax, totalMinorMax } from '#schemas/order-bounds';

export type Item = { productId: string; quantity: number };

export type Money = { amountMinor: number; currency: string };

/** A line of a cart with what the shop says of its product now. */
export type PricedItem = Item & {
  name: string;
  price: Money;
  /** The price when the line was written last. */
  seen: Money;
  active: boolean;
  /** Null while no stock of it is known. */
  available: number | null;
};

export const warningCodes = [
  'price_changed',
  'insufficient_stock',
  'out_of_stock',
  'product_not_available',
  'currencies_mixed',
  'order_too_large',
  'left_out',
] as const;

/** What has changed since the line was written, or prevents an order. */
export type Warning = {
  code: (typeof warningCodes)[number];
  /** Absent where it is about the cart as a whole. */
  productId?: string;
  message: string;
  before?: Money;
  now?: Money;
  available?: number;
};

/** One line for each product, in the order of its first. */
export const mergeItems = (items: readonly Item[]): Item[] => {
  const merged = new Map<string, number>();
  for (const { productId, quantity } of items) merged.set(productId, (merged.get(productId) ?? 0) + quantity);
  return [...merged].map(([productId, quantity]) => ({ productId, quantity }));
};

/**
 * The lines of both carts, those of `own` first. Pieces of the same product add up; what is beyond the bounds is left
 * out, lines of `other` first.
 */
export const unite = (own: readonly Item[], other: readonly Item[]): { items: Item[]; leftOut: Item[] } => {
  const all = mergeItems([...own, ...other]).map((item, nth) => ({
    ...item,
    kept: nth < itemsMax ? Math.min(item.quantity, piecesOfProductMax) : 0,
  }));
  return {
    items: all.flatMap(({ productId, kept }) => (kept > 0 ? [{ productId, quantity: kept }] : [])),
    leftOut: all.flatMap(({ productId, quantity, kept }) =>
      quantity > kept ? [{ productId, quantity: quantity - kept }] : [],
    ),
  };
};

export const leftOutWarnings = (leftOut: readonly Item[]): Warning[] =>
  leftOut.map(({ productId, quantity }) => ({
    code: 'left_out',
    productId,
    message:
      `${quantity} of it did not fit when your carts became one: ` +
      `a cart has ${itemsMax} products at most, and ${piecesOfProductMax} pieces of each.`,
  }));

/** What is left of the lines when these pieces were ordered, and what was taken of them. */
export const take = (items: readonly Item[], ordered: readonly Item[]): { left: Item[]; taken: Item[] } => {
  const wanted = new Map(mergeItems(ordered).map(({ productId, quantity }) => [productId, quantity]));
  const split = items.map(({ productId, quantity }) => {
    const taken = Math.min(quantity, wanted.get(productId) ?? 0);
    return { productId, taken, left: quantity - taken };
  });
  return {
    left: split.flatMap(({ productId, left }) => (left > 0 ? [{ productId, quantity: left }] : [])),
    taken: split.flatMap(({ productId, taken }) => (taken > 0 ? [{ productId, quantity: taken }] : [])),
  };
};

const isSame = (one: Money, other: Money): boolean =>
  one.amountMinor === other.amountMinor && one.currency === other.currency;

const warningsOf = ({ productId, quantity, price, seen, active, available }: PricedItem): Warning[] => {
  if (!active) return [{ code: 'product_not_available', productId, message: 'It is not for sale any more.' }];
  const changed: Warning[] = isSame(price, seen)
    ? []
    : [
        {
          code: 'price_changed',
          productId,
          message: 'Its price has changed since it was put into the cart.',
          before: seen,
          now: price,
        },
      ];
  if (available === null || available >= quantity) return changed;
  return [
    ...changed,
    available <= 0
      ? { code: 'out_of_stock', productId, message: 'It is sold out.', available: 0 }
      : {
          code: 'insufficient_stock',
          productId,
          message: `Only ${available} of them are left.`,
          available,
        },
  ];
};

export type CartSum = {
  /** Of the lines that are for sale; null where there are none, or where no order could have this sum. */
  total: Money | null;
  pieces: number;
  warnings: Warning[];
};

export const sumUp = (items: readonly PricedItem[]): CartSum => {
  const sold = items.filter(({ active }) => active);
  const currencies = [...new Set(sold.map(({ price }) => price.currency))];
  const [currency] = currencies;
  const amountMinor = sold.reduce((sum, { price, quantity }) => sum + price.amountMinor * quantity, 0);
  const isMixed = currencies.length > 1;
  const isTooLarge = !isMixed && amountMinor > totalMinorMax;
  return {
    total: currency === undefined || isMixed || isTooLarge ? null : { amountMinor, currency },
    pieces: items.reduce((sum, { quantity }) => sum + quantity, 0),
    warnings: [
      ...items.flatMap(warningsOf),
      ...when(isMixed, {
        code: 'currencies_mixed',
        message: `An order has one currency: ${currencies.join(', ')}.`,
      }),
      ...when(isTooLarge, {
        code: 'order_too_large',
        message: `An order costs ${totalMinorMax} minor units at most.`,
      }),
    ],
  };
};

const when = (condition: boolean, warning: Warning): Warning[] => (condition ? [warning] : []);
