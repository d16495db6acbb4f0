import type { Queryable } from '#platform/postgres/pool';
import type { OrderStatus } from './order.js';
import type { PaymentStatus } from './settlement.js';

/** The answers that an order may be waiting for. */
export const waits = [
  'stock_reservation',
  'payment_authorization',
  'payment_retry',
  'payment_capture',
  'stock_commit',
  'refund',
  'payment_void',
  'stock_release',
] as const;

export type Wait = (typeof waits)[number];

/** An order whose saga is not finished. */
export type UnsettledOrder = {
  orderId: string;
  status: OrderStatus;
  reason: string | null;
  paymentStatus: PaymentStatus;
  waitsFor: readonly Wait[];
  /** Refunds that the provider has refused for good, or whose money the bank has sent back, with the reasons. */
  refundsFailed: readonly { refundId: string; amountMinor: number; reason: string }[];
  placedAt: Date;
  /** When its last event was. */
  since: Date;
};

const columns = `order_id AS "orderId", status, reason, payment_status AS "paymentStatus", waits_for AS "waitsFor",
  (SELECT coalesce(jsonb_agg(jsonb_build_object('refundId', refund_id, 'amountMinor', amount_minor,
                                                'reason', failed_for)), '[]')
   FROM refunds r WHERE r.order_id = o.order_id AND failed_for IS NOT NULL) AS "refundsFailed",
  created_at AS "placedAt", updated_at AS since`;

/** The order's saga, also one that is finished: then it waits for nothing. */
export const findSaga = async (db: Queryable, orderId: string): Promise<UnsettledOrder | undefined> => {
  const { rows } = await db.query<UnsettledOrder>(`SELECT ${columns} FROM orders o WHERE order_id = $1`, [
    orderId,
  ]);
  return rows[0];
};

/** Oldest first. If `quietSinceMs` is set, only those whose last event was not after it. */
export const listUnsettled = async (
  db: Queryable,
  { quietSinceMs }: { quietSinceMs: number | undefined },
  { afterOrderId, rowsMax }: { afterOrderId: string | undefined; rowsMax: number },
): Promise<UnsettledOrder[]> => {
  const { rows } = await db.query<UnsettledOrder>(
    `SELECT ${columns}
     FROM orders o
     WHERE waits_for <> '{}' AND ($1::timestamptz IS NULL OR updated_at <= $1)
       AND ($2::uuid IS NULL OR order_id > $2)
     ORDER BY order_id LIMIT $3`,
    [quietSinceMs === undefined ? null : new Date(quietSinceMs), afterOrderId ?? null, rowsMax],
  );
  return rows;
};

export const countUnsettled = async (db: Queryable, quietSinceMs: number): Promise<number> => {
  const { rows } = await db.query<{ orders: number }>(
    `SELECT count(*) AS orders FROM orders WHERE waits_for <> '{}' AND updated_at <= $1`,
    [new Date(quietSinceMs)],
  );
  return rows[0]?.orders ?? 0;
};
