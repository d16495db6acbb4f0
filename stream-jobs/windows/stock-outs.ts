import { joinOf, type Pair, type Side } from '#platform/streams/join';
import { type Sink, topology, type WindowOf } from '#platform/streams/topology';
import { gap } from '#platform/streams/window';
import type { OrderPlaced, StockOut, StockRejected } from '#schemas/events';

type Asked = {
  userId: string | null;
  currency: string;
  lines: { productId: string; category: string; unitPriceMinor: number }[];
};
type Refused = { lines: { productId: string; requested: number; available: number }[] };

export type StockOutRow = Omit<StockOut, 'event_id'>;

const joinWithinMs = 10 * 60_000;

/** Demand that met no stock: what an order asked for, joined with what inventory did not have. */
export const stockOuts = (sink: Sink<StockOutRow>) =>
  topology({
    name: 'stock-outs',
    purpose: 'Order lines that could not be served from stock, with the sale that was lost.',
    sources: {
      OrderPlaced: ({ orderId, userId, currency, lines }: OrderPlaced) => [
        {
          key: orderId,
          input: { left: { userId, currency, lines: lines.map(pricesOf) } } as Side<Asked, Refused>,
        },
      ],
      StockRejected: ({ orderId, lines }: StockRejected) => [
        { key: orderId, input: { right: { lines: [...lines] } } },
      ],
    },
    keyedBy: 'order',
    window: gap(joinWithinMs),
    aggregate: joinOf<Asked, Refused>(),
    emits: 'as it changes',
    outOfOrderMsMax: 5_000,
    latenessMs: 0,
    windowsMax: 30_000,
    weightOf: ({ left, right }: Pair<Asked, Refused>) => 1 + (linesOf(left) + linesOf(right)) / 3,
    rows: ({ key, revision, sum }: WindowOf<Pair<Asked, Refused>>) => rowsOf(key, revision, sum),
    sink,
  });

const linesOf = (side: readonly { value: { lines: readonly unknown[] } }[]): number =>
  side.reduce((sum, { value }) => sum + value.lines.length, 0);

const pricesOf = ({ productId, category, unitPriceMinor }: OrderPlaced['lines'][number]) => ({
  productId,
  category,
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
