import { assert } from '#platform/assert';
import type { Clock } from '#platform/clock';
import { newId } from '#platform/ids';
import type { EventMessage, EventPublisher } from '#platform/messaging/events';
import { headerNames } from '#platform/messaging/record-headers';
import { append } from '#platform/outbox/outbox';
import { type Batch, readBatch, writeBatch } from '#platform/postgres/gathering';
import { listParameter } from '#platform/postgres/list-parameter';
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
  type OrderRefusal,
  type OrderStatus,
  refundableMinor,
  type Shipment,
  sumMinor,
} from './order.js';
import type { ShippingAddress } from './order-view.js';
import { goodwillOf, refundsOf, salesOf, undoneOf } from './sales.js';
import { noteRefundDue, noteRefundsAsked, type Refund, type ShownStatus } from './settlement.js';
import { type EventOrigin, noteOwn, returnsOf } from './timeline.js';

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
  /**
   * Loads and locks the order, decides, and writes state, timeline, events and sales. Null for no such order. `shown` is
   * written with the state: only where the outcome has events.
   */
  update(
    tx: Tx,
    orderId: string,
    command: OrderCommand,
    shown?: ShownStatus,
  ): Promise<Outcome | OrderRefusal | null>;
  /** Asks the other services for what the order still waits for. The caller has locked the order by `update`. */
  askForSteps(tx: Tx, orderId: string, order: Order): Promise<void>;
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
  'GuestContactGiven',
  'OrderConfirmed',
  'OrderCancelled',
  'OrderShipped',
  'OrderDelivered',
  'OrderReturned',
  'OrderStepsAsked',
  'Sale',
] as const satisfies readonly EventType[];
export type Published = Pick<EventMap, (typeof publishes)[number]>;

type Events = Pick<EventPublisher<Published>, 'event'>;

