import { z } from 'zod';
import { writeBatch } from '#platform/postgres/gathering';
import { listParameter } from '#platform/postgres/list-parameter';
import type { Queryable } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';
import { currentCorrelation } from '#platform/telemetry/correlation';
import { currentTraceparent } from '#platform/telemetry/tracing';
import type { CallKind } from './provider.js';

export type ClaimedCall = {
  key: string;
  kind: CallKind;
  paymentId: string;
  orderId: string;
  amountMinor: number;
  refundId: string | null;
  /** True when the call belongs to the second authorisation of the payment, not the first. */
  isRenewed: boolean;
  /**
   * The authorisation that the call belongs to, where the buyer has tried again; for a refund, which of the tries to pay
   * it.
   */
  tries: number;
  /** The number of attempts, including this one. */
  attempts: number;
  currency: string;
  method: string;
  /** By which the payment is made; null where that was not kept. */
  provider: string | null;
  token: string | null;
  cancelledFor: string | null;
  dueSinceMs: number;
  correlationId: string;
  causationId: string | null;
  traceparent: string | null;
};

export const callsChannel = 'provider_calls';

/**
 * The provider's idempotency key. It is derived from the order, so that the money moves once, however often the call is
 * made and by whichever process. A call for a renewed authorisation has a key of its own, because the first was refused
 * for good.
 */
export const keyOf = (
  kind: CallKind,
  {
    orderId,
    isRenewed,
    tries,
    refundId,
  }: { orderId: string; isRenewed: boolean; tries: number; refundId?: string | null },
): string => {
  // What was refused under a key always will be, so asking again takes another one.
  if (kind === 'refund') return `${orderId}:refund:${refundId}${tries > 1 ? `:${tries}` : ''}`;
  // Each time that the buyer tries again is an authorisation of its own.
  if (kind === 'authorize' && tries > 1) return `${orderId}:authorize:${tries}`;
  return kind === 'capture' && isRenewed ? `${orderId}:capture:renewed` : `${orderId}:${kind}`;
};

/** The try that a refund's key is of. */
const refundTryIn = (key: string): number => Number(key.split(':')[3] ?? 1);

/** The order of a key that `keyOf` made; undefined for other texts. */
export const orderIdIn = (key: string | undefined): string | undefined =>
  z.uuid().safeParse(key?.split(':')[0]).data;

/** The key of the current authorisation. */
export const authorizationKeyOf = (call: { orderId: string; isRenewed: boolean; tries: number }): string =>
  keyOf(call.isRenewed ? 'renew' : 'authorize', call);

/** Writes a call to be made after `tx` has committed, and notifies the workers. */
export const enqueue = async (
  tx: Tx,
  call: {
    kind: CallKind;
    paymentId: string;
    orderId: string;
    amountMinor: number;
    refundId?: string;
    isRenewed: boolean;
    tries: number;
    nowMs: number;
  },
): Promise<void> => {
  const correlation = currentCorrelation();
  await tx.gather(writeAll, {
    key: keyOf(call.kind, call),
    paymentId: call.paymentId,
    kind: call.kind,
    amountMinor: call.amountMinor,
    refundId: call.refundId ?? null,
    dueAt: new Date(call.nowMs),
    correlationId: correlation?.correlationId ?? call.orderId,
    causationId: correlation?.causationId ?? null,
    traceparent: currentTraceparent() ?? null,
  });
};

type WrittenCall = Pick<
  ClaimedCall,
  'key' | 'paymentId' | 'kind' | 'amountMinor' | 'refundId' | 'correlationId' | 'causationId' | 'traceparent'
> & { dueAt: Date };

