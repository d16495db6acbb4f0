import { assert } from '#platform/assert';
import type {
  OrderCancelled,
  OrderConfirmed,
  OrderDelivered,
  OrderPlaced,
  OrderPlacedLine,
  OrderReturned,
  OrderShipped,
} from '#schemas/events';

const cancellationReasons = [
  'out_of_stock',
  'payment_declined',
  'payment_unavailable',
  'payment_failed',
  'timed_out',
  'customer',
] as const;

export type CancellationReason = (typeof cancellationReasons)[number];

/** A line of the order. `returned` pieces of it have been sent back: 0 <= returned <= quantity. */
export type OrderLine = OrderPlacedLine & { returned: number };

/** Who carries the goods; null where staff did not say. */
export type Shipment = { carrier: string | null; trackingNumber: string | null };

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
  /** Refunds that belong to no return: what staff gave back out of goodwill. */
  goodwillMinor: number;
};

/** After a declined payment: until when the buyer may try to pay again, epoch ms. */
type Retry = { retryUntilMs: number | null };

export type Order =
  | { status: 'new' }
  /** `paymentId` is set when `PaymentAuthorized` arrived before `StockReserved`. */
  | (Common & Retry & { status: 'pending'; paymentId: string | null })
  | (Common & Retry & { status: 'reserved'; holdExpiresAtMs: number })
  | (Common & { status: 'paid'; paymentId: string })
  | (Common & { status: 'confirmed'; paymentId: string })
  | (Common & { status: 'shipped'; paymentId: string; shipment: Shipment })
  | (Common & { status: 'delivered'; paymentId: string })
  | (Common & { status: 'returned'; paymentId: string })
  | (Common & { status: 'cancelled'; reason: CancellationReason });

export const orderStatuses = [
  'pending',
  'reserved',
  'paid',
  'confirmed',
  'shipped',
  'delivered',
  'returned',
  'cancelled',
] as const satisfies readonly Exclude<Order['status'], 'new'>[];

export type OrderStatus = (typeof orderStatuses)[number];

/** Events without `data` only change this order's state: inventory and payment have published their own events. */
export type OrderEvent =
  | { type: 'OrderPlaced'; data: OrderPlaced; deadlineMs: number }
  | { type: 'StockHeld'; holdExpiresAtMs: number }
  | { type: 'MoneyGuaranteed'; paymentId: string }
  | { type: 'RetryAllowed'; untilMs: number }
  | { type: 'OrderConfirmed'; data: OrderConfirmed }
  | { type: 'OrderCancelled'; data: OrderCancelled }
  | { type: 'OrderShipped'; data: OrderShipped }
  | { type: 'OrderDelivered'; data: OrderDelivered }
  | { type: 'GoodwillNoted'; refundId: string; amountMinor: number; occurredAtMs: number }
  /** `reason` is the customer's own text, which is not published. */
  | { type: 'OrderReturned'; data: OrderReturned; reason: string };

/** An order as the buyer requests it, with current prices. */
export type OrderDraft = Omit<OrderPlaced, 'version' | 'totalMinor' | 'paymentToken'>;

export type OrderCommand =
  | { type: 'PlaceOrder'; draft: OrderDraft; paymentWaitMs: number }
  | { type: 'NoteStockReserved'; holdExpiresAtMs: number; nowMs: number }
  | { type: 'NotePaymentAuthorized'; paymentId: string; nowMs: number }
  | { type: 'CancelOrder'; reason: CancellationReason; nowMs: number }
  /** `retryUntilMs` is null where the buyer may not try again. */
  | { type: 'NotePaymentDeclined'; retryUntilMs: number | null; nowMs: number }
  /** The buyer or staff want the order cancelled: possible until the goods leave. `customer` if no reason is given. */
  | { type: 'CancelAtRequest'; reason?: CancellationReason; nowMs: number }
  /** What is null in `shipment` stays as it was said before. */
  | { type: 'ShipOrder'; shipment: Shipment; nowMs: number }
  | { type: 'DeliverOrder'; nowMs: number }
  /** Money went back that belongs to no return and to no cancellation. Once for each refund. */
  | { type: 'NoteGoodwill'; refundId: string; amountMinor: number; nowMs: number }
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

type Status = Order['status'];

export type OrderRefusal =
  | { refused: 'order_not_cancellable' | 'order_not_shippable' | 'order_not_deliverable'; status: Status }
  | { refused: 'order_not_returnable'; status: Status }
  | { refused: 'not_in_order'; productId: string }
  | { refused: 'return_exceeds_purchase'; productId: string; returnable: number };

export type Decision = readonly OrderEvent[] | OrderRefusal;

export const isRefusal = (decision: Decision): decision is OrderRefusal => 'refused' in decision;

/**
 * The state machine: for each status, the events that are possible in it and the statuses to which each may lead. An
 * event that is not here is a bug, and `evolve` ends the process before it is stored.
 */
