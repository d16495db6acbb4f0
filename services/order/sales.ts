import type { OrderConfirmed, OrderReturned, Sale } from '#schemas/events';
import type { OrderLine } from './order.js';

/** The ledger's rows of a confirmed order, one a line. `newEventId` gives each its own id. */
export const salesOf = (
  confirmed: OrderConfirmed,
  lines: readonly OrderLine[],
  newEventId: () => string,
): Sale[] => confirmed.lines.map((line) => row('sale', confirmed, lines, line, newEventId()));

/** The rows that take back what `returned` brought: negative pieces, negative money. */
export const refundsOf = (
  returned: OrderReturned,
  lines: readonly OrderLine[],
  newEventId: () => string,
): Sale[] =>
  returned.lines.map((line) =>
    row('refund', returned, lines, { ...line, quantity: -line.quantity }, newEventId()),
  );

const row = (
  kind: 'sale' | 'refund',
  event: OrderConfirmed | OrderReturned,
  lines: readonly OrderLine[],
  { productId, quantity, unitPriceMinor }: { productId: string; quantity: number; unitPriceMinor: number },
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
