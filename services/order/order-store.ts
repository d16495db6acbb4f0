import { assert } from '#platform/assert';
import type { Clock } from '#platform/clock';
import { newId } from '#platform/ids';
import type { EventMessage, EventPublisher, ReceivedEvent } from '#platform/messaging/events';
import { append } from '#platform/outbox/outbox';
import type { Queryable } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';
import { currentCorrelation } from '#platform/telemetry/correlation';
import { currentTraceparent } from '#platform/telemetry/tracing';
import { type EventMap, records, type Sale } from '#schemas/events';
import {
  type Decision,
  decide,
  dueAtMs,
  evolve,
  isRefusal,
  type Order,
  type OrderCommand,
  type OrderEvent,
  type OrderLine,
  type OrderStatus,
  type ReturnRefusal,
} from './order.js';
import { refundsOf, salesOf } from './sales.js';

export type ShippingAddress = {
  name: string;
  line1: string;
  line2?: string | undefined;
  city: string;
  postalCode: string;
  country: string;
};

/** What the order keeps beside the state it decides on; none of it travels on the log. */
export type Particulars = {
  email: string | null;
  guestTokenHash: Buffer | null;
  shippingAddress: ShippingAddress;
};

export type PaymentStatus =
  | 'pending'
  | 'authorized'
  | 'captured'
  | 'declined'
  | 'voided'
  | 'partially_refunded'
  | 'refunded';

export type OrderView = {
  orderId: string;
  userId: string | null;
  guestTokenHash: Buffer | null;
  status: OrderStatus;
  reason: string | null;
  version: number;
  lines: readonly OrderLine[];
  totalMinor: number;
  currency: string;
  shippingAddress: ShippingAddress;
  paymentId: string | null;
  paymentMethod: string;
  paymentStatus: PaymentStatus;
  createdAt: Date;
  updatedAt: Date;
};

export type TimelineEntry = {
  type: string;
  service: string;
  occurredAt: Date;
  data: Record<string, unknown>;
};

export type OverdueOrder = {
  orderId: string;
  dueAt: Date;
  correlationId: string;
  traceparent: string | null;
};

export type Refund = {
  refundId: string;
  orderId: string;
  paymentId: string;
  amountMinor: number;
  occurredAtMs: number;
};

/** What an order came to: its state before and after, and what it published on the way. */
export type Outcome = { before: Order; after: Order; events: readonly OrderEvent[] };

export type OrderStore = {
  place(
    tx: Tx,
    command: Extract<OrderCommand, { type: 'PlaceOrder' }>,
    particulars: Particulars,
  ): Promise<Outcome>;
  /** Loads and locks the order, decides, and writes state, timeline, events and sales. Null for no such order. */
  update(tx: Tx, orderId: string, command: OrderCommand): Promise<Outcome | ReturnRefusal | null>;
  /**
   * Puts another service's event on the order's timeline. False when it is there already: whatever follows from it
   * has followed, and must not follow again.
   */
  note(
    tx: Tx,
    orderId: string,
    event: Pick<ReceivedEvent, 'type' | 'eventId' | 'occurredAt' | 'topic'> & { value: object },
  ): Promise<boolean>;
  /** What the order shows of its payment; no decision rests on it. */
  notePayment(
    tx: Tx,
    orderId: string,
    paymentId: string,
    status: Exclude<PaymentStatus, 'partially_refunded' | 'refunded'>,
  ): Promise<void>;
  /** Counts a refund once, by its id; `refunded` is shown once all of them together are the whole total. */
  noteRefund(tx: Tx, refund: Refund): Promise<void>;
  find(db: Queryable, orderId: string): Promise<OrderView | undefined>;
  list(
    db: Queryable,
    filter: { userId?: string | undefined; status?: OrderStatus | undefined },
    page: { beforeOrderId: string | undefined; rowsMax: number },
  ): Promise<OrderView[]>;
  /** In the order in which things happened; those of one millisecond as they arrived here. */
  timeline(db: Queryable, orderId: string): Promise<TimelineEntry[]>;
  /** Orders whose time is up, longest overdue first. Not locked: `update` finds out whether they still are. */
  overdue(
    db: Queryable,
    nowMs: number,
    page: { after: OverdueOrder | undefined; ordersMax: number },
  ): Promise<OverdueOrder[]>;
  countActive(db: Queryable): Promise<number>;
};

type Row = Omit<OrderView, 'reason'> & {
  reason: string | null;
  holdExpiresAt: Date | null;
  deadlineAt: Date;
};

const columns = `order_id AS "orderId", user_id AS "userId", guest_token_hash AS "guestTokenHash", status, reason,
  version, lines, total_minor AS "totalMinor", currency, shipping_address AS "shippingAddress",
  payment_id AS "paymentId", payment_method AS "paymentMethod", payment_status AS "paymentStatus",
  hold_expires_at AS "holdExpiresAt", deadline_at AS "deadlineAt", created_at AS "createdAt",
  updated_at AS "updatedAt"`;

