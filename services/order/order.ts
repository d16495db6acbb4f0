import { assert } from '#platform/assert';
import type {
  OrderCancelled,
  OrderConfirmed,
  OrderPlaced,
  OrderPlacedLine,
  OrderReturned,
} from '#schemas/events';

export const cancellationReasons = [
  'out_of_stock',
  'payment_declined',
  'payment_unavailable',
  'payment_failed',
  'timed_out',
] as const;

export type CancellationReason = (typeof cancellationReasons)[number];

/** A line of the order. `returned` pieces of it have been sent back: 0 <= returned <= quantity. */
export type OrderLine = OrderPlacedLine & { returned: number };

type Common = {
  orderId: string;
  userId: string | null;
  /** Version of the last event this order published. */
  version: number;
  lines: readonly OrderLine[];
  totalMinor: number;
  currency: string;
  placedAtMs: number;
  /** When the order is cancelled if an answer is still missing, epoch ms. */
  deadlineMs: number;
};

export type Order =
  | { status: 'new' }
  /** `paymentId` is set when `PaymentAuthorized` arrived before `StockReserved`. */
  | (Common & { status: 'pending'; paymentId: string | null })
  | (Common & { status: 'reserved'; holdExpiresAtMs: number })
  | (Common & { status: 'paid'; paymentId: string })
  | (Common & { status: 'confirmed'; paymentId: string })
  | (Common & { status: 'returned'; paymentId: string })
  | (Common & { status: 'cancelled'; reason: CancellationReason });

export const orderStatuses = [
  'pending',
  'reserved',
  'paid',
  'confirmed',
  'returned',
  'cancelled',
] as const satisfies readonly Exclude<Order['status'], 'new'>[];

export type OrderStatus = (typeof orderStatuses)[number];

/**
 * `StockHeld` and `MoneyGuaranteed` only change this order's state: inventory and payment have published their own
 * events.
 */
export type OrderEvent =
  | { type: 'OrderPlaced'; data: OrderPlaced; deadlineMs: number }
  | { type: 'StockHeld'; holdExpiresAtMs: number }
  | { type: 'MoneyGuaranteed'; paymentId: string }
  | { type: 'OrderConfirmed'; data: OrderConfirmed }
  | { type: 'OrderCancelled'; data: OrderCancelled }
  /** `reason` is the customer's own text, which is not published. */
  | { type: 'OrderReturned'; data: OrderReturned; reason: string };

/** An order as the buyer requests it, with current prices. */
export type OrderDraft = Omit<OrderPlaced, 'version' | 'totalMinor' | 'paymentToken'>;

export type OrderCommand =
  | { type: 'PlaceOrder'; draft: OrderDraft; paymentWaitMs: number }
  | { type: 'NoteStockReserved'; holdExpiresAtMs: number; nowMs: number }
  | { type: 'NotePaymentAuthorized'; paymentId: string; nowMs: number }
  | { type: 'CancelOrder'; reason: CancellationReason; nowMs: number }
  /** The money can never be captured: the sale is undone, unless every piece was returned. */
  | { type: 'NotePaymentFailed'; nowMs: number }
  /** Cancels the order if it has waited too long for stock or for its payment; otherwise does nothing. */
  | { type: 'GiveUpOverdue'; nowMs: number }
  | {
      type: 'ReturnItems';
      returnId: string;
      items: readonly { productId: string; quantity: number }[];
      reason: string;
      nowMs: number;
    };

export type ReturnRefusal =
  | { refused: 'order_not_returnable'; status: Order['status'] }
  | { refused: 'not_in_order'; productId: string }
  | { refused: 'return_exceeds_purchase'; productId: string; returnable: number };

export type Decision = readonly OrderEvent[] | ReturnRefusal;

export const isRefusal = (decision: Decision): decision is ReturnRefusal => 'refused' in decision;

const nothing: readonly OrderEvent[] = [];

/**
 * Decides the events that follow from `command`. A command that arrives twice or late changes nothing. One that arrives
 * before the event it belongs with is kept until that event arrives. Only a return can be refused.
 */
