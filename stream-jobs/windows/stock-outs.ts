import { createInterning } from '#platform/streams/interning';
import { joinOf, type Pair, type Side } from '#platform/streams/join';
import { type Sink, topology, type WindowOf } from '#platform/streams/topology';
import { gap } from '#platform/streams/window';
import type { OrderPlaced, StockOut, StockRejected, StockReserved } from '#schemas/events';
import { internProductId } from './product-ids.js';

type Asked = {
  userId: string | null;
  currency: string;
  lines: { productId: string; category: string; unitPriceMinor: number }[];
};
type Refused = { lines: { productId: string; requested: number; available: number }[] };

export type StockOutRow = Omit<StockOut, 'event_id'>;

/**
 * So long after the order its rejection is still worth what the order asked for. An order waits for its stock for as long as
 * inventory is away, and is let go as soon as the stock is held.
 */
const joinWithinMs = 6 * 60 * 60_000;

type Input = Side<Asked, Refused> | { isServed: true };
type Sum = Pair<Asked, Refused> & { isServed?: true };

const { start, add, merge } = joinOf<Asked, Refused>();

/** Demand that met no stock: what an order asked for, joined with what inventory did not have. */
export const stockOuts = (sink: Sink<StockOutRow>) =>
  topology({
    name: 'stock-outs',
    purpose: 'Order lines that could not be served from stock, with the sale that was lost.',
    sources: {
      OrderPlaced: ({ orderId, userId, currency, lines }: OrderPlaced) => [
        {
          key: orderId,
          input: { left: { userId, currency, lines: lines.map(pricesOf) } } as Input,
        },
      ],
      StockRejected: ({ orderId, lines }: StockRejected) => [
        { key: orderId, input: { right: { lines: [...lines] } } },
      ],
      StockReserved: ({ orderId }: StockReserved) => [{ key: orderId, input: { isServed: true } as Input }],
    },
    keyedBy: 'order',
    window: gap(joinWithinMs),
    aggregate: {
      start: (): Sum => start(),
      add: (sum, input, atMs) => {
        if ('isServed' in input) sum.isServed = true;
        else add(sum, input, atMs);
        return sum;
      },
      merge: (into, other) => {
        merge(into, other);
        if (other.isServed) into.isServed = true;
        return into;
      },
      fromJson: (json) => {
        const sum = json as Sum;
        for (const { value } of sum.left) value.lines = value.lines.map(pricesOf);
        return sum;
      },
    },
    emits: 'as it changes',
    outOfOrderMsMax: 5_000,
    latenessMs: 0,
    // As many orders as wait for their stock at a time, some ten a second for an hour and a half.
    windowsMax: 60_000,
    weightOf: ({ left, right }: Sum) => 1 + linesOf(left) / 8 + linesOf(right) / 3,
    isSettled: ({ isServed, left, right }: Sum) => isServed === true && left.length > 0 && right.length === 0,
    rows: ({ key, revision, sum }: WindowOf<Sum>) => rowsOf(key, revision, sum),
    sink,
  });

const linesOf = (side: readonly { value: { lines: readonly unknown[] } }[]): number =>
  side.reduce((sum, { value }) => sum + value.lines.length, 0);

const internCategory = createInterning(5_000);

const pricesOf = ({ productId, category, unitPriceMinor }: Asked['lines'][number]) => ({
  productId: internProductId(productId),
  category: internCategory(category),
  unitPriceMinor,
});

const rowsOf = (orderId: string, revision: number, { left, right }: Pair<Asked, Refused>): StockOutRow[] => {
  const asked = left[0]?.value;
  const [refused] = right;
  if (refused === undefined) return [];
  return refused.value.lines.map(({ productId, requested, available }) => {
    const line = asked?.lines.find((one) => one.productId === productId);
    return {
      order_id: orderId,
      product_id: productId,
      revision,
      category: line?.category ?? null,
      requested,
      available,
      unit_price_minor: line?.unitPriceMinor ?? null,
      lost_minor: requested * (line?.unitPriceMinor ?? 0),
      currency: line === undefined ? null : (asked?.currency ?? null),
      user_id: asked?.userId ?? null,
      occurred_at: refused.atMs,
    };
  });
};
