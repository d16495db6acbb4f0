import type { OrderCancelled, OrderConfirmed, OrderReturned, Sale } from '#schemas/events';
import type { OrderLine } from './order.js';

/** The sales rows of a confirmed order, one for each line. `newEventId` makes the id of each. */
export const salesOf = (
  confirmed: OrderConfirmed,
  lines: readonly OrderLine[],
  newEventId: () => string,
): Sale[] => confirmed.lines.map((line) => row('sale', confirmed, lines, line, newEventId()));

/** The sales rows of a return: negative pieces, negative money. */
export const refundsOf = (
  returned: OrderReturned,
  lines: readonly OrderLine[],
  newEventId: () => string,
): Sale[] => returned.lines.map((line) => row('refund', returned, lines, negative(line), newEventId()));

/** The sales rows that undo a cancelled sale, less the pieces already returned: with them the order's sum is zero. */
export const undoneOf = (
  cancelled: OrderCancelled,
  { lines, currency }: { lines: readonly OrderLine[]; currency: string },
  newEventId: () => string,
): Sale[] =>
  lines
    .map((line) => ({ ...line, quantity: line.quantity - line.returned }))
    .filter(({ quantity }) => quantity > 0)
    .map((line) => row('refund', { ...cancelled, currency }, lines, negative(line), newEventId()));

type SoldLine = { productId: string; quantity: number; unitPriceMinor: number };

const negative = (line: SoldLine): SoldLine => ({ ...line, quantity: -line.quantity });

const row = (
  kind: 'sale' | 'refund',
  event: { orderId: string; userId: string | null; currency: string; occurredAt: number },
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
