import type { OrderCancelled, OrderConfirmed, OrderReturned, Sale } from '#schemas/events';
import { type OrderLine, refundableMinor } from './order.js';

/** The sales rows of a confirmed order, one for each line. `newEventId` makes the id of each. */
export const salesOf = (
  confirmed: OrderConfirmed,
  lines: readonly OrderLine[],
  newEventId: () => string,
): Sale[] => confirmed.lines.map((line) => row('sale', confirmed, lines, line, newEventId()));

/** The sales rows of a return: negative pieces, and negative money that adds up to what is refunded. */
export const refundsOf = (
  returned: OrderReturned,
  lines: readonly OrderLine[],
  newEventId: () => string,
): Sale[] =>
  negativeRows(returned, lines, { back: returned.lines, amountMinor: returned.refundMinor }, newEventId);

/** The sales rows that undo a cancelled sale, less what is back already: with them the order's sum is zero. */
export const undoneOf = (
  cancelled: OrderCancelled,
  order: Parameters<typeof refundableMinor>[0] & { currency: string },
  newEventId: () => string,
): Sale[] => {
  const { lines, currency } = order;
  const back = keptLines(lines).filter(({ quantity }) => quantity > 0);
  return negativeRows(
    { ...cancelled, currency },
    lines,
    { back, amountMinor: refundableMinor(order) },
    newEventId,
  );
};

/**
 * The sales rows of a refund without a return: no pieces, only money, spread by their price over the pieces that the buyer
 * still has. The money of those that came back is back already.
 */
export const goodwillOf = (
  { amountMinor, occurredAtMs: occurredAt }: { amountMinor: number; occurredAtMs: number },
  order: { orderId: string; userId: string | null; currency: string; lines: readonly OrderLine[] },
  newEventId: () => string,
): Sale[] =>
  negativeRows(
    { ...order, occurredAt },
    order.lines,
    { back: keptLines(order.lines), amountMinor },
    newEventId,
  )
    .map((sale) => ({ ...sale, quantity: 0 }))
    .filter((sale) => sale.amount_minor !== 0);

/** The lines with the pieces that did not come back; none of some. */
const keptLines = (lines: readonly OrderLine[]): OrderLine[] =>
  lines.map((line) => ({ ...line, quantity: line.quantity - line.returned }));

type SoldLine = { productId: string; quantity: number; unitPriceMinor: number };

type Happening = { orderId: string; userId: string | null; currency: string; occurredAt: number };

const negativeRows = (
  event: Happening,
  lines: readonly OrderLine[],
  { back, amountMinor }: { back: readonly SoldLine[]; amountMinor: number },
  newEventId: () => string,
): Sale[] => {
  const amounts = spread(
    amountMinor,
    back.map(({ quantity, unitPriceMinor }) => quantity * unitPriceMinor),
  );
  return back.map((line, n) => ({
    ...row('refund', event, lines, { ...line, quantity: -line.quantity }, newEventId()),
    amount_minor: 0 - (amounts[n] ?? 0),
  }));
};

/**
 * `amountMinor` in parts that are in proportion to the weights, to the nearest minor unit, and add up to it exactly.
 */
export const spread = (amountMinor: number, weights: readonly number[]): number[] => {
  const whole = weights.reduce((sum, weight) => sum + BigInt(weight), 0n);
  if (BigInt(amountMinor) === whole) return [...weights];
  let weighed = 0n;
  let given = 0n;
  return weights.map((weight, n) => {
    weighed += BigInt(weight);
    const isLast = n === weights.length - 1;
    const until =
      isLast || whole === 0n ? (isLast ? BigInt(amountMinor) : 0n) : (BigInt(amountMinor) * weighed) / whole;
    const part = until - given;
    given = until;
    return Number(part);
  });
};

const row = (
  kind: 'sale' | 'refund',
  event: Happening,
  lines: readonly OrderLine[],
  { productId, quantity, unitPriceMinor }: SoldLine,
  eventId: string,
): Sale => {
  const line = lines.findIndex((line) => line.productId === productId);
  return {
    event_id: eventId,
    order_id: event.orderId,
    line,
    product_id: productId,
    category: lines[line]?.category ?? '',
    user_id: event.userId,
    quantity,
    amount_minor: quantity * unitPriceMinor,
    currency: event.currency,
    kind,
    occurred_at: event.occurredAt,
  };
};