// Over seventy lines: how a decision is written, and the ways to one.
/** Stores orders as rows. The row's lock makes one order's decisions follow one another. */
export const createOrderStore = ({ events, clock }: { events: Events; clock: Clock }): OrderStore => {
  /** Writes a decision: the row, whose lock keeps the events in order, is sent before the events. */
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
    const messages: EventMessage[] = [];
    const saved = save(after);
    const notes: Promise<void>[] = [];
    let state = before;
    for (const event of decision) {
      const next = evolve(state, event);
      const published = publish(tx, { events, clock }, event, state, next);
      messages.push(...published.messages);
      notes.push(published.noted);
      state = next;
    }
    await Promise.all([saved, ...notes, append(tx, [...messages, ...furtherMessages])]);
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
      return apply(tx, order, decision, (after) => tx.gather(insertAll, rowOf(after, command, particulars)), [
        instruct,
        ...guestContact(events, command.draft, particulars),
      ]);
    },

    update: async (tx, orderId, command, shown = {}) => {
      const row = await tx.gather(lockAll, orderId);
      if (!row) return null;
      const order = orderOf(row);
      const decision = decide(command, order);
      if (isRefusal(decision)) return decision;
      return apply(tx, order, decision, (after) =>
        tx.gather(saveAll, { ...changeOf(after, row, clock.nowMs()), ...shownIn(after, shown) }),
      );
    },

    askForSteps: async (tx, orderId, order) => {
      assert(order.status !== 'new', 'the order exists');
      const occurredAt = clock.nowMs();
      const steps = {
        orderId,
        status: order.status,
        reason: order.status === 'cancelled' ? order.reason : null,
        lines: order.lines.map(({ productId, quantity }) => ({ productId, quantity })),
        returns: await returnsOf(tx, orderId),
        occurredAt,
      };
      const message = events.event('OrderStepsAsked', orderId, steps, { occurredAt });
      const { status, reason } = steps;
      await Promise.all([
        noteOwn(tx, orderId, {
          eventId: message.headers[headerNames.eventId] ?? '',
          type: 'OrderStepsAsked',
          occurredAtMs: occurredAt,
          data: { status, reason },
          origin: originOf(message),
        }),
        append(tx, [message]),
        noteRefundsAsked(tx, orderId),
      ]);
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

/** The messages of the event and of its sales; puts the event on the order's timeline. */
const publish = (
  tx: Tx,
  { events, clock }: { events: Events; clock: Clock },
  event: OrderEvent,
  before: Order,
  after: Order,
): { messages: EventMessage[]; noted: Promise<void> } => {
  const sales = saleRows(event, before, after, () => newId(clock)).map((sale) => saleMessage(events, sale));
  if (!('data' in event)) return { messages: sales, noted: Promise.resolve() };
  const { type, data } = event;
  const { orderId, occurredAt } = data;
  const message = events.event(type, orderId, data, { occurredAt });
  const shown = event.type === 'OrderReturned' ? { ...data, reason: event.reason } : data;
  const note = async (): Promise<void> => {
    const eventId = message.headers[headerNames.eventId] ?? '';
    await noteOwn(tx, orderId, {
      eventId,
      type,
      occurredAtMs: occurredAt,
      data: shown,
      origin: originOf(message),
    });
    const due = refundDue(event, before);
    if (due !== undefined) await noteRefundDue(tx, due);
  };
  return { messages: [message, ...sales], noted: note() };
};

/** What is known of an own event before it is on the log. */
const originOf = ({ topic, key, headers }: EventMessage): EventOrigin => ({
  correlationId: headers[headerNames.correlationId] ?? key,
  causationId: headers[headerNames.causationId] ?? null,
  traceparent: headers[headerNames.traceparent] ?? null,
  topic,
  partition: null,
  offset: null,
  attempt: 1,
});

/** The refund that the event makes due. A cancelled sale is refunded under the order's own id. */
const refundDue = (event: OrderEvent, before: Order): Refund | undefined => {
  if (event.type === 'OrderReturned') {
    const { returnId: refundId, orderId, refundMinor: amountMinor } = event.data;
    return amountMinor === 0 ? undefined : { refundId, orderId, amountMinor };
  }
  // After `payment_failed` there is no money to give back.
  if (event.type !== 'OrderCancelled' || before.status !== 'confirmed') return undefined;
  if (event.data.reason === 'payment_failed') return undefined;
  const { orderId } = event.data;
  const amountMinor = refundableMinor(before);
  return amountMinor === 0 ? undefined : { refundId: orderId, orderId, amountMinor };
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
    case 'GoodwillNoted':
      return goodwillOf(event, after, newSaleId);
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

/** How a guest is reached; an account's contact comes from the user service. */
const guestContact = (
  events: Events,
  { orderId, userId, occurredAt }: OrderDraft,
  { email, shippingAddress: { name } }: Particulars,
): EventMessage[] =>
  userId !== null || email === null
    ? []
    : [events.event('GuestContactGiven', orderId, { orderId, email, name, occurredAt }, { occurredAt })];

/** The row of a new order, as `insertAll` writes it. */
const rowOf = (
  order: KnownOrder,
  { draft }: Extract<OrderCommand, { type: 'PlaceOrder' }>,
  { email, guestTokenHash, shippingAddress }: Particulars,
) => ({
  orderId: order.orderId,
  userId: order.userId,
  guestTokenHash: guestTokenHash?.toString('hex') ?? null,
  email,
  version: order.version,
  lines: order.lines,
  totalMinor: order.totalMinor,
  currency: order.currency,
  shippingAddress,
  paymentMethod: draft.paymentMethod,
  correlationId: currentCorrelation()?.correlationId ?? order.orderId,
  traceparent: currentTraceparent() ?? null,
  deadlineAt: new Date(order.deadlineMs),
  createdAt: new Date(draft.occurredAt),
});

const insertAll = writeBatch<ReturnType<typeof rowOf>>((tx, rows) =>
  tx.query(
    `INSERT INTO orders (order_id, user_id, guest_token_hash, email, status, version, lines, total_minor,
       currency, shipping_address, payment_method, correlation_id, traceparent, deadline_at, due_at, created_at,
       updated_at)
     SELECT "orderId", "userId", decode("guestTokenHash", 'hex'), email, 'pending', version, lines, "totalMinor",
       currency, "shippingAddress", "paymentMethod", "correlationId", traceparent, "deadlineAt", "deadlineAt",
       "createdAt", "createdAt"
     FROM jsonb_to_recordset($1::jsonb) AS row("orderId" uuid, "userId" uuid, "guestTokenHash" text, email text,
       version integer, lines jsonb, "totalMinor" bigint, currency text, "shippingAddress" jsonb,
       "paymentMethod" text, "correlationId" text, traceparent text, "deadlineAt" timestamptz,
       "createdAt" timestamptz)`,
    [JSON.stringify(rows)],
  ),
);

const changeOf = (order: KnownOrder, before: Row, nowMs: number) => {
  const dueMs = dueAtMs(order);
  return {
    orderId: order.orderId,
    status: order.status,
    reason: order.status === 'cancelled' ? order.reason : null,
    version: order.version,
    // Only a return changes them.
    lines: order.lines === before.lines ? null : order.lines,
    holdExpiresAt: order.status === 'reserved' ? new Date(order.holdExpiresAtMs) : before.holdExpiresAt,
    shipment: order.status === 'shipped' ? order.shipment : null,
    goodwillMinor: order.goodwillMinor,
    retryUntil: 'retryUntilMs' in order && order.retryUntilMs !== null ? new Date(order.retryUntilMs) : null,
    dueAt: dueMs === null ? null : new Date(dueMs),
    updatedAt: new Date(nowMs),
  };
};

const shownIn = (order: KnownOrder, { stock, payment }: ShownStatus) => ({
  stockStatus: stock ?? null,
  paymentStatus: payment?.status ?? null,
  paymentId: ('paymentId' in order ? order.paymentId : null) ?? payment?.paymentId ?? null,
});

const saveAll = writeBatch<ReturnType<typeof changeOf> & ReturnType<typeof shownIn>>((tx, changes) =>
  tx.query(
    `UPDATE orders SET status = change.status, reason = change.reason, version = change.version,
       lines = coalesce(change.lines, orders.lines), hold_expires_at = change."holdExpiresAt",
       payment_id = coalesce(change."paymentId", payment_id), due_at = change."dueAt",
       stock_status = coalesce(change."stockStatus", stock_status),
       payment_status = coalesce(change."paymentStatus", payment_status),
       shipment = coalesce(change.shipment, orders.shipment), goodwill_minor = change."goodwillMinor",
       retry_until = change."retryUntil", updated_at = change."updatedAt"
     FROM jsonb_to_recordset($1::jsonb) AS change("orderId" uuid, status text, reason text, version integer,
       lines jsonb, "holdExpiresAt" timestamptz, "paymentId" uuid, shipment jsonb, "goodwillMinor" bigint,
       "retryUntil" timestamptz, "dueAt" timestamptz, "updatedAt" timestamptz, "stockStatus" text,
       "paymentStatus" text)
     WHERE orders.order_id = change."orderId"`,
    [JSON.stringify(changes)],
  ),
);

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
  shipment: Shipment | null;
  goodwillMinor: number;
  retryUntil: Date | null;
  deadlineAt: Date;
  createdAt: Date;
};

/** Locks the orders, in the order of their ids, so that two transactions cannot deadlock here. */
const lockAll: Batch<string, Row | undefined> = readBatch(async (tx, orderIds) => {
  const { rows } = await tx.query<Row>(
    `SELECT order_id AS "orderId", user_id AS "userId", status, reason, version, lines, total_minor AS "totalMinor",
            currency, payment_id AS "paymentId", hold_expires_at AS "holdExpiresAt", deadline_at AS "deadlineAt",
            shipment, goodwill_minor AS "goodwillMinor", retry_until AS "retryUntil", created_at AS "createdAt"
     FROM orders WHERE order_id = ANY (${listParameter(1, 'uuid')}) ORDER BY order_id FOR UPDATE`,
    [orderIds],
  );
  const byId = new Map(rows.map((row) => [row.orderId, row]));
  return orderIds.map((orderId) => byId.get(orderId));
});

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
    goodwillMinor: row.goodwillMinor,
  };
  const retryUntilMs = row.retryUntil?.getTime() ?? null;
  switch (row.status) {
    case 'pending':
      // While the buyer may try again, the payment that the row shows is a declined one.
      return {
        ...common,
        status: 'pending',
        paymentId: retryUntilMs === null ? row.paymentId : null,
        retryUntilMs,
      };
    case 'reserved':
      assert(row.holdExpiresAt !== null, 'a reserved order has the end of its hold');
      return { ...common, status: 'reserved', holdExpiresAtMs: row.holdExpiresAt.getTime(), retryUntilMs };
    case 'cancelled':
      assert(row.reason !== null, 'a cancelled order has a reason');
      return { ...common, status: 'cancelled', reason: row.reason };
    case 'shipped':
      assert(row.paymentId !== null && row.shipment !== null, 'a shipped order has a payment and a shipment');
      return { ...common, status: 'shipped', paymentId: row.paymentId, shipment: row.shipment };
    default:
      assert(row.paymentId !== null, `an order that is ${row.status} has a payment`);
      return { ...common, status: row.status, paymentId: row.paymentId };
  }
};