export const decide = (command: OrderCommand, order: Order): Decision => {
  switch (command.type) {
    case 'PlaceOrder':
      return order.status === 'new' ? [orderPlaced(command)] : nothing;
    case 'NoteStockReserved': {
      if (order.status !== 'pending') return nothing;
      const held: OrderEvent = { type: 'StockHeld', holdExpiresAtMs: command.holdExpiresAtMs };
      return order.paymentId === null ? [held] : [held, ...confirm(order, order.paymentId, command.nowMs)];
    }
    case 'NotePaymentAuthorized':
      if (order.status === 'pending')
        return order.paymentId === null
          ? [{ type: 'MoneyGuaranteed', paymentId: command.paymentId }]
          : nothing;
      return order.status === 'reserved' ? confirm(order, command.paymentId, command.nowMs) : nothing;
    case 'CancelOrder':
      return isOpen(order) ? [cancelled(order, command.reason, command.nowMs)] : nothing;
    case 'NotePaymentFailed':
      return isOpen(order) || order.status === 'confirmed'
        ? [cancelled(order, 'payment_failed', command.nowMs)]
        : nothing;
    case 'GiveUpOverdue': {
      const reason = isOpen(order) ? overdue(order, command.nowMs) : null;
      return isOpen(order) && reason ? [cancelled(order, reason, command.nowMs)] : nothing;
    }
    case 'ReturnItems':
      return returnItems(command, order);
    default:
      return command satisfies never;
  }
};

/** The state after `event`. Replaying an order's events from `{ status: 'new' }` gives its present state. */
export const evolve = (order: Order, event: OrderEvent): Order => {
  if (event.type === 'OrderPlaced') return opened(event);
  assert(order.status !== 'new', `${event.type} belongs to an order that was placed`);
  switch (event.type) {
    case 'StockHeld':
      return { ...base(order), status: 'reserved', holdExpiresAtMs: event.holdExpiresAtMs };
    case 'MoneyGuaranteed':
      return order.status === 'pending'
        ? { ...order, paymentId: event.paymentId }
        : { ...base(order), status: 'paid', paymentId: event.paymentId };
    case 'OrderConfirmed':
      return {
        ...base(order),
        version: event.data.version,
        status: 'confirmed',
        paymentId: event.data.paymentId,
      };
    case 'OrderCancelled':
      return {
        ...base(order),
        version: event.data.version,
        status: 'cancelled',
        reason: event.data.reason as CancellationReason,
      };
    case 'OrderReturned': {
      assert(order.status === 'confirmed', 'only a confirmed order is returned');
      const lines = order.lines.map((line) => ({
        ...line,
        returned: line.returned + quantityOf(event.data.lines, line.productId),
      }));
      return {
        ...order,
        version: event.data.version,
        lines,
        status: event.data.isFull ? 'returned' : 'confirmed',
      };
    }
    default:
      return event satisfies never;
  }
};

/** An order that may still be confirmed or cancelled. */
export const isOpen = (order: Order): order is Extract<Order, { status: 'pending' | 'reserved' | 'paid' }> =>
  order.status === 'pending' || order.status === 'reserved' || order.status === 'paid';

/** When the sweeper has to check an open order, epoch ms: its own deadline or the end of its hold. */
export const dueAtMs = (order: Order): number | null => {
  if (!isOpen(order)) return null;
  return order.status === 'reserved' ? Math.min(order.deadlineMs, order.holdExpiresAtMs) : order.deadlineMs;
};

/**
 * The reason to cancel `order` at `nowMs`, if there is one. Inventory does not free an expired hold by itself:
 * confirming and cancelling are both decided here, on one row, so that a hold cannot end while its order is being
 * confirmed.
 */
const overdue = (
  order: Extract<Order, { status: 'pending' | 'reserved' | 'paid' }>,
  nowMs: number,
): CancellationReason | null => {
  if (order.status === 'reserved' && nowMs >= order.holdExpiresAtMs) return 'timed_out';
  if (nowMs < order.deadlineMs) return null;
  return order.status === 'reserved' ? 'payment_unavailable' : 'timed_out';
};

const orderPlaced = ({
  draft,
  paymentWaitMs,
}: Extract<OrderCommand, { type: 'PlaceOrder' }>): OrderEvent => ({
  type: 'OrderPlaced',
  data: { ...draft, paymentToken: '', version: 1, totalMinor: totalMinorOf(draft.lines) },
  deadlineMs: draft.occurredAt + paymentWaitMs,
});