const writeAll = writeBatch<WrittenCall>((tx, calls) =>
  tx.query(
    `WITH written AS (
       INSERT INTO provider_calls (key, payment_id, kind, amount_minor, refund_id, due_at, correlation_id,
         causation_id, traceparent, created_at)
       SELECT key, "paymentId", kind, "amountMinor", "refundId", "dueAt", "correlationId", "causationId", traceparent,
         "dueAt"
       FROM jsonb_to_recordset($1::jsonb) AS call(key text, "paymentId" uuid, kind text, "amountMinor" bigint,
         "refundId" uuid, "dueAt" timestamptz, "correlationId" text, "causationId" text, traceparent text)
       ON CONFLICT (key) DO NOTHING
     )
     SELECT pg_notify($2, '')`,
    [JSON.stringify(calls), callsChannel],
  ),
);

/** Makes a payment's waiting calls due now, and one that is being made once more if it stays without an answer. */
export const hasten = async (tx: Tx, paymentId: string, nowMs: number): Promise<void> => {
  await tx.query(
    `WITH hastened AS (
       UPDATE provider_calls SET due_at = least(due_at, $2) WHERE payment_id = $1 AND is_open
     )
     SELECT pg_notify($3, '')`,
    [paymentId, new Date(nowMs), callsChannel],
  );
};

/** Has the provider asked once more about a refund that it has confirmed. Does nothing where it has not. */
export const askAboutRefund = async (tx: Tx, key: string, nowMs: number): Promise<void> => {
  await tx.query(
    `WITH reopened AS (
       UPDATE provider_calls SET is_open = true, due_at = $2
       WHERE key = $1 AND kind = 'refund' AND NOT is_open AND answer = 'refunded'
     )
     SELECT pg_notify($3, '')`,
    [key, new Date(nowMs), callsChannel],
  );
};

/**
 * Leases up to `callsMax` due calls for `leaseMs`; each is due again at the end of its lease. Calls of one payment are
 * made in the order in which they were written: a call is not leased while an earlier one is open, except a refund that
 * is to be asked about later, which may be days. Calls that were never tried come first, because otherwise calls without
 * an answer would occupy every place again and again.
 */
export const claim = async (
  db: Pick<Tx, 'query'>,
  { nowMs, leaseMs, callsMax }: { nowMs: number; leaseMs: number; callsMax: number },
): Promise<ClaimedCall[]> => {
  const { rows } = await db.query<ClaimedCall>(
    `WITH due AS (
       SELECT key FROM provider_calls c
       WHERE is_open AND due_at <= $1 AND (leased_until IS NULL OR leased_until <= $1)
         AND NOT EXISTS (SELECT FROM provider_calls e WHERE e.payment_id = c.payment_id AND e.is_open AND e.seq < c.seq
           AND NOT (e.kind = 'refund' AND e.due_at > $1 AND e.leased_until IS NULL))
       ORDER BY (attempts > 0), due_at LIMIT $2 FOR UPDATE SKIP LOCKED
     ), claimed AS (
       UPDATE provider_calls c SET attempts = attempts + 1, leased_until = $3, due_at = $3 FROM due WHERE c.key = due.key
       RETURNING c.*
     )
     SELECT c.key, c.kind, c.payment_id AS "paymentId", p.order_id AS "orderId", c.amount_minor AS "amountMinor",
            c.refund_id AS "refundId", c.attempts, p.currency, p.method, p.provider, p.token, p.is_renewed AS "isRenewed",
            p.tries,
            p.cancelled_for AS "cancelledFor", c.correlation_id AS "correlationId",
            c.causation_id AS "causationId", c.traceparent,
            (extract(epoch FROM c.created_at) * 1000)::bigint AS "dueSinceMs"
     FROM claimed c JOIN payments p USING (payment_id)`,
    [new Date(nowMs), callsMax, new Date(nowMs + leaseMs)],
  );
  return rows.map((call) => (call.kind === 'refund' ? { ...call, tries: refundTryIn(call.key) } : call));
};

/** No call rests, or is leased, for longer. */
export const callRestMsMax = 600_000;