export const transitions: {
  readonly [S in Status]: { readonly [T in OrderEvent['type']]?: readonly Status[] };
} = {
  new: { OrderPlaced: ['pending'] },
  pending: {
    StockHeld: ['reserved'],
    MoneyGuaranteed: ['pending'],
    RetryAllowed: ['pending'],
    OrderCancelled: ['cancelled'],
  },
  reserved: { MoneyGuaranteed: ['paid'], RetryAllowed: ['reserved'], OrderCancelled: ['cancelled'] },
  paid: { OrderConfirmed: ['confirmed'] },
  confirmed: {
    OrderShipped: ['shipped'],
    OrderReturned: ['confirmed', 'returned'],
    OrderCancelled: ['cancelled'],
    GoodwillNoted: ['confirmed'],
  },
  shipped: {
    OrderShipped: ['shipped'],
    OrderDelivered: ['delivered'],
    OrderReturned: ['shipped', 'returned'],
    GoodwillNoted: ['shipped'],
  },
  delivered: { OrderReturned: ['delivered', 'returned'], GoodwillNoted: ['delivered'] },
  returned: {},
  cancelled: {},
};

const nothing: readonly OrderEvent[] = [];

/**
 * Decides the events that follow from `command`. A command that arrives twice or late changes nothing. One that arrives
 * before the event it belongs with is kept until that event arrives. Only the wish of a person can be refused.
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
    case 'NotePaymentDeclined':
      return declined(command, order);
    case 'CancelAtRequest':
      if (isOpen(order) || order.status === 'confirmed')
        return [cancelled(order, command.reason ?? 'customer', command.nowMs)];
      return order.status === 'cancelled'
        ? nothing
        : { refused: 'order_not_cancellable', status: order.status };
    case 'ShipOrder':
      return ship(command, order);
    case 'DeliverOrder':
      if (order.status === 'shipped')
        return [{ type: 'OrderDelivered', data: { ...ownFact(order), occurredAt: command.nowMs } }];
      return order.status === 'delivered'
        ? nothing
        : { refused: 'order_not_deliverable', status: order.status };
    case 'NoteGoodwill': {
      if (!isSold(order)) return nothing;
      const { refundId, nowMs } = command;
      // Where goods came back while the refund was on its way, payment takes it off what it pays for them.
      const amountMinor = Math.min(command.amountMinor, refundableMinor(order));
      return amountMinor > 0
        ? [{ type: 'GoodwillNoted', refundId, amountMinor, occurredAtMs: nowMs }]
        : nothing;
    }
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
  const after = next(order, event);
  assert(
    transitions[order.status][event.type]?.includes(after.status) === true,
    `${event.type} does not lead from ${order.status} to ${after.status}`,
  );
  return after;
};

const next = (order: Order, event: OrderEvent): Order => {
  if (event.type === 'OrderPlaced') return opened(event);
  assert(order.status !== 'new', `${event.type} belongs to an order that was placed`);
  switch (event.type) {
    case 'StockHeld':
      return {
        ...base(order),
        status: 'reserved',
        holdExpiresAtMs: event.holdExpiresAtMs,
        retryUntilMs: 'retryUntilMs' in order ? order.retryUntilMs : null,
      };
    case 'RetryAllowed':
      return { ...order, retryUntilMs: event.untilMs } as Order;
    case 'MoneyGuaranteed':
      return order.status === 'pending'
        ? { ...order, paymentId: event.paymentId, retryUntilMs: null }
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
    case 'OrderShipped': {
      const { version, carrier, trackingNumber } = event.data;
      return { ...sold(order), version, status: 'shipped', shipment: { carrier, trackingNumber } };
    }
    case 'OrderDelivered':
      return { ...sold(order), version: event.data.version, status: 'delivered' };
    case 'GoodwillNoted':
      return { ...order, goodwillMinor: order.goodwillMinor + event.amountMinor };
    case 'OrderReturned':
      return afterReturn(order, event.data);
    default:
      return event satisfies never;
  }
};

const afterReturn = (order: Common & Order, { version, lines: back, isFull }: OrderReturned): Order => {
  assert(isSold(order), 'only goods that were sold are returned');
  const lines = order.lines.map((line) => ({
    ...line,
    returned: line.returned + quantityOf(back, line.productId),
  }));
  return isFull ? { ...sold(order), version, lines, status: 'returned' } : { ...order, version, lines };
};

type Sold = Extract<Order, { status: 'confirmed' | 'shipped' | 'delivered' | 'returned' }>;

/** An order whose goods are sold, and of which some may be back. */
const isSold = (order: Order): order is Sold => isSoldStatus(order.status);

/** As `isSold`, of the status alone. */
export const isSoldStatus = (status: Status): status is Sold['status'] =>
  status === 'confirmed' || status === 'shipped' || status === 'delivered' || status === 'returned';

