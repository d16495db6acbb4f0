import { assert } from '#platform/assert';
import type { Clock } from '#platform/clock';
import type { EventMessage, EventPublisher } from '#platform/messaging/events';
import { append } from '#platform/outbox/outbox';
import { type Batch, readBatch, writeBatch } from '#platform/postgres/gathering';
import { listParameter } from '#platform/postgres/list-parameter';
import type { Queryable } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';
import type { EventMap, EventType } from '#schemas/events';
import {
  type Charge,
  type Decision,
  decide,
  evolve,
  isRefusal,
  type Payment,
  type PaymentCommand,
  type PaymentEvent,
  type PaymentStatus,
  type Refund,
  refundedMinor,
} from './payment.js';
import { askAboutRefund, enqueue, hasten } from './provider-calls.js';

export type PaymentView = {
  paymentId: string;
  orderId: string;
  userId: string | null;
  status: PaymentStatus;
  amountMinor: number | null;
  currency: string | null;
  method: string | null;
  reason: string | null;
  refundedMinor: number;
  refunds: Refund[];
  /** Until when the buyer of a declined payment may try again. */
  retryUntil: Date | null;
  /** How many authorisations were asked for. */
  tries: number;
  createdAt: Date;
  updatedAt: Date;
};

export type RefundRequest = {
  refundId: string;
  paymentId: string;
  amountMinor: number;
  reason: string;
  requestedBy: string;
  createdAt: Date;
};

/** A refund that the provider has refused and staff have paid by other means. */
export type PaidOtherwise = {
  refundId: string;
  paymentId: string;
  amountMinor: number;
  reason: string;
  notedBy: string;
  notedAt: Date;
};

export type PaymentStore = {
  /** Loads and locks the order's payment, decides, and writes state, events and calls to the provider. */
  update(tx: Tx, orderId: string, command: PaymentCommand): Promise<Decision>;
  /** Makes the calls that the order's payment waits for due now. */
  hasten(tx: Tx, orderId: string): Promise<void>;
  /** Has the provider asked about the refund of this key, though it has confirmed it. */
  askAboutRefund(tx: Tx, key: string): Promise<void>;
  find(db: Queryable, by: { paymentId: string } | { orderId: string }): Promise<PaymentView | undefined>;
  /** Records who asked for a refund and why; the refund itself is a decision of the payment. */
  noteRefundRequest(tx: Tx, request: RefundRequest): Promise<void>;
  refundRequests(db: Queryable, paymentId: string): Promise<RefundRequest[]>;
  /** Records who paid a refund by other means and why; that it is paid is a decision of the payment. */
  notePaidOtherwise(tx: Tx, paid: PaidOtherwise): Promise<void>;
  /** Oldest first. */
  paidOtherwise(db: Queryable, paymentId: string): Promise<PaidOtherwise[]>;
  list(
    db: Queryable,
    filter: {
      orderId?: string | undefined;
      userId?: string | undefined;
      /** Inclusive. */
      from?: Date | undefined;
      /** Exclusive. */
      to?: Date | undefined;
    },
    page: { beforePaymentId: string | undefined; rowsMax: number },
  ): Promise<PaymentView[]>;
};

type Row = PaymentView & {
  token: string | null;
  cancelledFor: string | null;
  isRenewed: boolean;
  wasAuthorized: boolean;
  provider: string | null;
  holdExpiresAt: Date | null;
};

const columns = `payment_id AS "paymentId", order_id AS "orderId", user_id AS "userId", status,
  amount_minor AS "amountMinor", currency, method, provider, token, cancelled_for AS "cancelledFor", reason, refunds,
  is_renewed AS "isRenewed", was_authorized AS "wasAuthorized", tries, retry_until AS "retryUntil",
  hold_expires_at AS "holdExpiresAt", refunded_minor AS "refundedMinor", created_at AS "createdAt",
  updated_at AS "updatedAt"`;

/** The types of events that this service publishes; publishing another one does not compile. */
export const publishes = [
  'PaymentAuthorized',
  'PaymentDeclined',
  'PaymentCaptured',
  'PaymentVoided',
  'PaymentFailed',
  'PaymentRefunded',
  'RefundFailed',
] as const satisfies readonly EventType[];
export type Published = Pick<EventMap, (typeof publishes)[number]>;

