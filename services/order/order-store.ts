import { assert } from '#platform/assert';
import type { Clock } from '#platform/clock';
import { newId } from '#platform/ids';
import { type EventMessage, type EventPublisher, headerNames } from '#platform/messaging/events';
import { append } from '#platform/outbox/outbox';
import type { Queryable } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';
import { currentCorrelation } from '#platform/telemetry/correlation';
import { currentTraceparent } from '#platform/telemetry/tracing';
import type { EventMap, EventType, Sale } from '#schemas/events';
import {
  type CancellationReason,
  decide,
  dueAtMs,
  evolve,
  isRefusal,
  type Order,
  type OrderCommand,
  type OrderDraft,
  type OrderEvent,
  type OrderLine,
  type OrderStatus,
  type ReturnRefusal,
  sumMinor,
} from './order.js';
import type { ShippingAddress } from './order-view.js';
import { refundsOf, salesOf, undoneOf } from './sales.js';
import { noteRefundDue } from './settlement.js';
import { noteOwn } from './timeline.js';

/** Data of the order that no decision needs; none of it is on a topic that is kept for ever. */
export type Particulars = {
  /** The provider's token, for the payment service only; this service does not store it. */
  paymentToken: string;
  email: string | null;
  guestTokenHash: Buffer | null;
  shippingAddress: ShippingAddress;
};

export type OverdueOrder = {
  orderId: string;
  dueAt: Date;
  correlationId: string;
  traceparent: string | null;
};

/** The outcome of a command: the order's state before and after, and the events. */
export type Outcome = { before: Order; after: Order; events: readonly OrderEvent[] };

export type OrderStore = {
  /** Writes a new order, its timeline and its events. */
  open(
    tx: Tx,
    command: Extract<OrderCommand, { type: 'PlaceOrder' }>,
    particulars: Particulars,
  ): Promise<Outcome>;
  /** Loads and locks the order, decides, and writes state, timeline, events and sales. Null for no such order. */
  update(tx: Tx, orderId: string, command: OrderCommand): Promise<Outcome | ReturnRefusal | null>;
  /** Orders past their deadline, longest overdue first. They are not locked: `update` checks the deadline again. */
  overdue(
    db: Queryable,
    nowMs: number,
    page: { after: OverdueOrder | undefined; ordersMax: number },
  ): Promise<OverdueOrder[]>;
  countActive(db: Queryable): Promise<number>;
};

type KnownOrder = Exclude<Order, { status: 'new' }>;

/** The types of events that this service publishes; publishing another one does not compile. */
export const publishes = [
  'OrderPlaced',
  'PaymentInstructed',
  'OrderConfirmed',
  'OrderCancelled',
  'OrderReturned',
  'Sale',
] as const satisfies readonly EventType[];
export type Published = Pick<EventMap, (typeof publishes)[number]>;

type Events = Pick<EventPublisher<Published>, 'event'>;

/** Stores orders as rows. The row's lock makes one order's decisions follow one another. */
export const createOrderStore = ({ events, clock }: { events: Events; clock: Clock }): OrderStore => {
  /** Writes a decision: first the row, whose lock keeps the events in order, then the events. */
  const apply = async (
    tx: Tx,
    before: Order,
    decision: readonly OrderEvent[],
    save: (after: KnownOrder) => Promise<void>,
    furtherMessages: readonly EventMessage[] = [],
  ): Promise<Outcome> => {
    const after = decision.reduce(evolve, before);
    if (decision.length === 0) return { before, after, events: decision };
    assert(after.status !== 'new', 'an order with events exists');
    await save(after);
    const messages: EventMessage[] = [];
    let state = before;
    for (const event of decision) {
      const next = evolve(state, event);
      messages.push(...(await publish(tx, { events, clock }, event, state, next)));
      state = next;
    }
    await append(tx, [...messages, ...furtherMessages]);
    return { before, after, events: decision };
  };

  return {
    open: async (tx, command, particulars) => {
      const order: Order = { status: 'new' };
      const decision = decide(command, order);
      assert(!isRefusal(decision), 'placing an order is not refused here');
      const instruct = instruction(
        events,
        command.draft,
        sumMinor(command.draft.lines),
        particulars.paymentToken,
      );
      return apply(tx, order, decision, (after) => insert(tx, after, command, particulars), [instruct]);
    },

    update: async (tx, orderId, command) => {
      const row = await lock(tx, orderId);
      if (!row) return null;
      const order = orderOf(row);
      const decision = decide(command, order);
      if (isRefusal(decision)) return decision;
      return apply(tx, order, decision, (after) => save(tx, after, row.holdExpiresAt, clock.nowMs()));
    },

    overdue,
    countActive,
  };
};

const overdue: OrderStore['overdue'] = async (db, nowMs, { after, ordersMax }) => {
  const { rows } = await db.query<OverdueOrder>(
    `SELECT order_id AS "orderId", due_at AS "dueAt", correlation_id AS "correlationId", traceparent FROM orders
     WHERE due_at <= $1 AND ($2::timestamptz IS NULL OR (due_at, order_id) > ($2, $3::uuid))
     ORDER BY due_at, order_id LIMIT $4`,
    [new Date(nowMs), after?.dueAt ?? null, after?.orderId ?? null, ordersMax],
  );
  return rows;
};

const countActive: OrderStore['countActive'] = async (db) => {
  const { rows } = await db.query<{ orders: number }>(
    'SELECT count(*) AS orders FROM orders WHERE due_at IS NOT NULL',
  );
  return rows[0]?.orders ?? 0;
};

