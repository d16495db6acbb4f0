import { type LateInput, topology, type WindowOf, type WritingSink } from '#platform/streams/topology';
import { tumbling } from '#platform/streams/window';
import type { ProductPerformance, Sale, ShopperActivity } from '#schemas/events';
import { performanceTimes } from '#schemas/window-times';

type Action = 'views' | 'adds' | 'removes';
type Input = { action: Action } | { quantity: number; amountMinor: number };

export type ProductPerformanceRow = Omit<ProductPerformance, 'event_id'>;

/** Numbers that add up, and bounds of time and price. */
type Sum = Record<Action | 'lines' | 'units' | 'grossMinor' | 'returnedUnits' | 'refundedMinor', number> & {
  lowestPriceMinor: number | null;
  highestPriceMinor: number | null;
  lastAtMs: number;
};

const actions: Readonly<Record<string, Action>> = {
  product_viewed: 'views',
  product_added: 'adds',
  product_removed: 'removes',
};

/**
 * From view to return, by product and hour, with the prices paid: what a price did to demand. Money has a currency and
 * what shoppers do has none, so an hour of a product has a row for each currency, and one for the actions. Where very many
 * products are named in an hour, or order lines come late, it has several rows, which add up.
 */
export const productPerformance = (windowMs: number, sink: WritingSink<ProductPerformanceRow>) => {
  const { outOfOrderMsMax, latenessMs } = performanceTimes(windowMs);
  return topology({
    name: 'product-performance',
    purpose:
      'How often a product was viewed, added, bought and returned in an hour, and at which prices; order lines also where they come late.',
    sources: {
      ShopperActivity: ({ type, product_id: productId }: ShopperActivity) => {
        const action = actions[type];
        return action === undefined || productId === null
          ? []
          : [{ key: keyOf(productId, null), input: { action } as Input }];
      },
      Sale: ({ product_id: productId, currency, quantity, amount_minor: amountMinor }: Sale) => [
        { key: keyOf(productId, currency), input: { quantity, amountMinor } as Input },
      ],
    },
    keyedBy: 'product and currency',
    window: tumbling(windowMs),
    // An hour, of which the ids of the rows written so far say the start alone.
    usualSizeMs: 3_600_000,
    aggregate: { start, add, merge },
    emits: 'in parts',
    outOfOrderMsMax,
    latenessMs,
    // Shoppers' events may name products that do not exist, as many as somebody likes to invent.
    windowsMax: 40_000,
    rows: ({ key, fromMs, sum }: WindowOf<Sum>) => [rowOf(key, fromMs, sum)],
    sink,
    // Rows add up, so a line that came later still is one more row of its hour. What shoppers' browsers send is left out when
    // it is late: it may be thirty days old, and anybody could make a row of each request.
    late: {
      rows: ({ key, fromMs, input, atMs }: LateInput<Input>) =>
        'action' in input ? [] : [rowOf(key, fromMs, add(start(), input, atMs))],
      sink,
    },
  });
};

const rowOf = (key: string, fromMs: number, sum: Sum): ProductPerformanceRow => ({
  ...partsOf(key),
  from_at: fromMs,
  views: sum.views,
  adds: sum.adds,
  removes: sum.removes,
  lines: sum.lines,
  units: sum.units,
  gross_minor: sum.grossMinor,
  returned_units: sum.returnedUnits,
  refunded_minor: sum.refundedMinor,
  lowest_price_minor: sum.lowestPriceMinor,
  highest_price_minor: sum.highestPriceMinor,
  occurred_at: sum.lastAtMs,
});

const keyOf = (productId: string, currency: string | null): string => `${currency ?? ''}:${productId}`;

const partsOf = (key: string): { product_id: string; currency: string | null } => {
  const colonAt = key.indexOf(':');
  return { product_id: key.slice(colonAt + 1), currency: key.slice(0, colonAt) || null };
};

const start = (): Sum => ({
  ...{ views: 0, adds: 0, removes: 0, lines: 0, units: 0, grossMinor: 0, returnedUnits: 0, refundedMinor: 0 },
  ...{ lowestPriceMinor: null, highestPriceMinor: null, lastAtMs: 0 },
});

const add = (sum: Sum, input: Input, atMs: number): Sum => {
  sum.lastAtMs = Math.max(sum.lastAtMs, atMs);
  if ('action' in input) sum[input.action] += 1;
  else if (input.quantity > 0) {
    const priceMinor = Math.trunc(input.amountMinor / input.quantity);
    sum.lines += 1;
    sum.units += input.quantity;
    sum.grossMinor += input.amountMinor;
    sum.lowestPriceMinor = Math.min(sum.lowestPriceMinor ?? priceMinor, priceMinor);
    sum.highestPriceMinor = Math.max(sum.highestPriceMinor ?? priceMinor, priceMinor);
  } else {
    sum.returnedUnits -= input.quantity;
    sum.refundedMinor -= input.amountMinor;
  }
  return sum;
};

/** Windows of a fixed size never meet. */
const merge = (into: Sum): Sum => into;