export const createPaymentStore = ({
  events,
  clock,
}: {
  events: Pick<EventPublisher<Published>, 'event'>;
  clock: Clock;
}): PaymentStore => ({
  update: async (tx, orderId, command) => {
    const row = await tx.gather(lockAll, orderId);
    const payment = row ? paymentOf(row) : ({ status: 'new' } as const);
    const decision = decide(command, payment);
    if (isRefusal(decision) || decision.length === 0) return decision;
    const after = decision.reduce(evolve, payment);
    assert(after.status !== 'new', 'a payment with events exists');
    const nowMs = clock.nowMs();
    await Promise.all([
      // First, because a call refers to its payment.
      tx.gather(saveAll, changeOf(after, nowMs)),
      ...decision.map((event) => request(tx, event, after, nowMs)),
      append(
        tx,
        decision.flatMap((event) => published(events, event)),
      ),
    ]);
    return decision;
  },

  hasten: async (tx, orderId) => {
    const row = await tx.gather(lockAll, orderId);
    if (row !== undefined) await hasten(tx, row.paymentId, clock.nowMs());
  },

  askAboutRefund: (tx, key) => askAboutRefund(tx, key, clock.nowMs()),

  find: async (db, by) => {
    const [column, id] = 'paymentId' in by ? ['payment_id', by.paymentId] : ['order_id', by.orderId];
    const { rows } = await db.query<Row>(`SELECT ${columns} FROM payments WHERE ${column} = $1`, [id]);
    return rows[0];
  },

  noteRefundRequest: async (tx, { refundId, paymentId, amountMinor, reason, requestedBy, createdAt }) => {
    await tx.query(
      `INSERT INTO refund_requests (refund_id, payment_id, amount_minor, reason, requested_by, created_at)
       VALUES ($1, $2, $3, $4, $5, $6)`,
      [refundId, paymentId, amountMinor, reason, requestedBy, createdAt],
    );
  },

  refundRequests: async (db, paymentId) => {
    const { rows } = await db.query<RefundRequest>(
      `SELECT refund_id AS "refundId", payment_id AS "paymentId", amount_minor AS "amountMinor", reason,
              requested_by AS "requestedBy", created_at AS "createdAt"
       FROM refund_requests WHERE payment_id = $1`,
      [paymentId],
    );
    return rows;
  },

  notePaidOtherwise: async (tx, { refundId, paymentId, amountMinor, reason, notedBy, notedAt }) => {
    await tx.query(
      `INSERT INTO refunds_paid_otherwise (refund_id, payment_id, amount_minor, reason, noted_by, noted_at)
       VALUES ($1, $2, $3, $4, $5, $6)`,
      [refundId, paymentId, amountMinor, reason, notedBy, notedAt],
    );
  },

  paidOtherwise: async (db, paymentId) => {
    const { rows } = await db.query<PaidOtherwise>(
      `SELECT refund_id AS "refundId", payment_id AS "paymentId", amount_minor AS "amountMinor", reason,
              noted_by AS "notedBy", noted_at AS "notedAt"
       FROM refunds_paid_otherwise WHERE payment_id = $1 ORDER BY noted_at`,
      [paymentId],
    );
    return rows;
  },

  list: async (db, { orderId, userId, from, to }, { beforePaymentId, rowsMax }) => {
    const { rows } = await db.query<Row>(
      `SELECT ${columns} FROM payments
       WHERE ($1::uuid IS NULL OR user_id = $1) AND ($2::timestamptz IS NULL OR created_at >= $2)
         AND ($3::timestamptz IS NULL OR created_at < $3) AND ($4::uuid IS NULL OR payment_id < $4)
         AND ($5::uuid IS NULL OR order_id = $5)
       ORDER BY payment_id DESC LIMIT $6`,
      [userId ?? null, from ?? null, to ?? null, beforePaymentId ?? null, orderId ?? null, rowsMax],
    );
    return rows;
  },
});

/** Locks the orders' payments, in the order of their orders, so that two transactions cannot deadlock here. */
const lockAll: Batch<string, Row | undefined> = readBatch(async (tx, orderIds) => {
  const { rows } = await tx.query<Row>(
    `SELECT ${columns} FROM payments WHERE order_id = ANY (${listParameter(1, 'uuid')}) ORDER BY order_id FOR UPDATE`,
    [orderIds],
  );
  const byOrder = new Map(rows.map((row) => [row.orderId, row]));
  return orderIds.map((orderId) => byOrder.get(orderId));
});

const triesOf = (payment: Payment): number => ('tries' in payment ? (payment.tries ?? 1) : 1);

const changeOf = (payment: Exclude<Payment, { status: 'new' }>, nowMs: number) => {
  const charge: Partial<Charge> = 'amountMinor' in payment ? payment : {};
  return {
    paymentId: payment.paymentId,
    orderId: payment.orderId,
    status: payment.status,
    userId: charge.userId ?? null,
    amountMinor: charge.amountMinor ?? null,
    currency: charge.currency ?? null,
    method: charge.method ?? null,
    provider: charge.provider ?? null,
    token: payment.status === 'aborted' ? null : (charge.token ?? null),
    cancelledFor: payment.status === 'authorizing' ? payment.cancelledFor : null,
    reason: 'reason' in payment ? payment.reason : null,
    refunds: 'refunds' in payment ? payment.refunds : [],
    refundedMinor: refundedMinor(payment),
    at: new Date(nowMs),
    isRenewed: 'isRenewed' in payment && payment.isRenewed,
    wasAuthorized: 'wasAuthorized' in payment && payment.wasAuthorized,
    tries: triesOf(payment),
    retryUntil: 'retryUntilMs' in payment && payment.retryUntilMs ? new Date(payment.retryUntilMs) : null,
    holdExpiresAt:
      'holdExpiresAtMs' in payment && payment.holdExpiresAtMs ? new Date(payment.holdExpiresAtMs) : null,
  };
};