const sold = (order: Order): Common & { paymentId: string } => {
  assert(isSold(order), 'the order was sold');
  return { ...base(order), paymentId: order.paymentId };
};

type OpenStatus = 'pending' | 'reserved' | 'paid';

/** As `isOpen`, of the status alone. */
export const isOpenStatus = (status: Status): status is OpenStatus =>
  status === 'pending' || status === 'reserved' || status === 'paid';

/** Nothing follows on it any more. */
export const isFinalStatus = (status: Status): boolean => Object.keys(transitions[status]).length === 0;

/** An order that may still be confirmed, or given up. */
export const isOpen = (order: Order): order is Extract<Order, { status: OpenStatus }> =>
  isOpenStatus(order.status);

const retryUntilMsOf = (order: Order): number | null => ('retryUntilMs' in order ? order.retryUntilMs : null);

/**
 * When the sweeper has to check an open order, epoch ms: at the end of its hold, and at its own deadline or, where the
 * buyer may try to pay again until another time, at that one instead.
 */
export const dueAtMs = (order: Order): number | null => {
  if (!isOpen(order)) return null;
  const ends = [retryUntilMsOf(order) ?? order.deadlineMs];
  if (order.status === 'reserved') ends.push(order.holdExpiresAtMs);
  return Math.min(...ends);
};

/**
 * The reason to cancel `order` at `nowMs`, if there is one. Inventory does not free an expired hold by itself:
 * confirming and cancelling are both decided here, on one row, so that a hold cannot end while its order is being
 * confirmed.
 */
const overdue = (order: Extract<Order, { status: OpenStatus }>, nowMs: number): CancellationReason | null => {
  const retryUntilMs = retryUntilMsOf(order);
  if (retryUntilMs !== null && nowMs >= retryUntilMs) return 'payment_declined';
  if (order.status === 'reserved' && nowMs >= order.holdExpiresAtMs) return 'timed_out';
  if (retryUntilMs !== null || nowMs < order.deadlineMs) return null;
  return order.status === 'reserved' ? 'payment_unavailable' : 'timed_out';
};

const declined = (
  { retryUntilMs, nowMs }: Extract<OrderCommand, { type: 'NotePaymentDeclined' }>,
  order: Order,
): readonly OrderEvent[] => {
  // A payment that was authorised meanwhile is newer than this refusal.
  if (!isOpen(order) || (order.status === 'pending' && order.paymentId !== null)) return nothing;
  return retryUntilMs === null || retryUntilMs <= nowMs || order.status === 'paid'
    ? [cancelled(order, 'payment_declined', nowMs)]
    : [{ type: 'RetryAllowed', untilMs: retryUntilMs }];
};

/** Staff may correct who carries the goods for as long as they are on their way. What they do not say again stays. */
const ship = ({ shipment, nowMs }: Extract<OrderCommand, { type: 'ShipOrder' }>, order: Order): Decision => {
  if (order.status !== 'confirmed' && order.status !== 'shipped')
    return { refused: 'order_not_shippable', status: order.status };
  const known = order.status === 'shipped' ? order.shipment : undefined;
  const carried: Shipment = {
    carrier: shipment.carrier ?? known?.carrier ?? null,
    trackingNumber: shipment.trackingNumber ?? known?.trackingNumber ?? null,
  };
  if (known !== undefined && isSame(known, carried)) return nothing;
  return [{ type: 'OrderShipped', data: { ...ownFact(order), ...carried, occurredAt: nowMs } }];
};

const isSame = (one: Shipment, other: Shipment): boolean =>
  (Object.keys(other) as (keyof Shipment)[]).every((field) => one[field] === other[field]);

const ownFact = (order: Common) => ({
  orderId: order.orderId,
  version: order.version + 1,
  userId: order.userId,
});

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
  goodwillMinor: 0,
  retryUntilMs: null,
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
  data: { ...ownFact(order), reason, occurredAt: nowMs },
});

const returnItems = (command: Extract<OrderCommand, { type: 'ReturnItems' }>, order: Order): Decision => {
  if (!isSold(order) || order.status === 'returned')
    return { refused: 'order_not_returnable', status: order.status };
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
        refundMinor: Math.min(totalMinorOf(lines), refundableMinor(order)),
        currency: order.currency,
        isFull,
        reason: '',
        occurredAt: command.nowMs,
      },
      reason: command.reason,
    },
  ];
};

/** What the order has cost, less what went back or is due already: a return refunds no more than that. */
export const refundableMinor = ({
  totalMinor,
  lines,
  goodwillMinor,
}: Pick<Common, 'totalMinor' | 'lines' | 'goodwillMinor'>): number => {
  const returned = lines.map((line) => ({ ...line, quantity: line.returned }));
  return Math.max(0, totalMinor - sumMinor(returned) - goodwillMinor);
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
  goodwillMinor: order.goodwillMinor,
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