/** Orders as rows. The row's lock is what makes one order's decisions follow one another. */
export const createOrderStore = ({
  events,
  clock,
}: {
  events: Pick<EventPublisher<EventMap>, 'event'>;
  clock: Clock;
}): OrderStore => {
  const apply = async (
    tx: Tx,
    order: Order,
    decision: readonly OrderEvent[],
    save: (after: Order) => Promise<void>,
  ): Promise<Outcome> => {
    const after = decision.reduce(evolve, order);
    if (decision.length === 0) return { before: order, after, events: decision };
    await save(after);
    const messages = decision.flatMap((event) => messagesOf(event, after));
    await remember(tx, messages);
    await append(
      tx,
      messages.map(({ message }) => message),
    );
    return { before: order, after, events: decision };
  };

  const messagesOf = (
    event: OrderEvent,
    after: Order,
  ): { message: EventMessage; entry: TimelineEntry | null }[] => {
    if (!('data' in event)) return [];
    const { type, data } = event;
    const message = events.event(type, data.orderId, data, { occurredAt: data.occurredAt });
    const own = {
      message,
      entry: { type, service: 'order', occurredAt: new Date(data.occurredAt), data: shownOf(data) },
    };
    assert(after.status !== 'new', 'an order with events exists');
    const sales =
      type === 'OrderConfirmed'
        ? salesOf(data, after.lines, newSaleId)
        : type === 'OrderReturned'
          ? refundsOf(data, after.lines, newSaleId)
          : [];
    return [own, ...sales.map((sale) => ({ message: saleMessage(sale), entry: null }))];
  };

  const newSaleId = () => newId(clock);

  const saleMessage = (sale: Sale): EventMessage =>
    events.event('Sale', sale.order_id, sale, { occurredAt: sale.occurred_at, eventId: sale.event_id });

  const remember = async (
    tx: Tx,
    messages: readonly { message: EventMessage; entry: TimelineEntry | null }[],
  ): Promise<void> => {
    for (const { message, entry } of messages)
      if (entry !== null)
        await insertEntry(tx, String(message.key), message.headers['event-id'] ?? '', entry);
  };

  return {
    place: async (tx, command, { email, guestTokenHash, shippingAddress }) => {
      const order: Order = { status: 'new' };
      return apply(tx, order, accepted(decide(command, order)), async (after) => {
        assert(after.status === 'pending', 'a new order is pending');
        const { placed } = command;
        await tx.query(
          `INSERT INTO orders (order_id, user_id, guest_token_hash, email, status, version, lines, total_minor,
             currency, shipping_address, payment_method, correlation_id, traceparent, deadline_at, due_at, created_at,
             updated_at)
           VALUES ($1, $2, $3, $4, 'pending', $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, $14, $14)`,
          [
            after.orderId,
            after.userId,
            guestTokenHash,
            email,
            after.version,
            JSON.stringify(after.lines),
            after.totalMinor,
            after.currency,
            JSON.stringify(shippingAddress),
            placed.paymentMethod,
            currentCorrelation()?.correlationId ?? after.orderId,
            currentTraceparent() ?? null,
            new Date(after.deadlineMs),
            new Date(placed.occurredAt),
          ],
        );
      });
    },

    update: async (tx, orderId, command) => {
      const { rows } = await tx.query<Row>(`SELECT ${columns} FROM orders WHERE order_id = $1 FOR UPDATE`, [
        orderId,
      ]);
      const row = rows[0];
      if (!row) return null;
      const order = orderOf(row);
      const decision = decide(command, order);
      if (isRefusal(decision)) return decision;
      return apply(tx, order, decision, async (after) => {
        assert(after.status !== 'new', 'an order that exists stays');
        const dueMs = dueAtMs(after);
        await tx.query(
          `UPDATE orders SET status = $2, reason = $3, version = $4, lines = $5, hold_expires_at = $6,
             payment_id = coalesce($7, payment_id), due_at = $8, updated_at = $9
           WHERE order_id = $1`,
          [
            orderId,
            after.status,
            after.status === 'cancelled' ? after.reason : null,
            after.version,
            JSON.stringify(after.lines),
            after.status === 'reserved' ? new Date(after.holdExpiresAtMs) : row.holdExpiresAt,
            'paymentId' in after ? after.paymentId : null,
            dueMs === null ? null : new Date(dueMs),
            new Date(clock.nowMs()),
          ],
        );
      });
    },

    note: async (tx, orderId, { type, eventId, occurredAt, topic, value }) => {
      const service = serviceOf[topic] ?? topic;
      const entry = { type, service, occurredAt: new Date(occurredAt), data: shownOf(value) };
      return insertEntry(tx, orderId, eventId, entry);
    },

    notePayment: async (tx, orderId, paymentId, status) => {
      await tx.query(
        'UPDATE orders SET payment_id = $2, payment_status = $3, updated_at = $4 WHERE order_id = $1',
        [orderId, paymentId, status, new Date(clock.nowMs())],
      );
    },

    noteRefund: async (tx, { refundId, orderId, paymentId, amountMinor, occurredAtMs }) => {
      const { rowCount } = await tx.query(
        `INSERT INTO refunds (refund_id, order_id, amount_minor, refunded_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING`,
        [refundId, orderId, amountMinor, new Date(occurredAtMs)],
      );
      if (rowCount === 0) return;
      await tx.query(
        `UPDATE orders SET payment_id = $2, updated_at = $3, payment_status = CASE
           WHEN refunded.minor = 0 THEN payment_status
           WHEN refunded.minor < total_minor THEN 'partially_refunded' ELSE 'refunded' END
         FROM (SELECT coalesce(sum(amount_minor), 0) AS minor FROM refunds WHERE order_id = $1) AS refunded
         WHERE order_id = $1`,
        [orderId, paymentId, new Date(clock.nowMs())],
      );
    },

    find: async (db, orderId) => {
      const { rows } = await db.query<Row>(`SELECT ${columns} FROM orders WHERE order_id = $1`, [orderId]);
      return rows[0];
    },

    list: async (db, { userId, status }, { beforeOrderId, rowsMax }) => {
      const { rows } = await db.query<Row>(
        `SELECT ${columns} FROM orders
         WHERE ($1::uuid IS NULL OR user_id = $1) AND ($2::text IS NULL OR status = $2)
           AND ($3::uuid IS NULL OR order_id < $3)
         ORDER BY order_id DESC LIMIT $4`,
        [userId ?? null, status ?? null, beforeOrderId ?? null, rowsMax],
      );
      return rows;
    },

    timeline: async (db, orderId) => {
      const { rows } = await db.query<TimelineEntry>(
        `SELECT type, service, occurred_at AS "occurredAt", data FROM order_events
         WHERE order_id = $1 ORDER BY occurred_at, seq`,
        [orderId],
      );
      return rows;
    },

    overdue: async (db, nowMs, { after, ordersMax }) => {
      const { rows } = await db.query<OverdueOrder>(
        `SELECT order_id AS "orderId", due_at AS "dueAt", correlation_id AS "correlationId", traceparent FROM orders
         WHERE due_at <= $1 AND ($2::timestamptz IS NULL OR (due_at, order_id) > ($2, $3::uuid))
         ORDER BY due_at, order_id LIMIT $4`,
        [new Date(nowMs), after?.dueAt ?? null, after?.orderId ?? null, ordersMax],
      );
      return rows;
    },

    countActive: async (db) => {
      const { rows } = await db.query<{ orders: number }>(
        'SELECT count(*) AS orders FROM orders WHERE due_at IS NOT NULL',
      );
      return rows[0]?.orders ?? 0;
    },
  };
};