const saveAll = writeBatch<ReturnType<typeof changeOf>>((tx, changes) =>
  tx.query(
    `INSERT INTO payments (payment_id, order_id, status, user_id, amount_minor, currency, method, token,
       cancelled_for, reason, refunds, refunded_minor, created_at, updated_at, is_renewed, tries, retry_until,
       hold_expires_at, was_authorized, provider)
     SELECT "paymentId", "orderId", status, "userId", "amountMinor", currency, method, token, "cancelledFor", reason,
       refunds, "refundedMinor", at, at, "isRenewed", tries, "retryUntil", "holdExpiresAt",
       "wasAuthorized", provider
     FROM jsonb_to_recordset($1::jsonb) AS change("paymentId" uuid, "orderId" uuid, status text, "userId" uuid,
       "amountMinor" bigint, currency text, method text, token text, "cancelledFor" text, reason text,
       refunds jsonb, "refundedMinor" bigint, at timestamptz, "isRenewed" boolean, tries integer,
       "retryUntil" timestamptz, "holdExpiresAt" timestamptz, "wasAuthorized" boolean,
       provider text)
     ON CONFLICT (payment_id) DO UPDATE SET status = excluded.status, user_id = excluded.user_id,
       amount_minor = excluded.amount_minor, currency = excluded.currency, method = excluded.method,
       token = excluded.token, cancelled_for = excluded.cancelled_for, reason = excluded.reason,
       refunds = excluded.refunds, refunded_minor = excluded.refunded_minor, updated_at = excluded.updated_at,
       is_renewed = excluded.is_renewed, tries = excluded.tries, retry_until = excluded.retry_until,
       hold_expires_at = excluded.hold_expires_at, was_authorized = excluded.was_authorized,
       provider = excluded.provider`,
    [JSON.stringify(changes)],
  ),
);

/** Writes the provider call that a decision needs, in the same transaction. */
const request = async (
  tx: Tx,
  event: PaymentEvent,
  payment: Exclude<Payment, { status: 'new' }>,
  nowMs: number,
): Promise<void> => {
  const { paymentId, orderId } = payment;
  const amountMinor = ('amountMinor' in payment ? payment.amountMinor : undefined) ?? 0;
  const isRenewed = 'isRenewed' in payment && payment.isRenewed;
  const call = { paymentId, orderId, amountMinor, nowMs, isRenewed, tries: triesOf(payment) };
  switch (event.type) {
    case 'AuthorizationDue':
      return enqueue(tx, { ...call, kind: 'authorize' });
    case 'CaptureDue':
      return enqueue(tx, { ...call, kind: 'capture' });
    case 'RenewalDue':
      return enqueue(tx, { ...call, kind: 'renew' });
    case 'VoidDue':
      return enqueue(tx, { ...call, kind: 'void' });
    case 'RefundDue':
      return enqueue(tx, {
        ...call,
        kind: 'refund',
        amountMinor: event.amountMinor,
        refundId: event.refundId,
        tries: event.tries,
      });
    case 'CancellationNoted':
      return hasten(tx, paymentId, nowMs);
    default:
      return;
  }
};

const published = (events: Pick<EventPublisher<Published>, 'event'>, event: PaymentEvent): EventMessage[] => {
  if (!('data' in event)) return [];
  return [events.event(event.type, event.data.orderId, event.data, { occurredAt: event.data.occurredAt })];
};

const paymentOf = (row: Row): Payment => {
  const known = { paymentId: row.paymentId, orderId: row.orderId };
  const { status, amountMinor, currency, method, provider, userId, token } = row;
  const { refunds, isRenewed, tries } = row;
  const retryUntilMs = row.retryUntil?.getTime() ?? null;
  const holdExpiresAtMs = row.holdExpiresAt?.getTime() ?? null;
  if (status === 'awaiting_instruction') return { ...known, holdExpiresAtMs, status };
  if (status === 'aborted' && amountMinor === null) return { ...known, status, reason: row.reason ?? '' };
  assert(amountMinor !== null && currency !== null && method !== null, `a payment ${status} has a charge`);
  const charge = { amountMinor, currency, method, provider, userId, token };
  const charged = { ...known, ...charge, tries, retryUntilMs, holdExpiresAtMs };
  switch (status) {
    case 'awaiting_stock':
    case 'authorized':
      return { ...charged, status };
    case 'authorizing':
      return { ...charged, status, cancelledFor: row.cancelledFor };
    case 'capturing':
    case 'renewing':
    case 'captured':
      return { ...charged, status, refunds, isRenewed };
    case 'failed':
      return { ...charged, status, reason: row.reason ?? '', isRenewed };
    case 'voiding':
      return { ...charged, status, reason: row.reason ?? '', wasAuthorized: row.wasAuthorized };
    case 'declined':
    case 'voided':
    case 'aborted':
      return { ...charged, status, reason: row.reason ?? '' };
    default:
      return status satisfies never;
  }
};