/**
 * Makes calls due that are due later than any rest ends: the wall clock was set back since. One that another process is
 * making may be made twice then, under one key.
 */
export const endRestsOfAnotherTime = async (db: Pick<Tx, 'query'>, nowMs: number): Promise<void> => {
  await db.query('UPDATE provider_calls SET due_at = $1, leased_until = NULL WHERE is_open AND due_at > $2', [
    new Date(nowMs),
    new Date(nowMs + callRestMsMax),
  ]);
};

export type ClosedCall = {
  key: string;
  /** What the provider has answered, with its reason if it refused; null where it no longer matters. */
  answer: string | null;
  atMs: number;
};

/**
 * Does nothing where another worker has closed it. Notifies the workers where another call of its payment has waited
 * for it.
 */
export const close = (tx: Tx, call: ClosedCall): Promise<void> => tx.gather(closeAll, call);

const closeAll = writeBatch<ClosedCall>((tx, calls) =>
  tx.query(
    `WITH closed AS (
       UPDATE provider_calls SET is_open = false, leased_until = NULL, answer = given.answer, answered_at = given.at
       FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS given(key, answer, at)
       WHERE provider_calls.key = given.key AND is_open
       RETURNING payment_id
     )
     SELECT pg_notify($4, '') WHERE EXISTS (
       SELECT FROM closed JOIN provider_calls waiting USING (payment_id)
       WHERE waiting.is_open AND waiting.key <> ALL ($1::text[]))`,
    [
      calls.map(({ key }) => key),
      calls.map(({ answer }) => answer),
      calls.map(({ atMs }) => new Date(atMs)),
      callsChannel,
    ],
  ),
);

export type CallRecord = {
  kind: CallKind;
  amountMinor: number;
  refundId: string | null;
  attempts: number;
  answer: string | null;
  lastError: string | null;
  askedAt: Date;
  answeredAt: Date | null;
};

/**
 * Everything that the provider was asked about the payment, oldest first. Found by their keys, which need no index of
 * their own.
 */
export const callsOf = async (
  db: Queryable,
  {
    orderId,
    tries,
    refunds,
  }: { orderId: string; tries: number; refunds: readonly { refundId: string; tries?: number }[] },
): Promise<CallRecord[]> => {
  const common = { orderId, isRenewed: false };
  const keys = [
    ...Array.from({ length: tries }, (_, n) => keyOf('authorize', { ...common, tries: n + 1 })),
    ...(['capture', 'renew', 'void'] as const).map((kind) => keyOf(kind, { ...common, tries })),
    keyOf('capture', { ...common, isRenewed: true, tries }),
    ...refunds.flatMap(({ refundId, tries: refundTries = 1 }) =>
      Array.from({ length: refundTries }, (_, n) => keyOf('refund', { ...common, tries: n + 1, refundId })),
    ),
  ];
  const { rows } = await db.query<CallRecord>(
    `SELECT kind, amount_minor AS "amountMinor", refund_id AS "refundId", attempts, answer,
            last_error AS "lastError", created_at AS "askedAt", answered_at AS "answeredAt"
     FROM provider_calls WHERE key = ANY (${listParameter(1, 'text')}) ORDER BY seq`,
    [keys],
  );
  return rows;
};

/** Ends the lease of a call without an answer. Returns when it is due again: at once where it was hastened meanwhile. */
export const postpone = async (tx: Tx, key: string, dueAtMs: number, error: string): Promise<number> => {
  const { rows } = await tx.query<{ dueAt: Date }>(
    `UPDATE provider_calls SET due_at = CASE WHEN due_at < leased_until THEN due_at ELSE $2::timestamptz END,
       leased_until = NULL, last_error = $3
     WHERE key = $1 AND is_open RETURNING due_at AS "dueAt"`,
    [key, new Date(dueAtMs), error.slice(0, 500)],
  );
  return rows[0]?.dueAt.getTime() ?? dueAtMs;
};