const opened = ({ data, deadlineMs }: Extract<OrderEvent, { type: 'OrderPlaced' }>): Order => ({
  status: 'pending',
  orderId: data.orderId,
  userId: data.userId,
  version: data.version,
  lines: data.lines.map((line) => ({ ...line, returned: 0 })),
  totalMinor: data.totalMinor,
  currency: data.currency,
  placedAtMs: data.occurredAt,
  deadlineMs,
  paymentId: null,
});

const confirm = (order: Common, paymentId: string, nowMs: number): readonly OrderEvent[] => [
  { type: 'MoneyGuaranteed', paymentId },
  {
    type: 'OrderConfirmed',
    data: {
      orderId: order.orderId,
      version: order.version + 1,
      userId: order.userId,
      paymentId,
      lines: order.lines.map(({ productId, quantity, unitPriceMinor }) => ({
        productId,
        quantity,
        unitPriceMinor,
      })),
      totalMinor: order.totalMinor,
      currency: order.currency,
      occurredAt: nowMs,
    },
  },
];

const cancelled = (order: Common, reason: CancellationReason, nowMs: number): OrderEvent => ({
  type: 'OrderCancelled',
  data: {
    orderId: order.orderId,
    version: order.version + 1,
    userId: order.userId,
    reason,
    occurredAt: nowMs,
  },
});

const returnItems = (command: Extract<OrderCommand, { type: 'ReturnItems' }>, order: Order): Decision => {
  if (order.status !== 'confirmed') return { refused: 'order_not_returnable', status: order.status };
  for (const { productId, quantity } of command.items) {
    const line = order.lines.find((line) => line.productId === productId);
    if (!line) return { refused: 'not_in_order', productId };
    const returnable = line.quantity - line.returned;
    if (quantity > returnable) return { refused: 'return_exceeds_purchase', productId, returnable };
  }
  const lines = order.lines
    .map(({ productId, unitPriceMinor }) => ({
      productId,
      quantity: quantityOf(command.items, productId),
      unitPriceMinor,
    }))
    .filter(({ quantity }) => quantity > 0);
  const isFull = order.lines.every(
    (line) => line.returned + quantityOf(lines, line.productId) === line.quantity,
  );
  return [
    {
      type: 'OrderReturned',
      data: {
        orderId: order.orderId,
        version: order.version + 1,
        returnId: command.returnId,
        userId: order.userId,
        lines,
        refundMinor: totalMinorOf(lines),
        currency: order.currency,
        isFull,
        reason: '',
        occurredAt: command.nowMs,
      },
      reason: command.reason,
    },
  ];
};

const base = (order: Common): Common => ({
  orderId: order.orderId,
  userId: order.userId,
  version: order.version,
  lines: order.lines,
  totalMinor: order.totalMinor,
  currency: order.currency,
  placedAtMs: order.placedAtMs,
  deadlineMs: order.deadlineMs,
});

const quantityOf = (lines: readonly { productId: string; quantity: number }[], productId: string): number =>
  lines.find((line) => line.productId === productId)?.quantity ?? 0;

/** The sum of the lines in minor units. It is not a safe integer when it is too large: check it. */
export const sumMinor = (lines: readonly { quantity: number; unitPriceMinor: number }[]): number =>
  lines.reduce((sum, { quantity, unitPriceMinor }) => sum + quantity * unitPriceMinor, 0);

const totalMinorOf = (lines: readonly { quantity: number; unitPriceMinor: number }[]): number => {
  const total = sumMinor(lines);
  assert(Number.isSafeInteger(total), 'an order total is a safe integer of minor units');
  return total;
};

/** Sums items of the same product; sorted by product. */
export const mergeItems = (
  items: readonly { productId: string; quantity: number }[],
): { productId: string; quantity: number }[] => {
  const sums = new Map<string, number>();
  for (const { productId, quantity } of items) sums.set(productId, (sums.get(productId) ?? 0) + quantity);
  return [...sums]
    .map(([productId, quantity]) => ({ productId, quantity }))
    .sort((a, b) => (a.productId < b.productId ? -1 : 1));
};