const serviceOf: Record<string, string> = {
  [records.StockReserved.topic]: 'inventory',
  [records.PaymentAuthorized.topic]: 'payment',
};

const insertEntry = async (
  tx: Tx,
  orderId: string,
  eventId: string,
  { type, service, occurredAt, data }: TimelineEntry,
): Promise<boolean> => {
  const { rowCount } = await tx.query(
    `INSERT INTO order_events (order_id, event_id, type, service, occurred_at, data)
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
    [orderId, eventId, type, service, occurredAt, JSON.stringify(data)],
  );
  return rowCount === 1;
};

type SagaEvents = EventMap['OrderPlaced'] &
  EventMap['OrderReturned'] &
  EventMap['StockReserved'] &
  EventMap['PaymentRefunded'];

/** What the timeline tells of an event. A field is not shown to buyers until it is named here. */
const fieldsShown = [
  'version',
  'userId',
  'visitId',
  'lines',
  'totalMinor',
  'currency',
  'paymentMethod',
  'shippingCountry',
  'paymentId',
  'returnId',
  'refundMinor',
  'isFull',
  'reason',
  'expiresAt',
  'refundId',
  'amountMinor',
  'method',
] as const satisfies readonly (keyof SagaEvents)[];

const shownOf = (value: object): Record<string, unknown> => {
  const fields = value as Record<string, unknown>;
  return Object.fromEntries(fieldsShown.filter((name) => name in fields).map((name) => [name, fields[name]]));
};

const accepted = (decision: Decision): readonly OrderEvent[] => {
  assert(!isRefusal(decision), 'placing an order is not refused here');
  return decision;
};

const orderOf = (row: Row): Order => {
  const placed = {
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
      return { ...placed, status: 'pending', paymentId: row.paymentId };
    case 'reserved':
      assert(row.holdExpiresAt !== null, 'a reserved order knows when its hold expires');
      return { ...placed, status: 'reserved', holdExpiresAtMs: row.holdExpiresAt.getTime() };
    case 'cancelled':
      return { ...placed, status: 'cancelled', reason: row.reason as never };
    default:
      assert(row.paymentId !== null, `an order that is ${row.status} knows its payment`);
      return { ...placed, status: row.status, paymentId: row.paymentId };
  }
};