/** Appends the event and its sales to the outbox, and puts the event on the order's timeline. */
const publish = async (
  tx: Tx,
  { events, clock }: { events: Events; clock: Clock },
  event: OrderEvent,
  before: Order,
  after: Order,
): Promise<EventMessage[]> => {
  if (!('data' in event)) return [];
  const { type, data } = event;
  const { orderId, occurredAt } = data;
  const message = events.event(type, orderId, data, { occurredAt });
  const eventId = message.headers[headerNames.eventId] ?? '';
  const shown = event.type === 'OrderReturned' ? { ...data, reason: event.reason } : data;
  await noteOwn(tx, orderId, { eventId, type, occurredAtMs: occurredAt, data: shown });
  if (event.type === 'OrderReturned')
    await noteRefundDue(tx, {
      refundId: event.data.returnId,
      orderId,
      amountMinor: event.data.refundMinor,
    });
  return [
    message,
    ...saleRows(event, before, after, () => newId(clock)).map((sale) => saleMessage(events, sale)),
  ];
};

const saleMessage = (events: Events, sale: Sale): EventMessage =>
  events.event('Sale', sale.order_id, sale, { occurredAt: sale.occurred_at, eventId: sale.event_id });

/** The sales rows of the event, which analytics adds up. */
const saleRows = (event: OrderEvent, before: Order, after: Order, newSaleId: () => string): Sale[] => {
  assert(after.status !== 'new', 'an order with events exists');
  switch (event.type) {
    case 'OrderConfirmed':
      return salesOf(event.data, after.lines, newSaleId);
    case 'OrderReturned':
      return refundsOf(event.data, after.lines, newSaleId);
    case 'OrderCancelled':
      return before.status === 'confirmed' ? undoneOf(event.data, after, newSaleId) : [];
    default:
      return [];
  }
};

const instruction = (
  events: Events,
  { orderId, userId, currency, paymentMethod: method, occurredAt }: OrderDraft,
  amountMinor: number,
  token: string,
): EventMessage =>
  events.event(
    'PaymentInstructed',
    orderId,
    { orderId, userId, amountMinor, currency, method, token, occurredAt },
    { occurredAt },
  );

const insert = async (
  tx: Tx,
  order: KnownOrder,
  { draft }: Extract<OrderCommand, { type: 'PlaceOrder' }>,
  { email, guestTokenHash, shippingAddress }: Particulars,
): Promise<void> => {
  await tx.query(
    `INSERT INTO orders (order_id, user_id, guest_token_hash, email, status, version, lines, total_minor,
       currency, shipping_address, payment_method, correlation_id, traceparent, deadline_at, due_at, created_at,
       updated_at)
     VALUES ($1, $2, $3, $4, 'pending', $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, $14, $14)`,
    [
      order.orderId,
      order.userId,
      guestTokenHash,
      email,
      order.version,
      JSON.stringify(order.lines),
      order.totalMinor,
      order.currency,
      JSON.stringify(shippingAddress),
      draft.paymentMethod,
      currentCorrelation()?.correlationId ?? order.orderId,
      currentTraceparent() ?? null,
      new Date(order.deadlineMs),
      new Date(draft.occurredAt),
    ],
  );
};

const save = async (tx: Tx, order: KnownOrder, holdExpiresAt: Date | null, nowMs: number): Promise<void> => {
  const dueMs = dueAtMs(order);
  await tx.query(
    `UPDATE orders SET status = $2, reason = $3, version = $4, lines = $5, hold_expires_at = $6,
       payment_id = coalesce($7, payment_id), due_at = $8, updated_at = $9
     WHERE order_id = $1`,
    [
      order.orderId,
      order.status,
      order.status === 'cancelled' ? order.reason : null,
      order.version,
      JSON.stringify(order.lines),
      order.status === 'reserved' ? new Date(order.holdExpiresAtMs) : holdExpiresAt,
      'paymentId' in order ? order.paymentId : null,
      dueMs === null ? null : new Date(dueMs),
      new Date(nowMs),
    ],
  );
};

type Row = {
  orderId: string;
  userId: string | null;
  status: OrderStatus;
  reason: CancellationReason | null;
  version: number;
  lines: readonly OrderLine[];
  totalMinor: number;
  currency: string;
  paymentId: string | null;
  holdExpiresAt: Date | null;
  deadlineAt: Date;
  createdAt: Date;
};

const lock = async (tx: Tx, orderId: string): Promise<Row | undefined> => {
  const { rows } = await tx.query<Row>(
    `SELECT order_id AS "orderId", user_id AS "userId", status, reason, version, lines, total_minor AS "totalMinor",
            currency, payment_id AS "paymentId", hold_expires_at AS "holdExpiresAt", deadline_at AS "deadlineAt",
            created_at AS "createdAt"
     FROM orders WHERE order_id = $1 FOR UPDATE`,
    [orderId],
  );
  return rows[0];
};

const orderOf = (row: Row): Order => {
  const common = {
    orderId: row.orderId,
    userId: row.userId,
    version: row.version,
    lines: row.lines,
    totalMinor: row.totalMinor,
    currency: row.currency,
    placedAtMs: row.createdAt.getTime(),
    deadlineMs: row.deadlineAt.getTime(),
  };
  switch (row.status) {
    case 'pending':
      return { ...common, status: 'pending', paymentId: row.paymentId };
    case 'reserved':
      assert(row.holdExpiresAt !== null, 'a reserved order has the end of its hold');
      return { ...common, status: 'reserved', holdExpiresAtMs: row.holdExpiresAt.getTime() };
    case 'cancelled':
      assert(row.reason !== null, 'a cancelled order has a reason');
      return { ...common, status: 'cancelled', reason: row.reason };
    default:
      assert(row.paymentId !== null, `an order that is ${row.status} has a payment`);
      return { ...common, status: row.status, paymentId: row.paymentId };
  }
};
