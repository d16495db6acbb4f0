import { writeBatch } from '#platform/postgres/gathering';
import type { Tx } from '#platform/postgres/transaction';
import type { PaymentStatusShown } from '#schemas/payment-status';

/**
 * The status of an order's stock and payment that the order shows. No decision uses it: inventory and payment decide on
 * their own rows. Each function is called once for each event, in the order of its topic, unless staff replay one that was
 * parked: it may come behind its successors. The status of stock and payment then stays; what is said of a refund counts.
 */

export type StockStatus = 'held' | 'rejected' | 'committed' | 'released';

/** A payment that ended before its authorisation has published nothing: the order's own status shows it. */
export type PaymentStatus = Exclude<PaymentStatusShown, 'cancelled'>;

export type Refund = { refundId: string; orderId: string; amountMinor: number };

/** What an event says of an order's stock or payment. */
export type ShownStatus = {
  stock?: StockStatus;
  payment?: { paymentId: string; status: PaymentNote['status'] };
};

/** How far a status is, so that what comes too late changes nothing. SQL over the column `status` of `of`. */
const stepOfStock = (of: string): string =>
  `CASE ${of} WHEN 'held' THEN 1 WHEN 'rejected' THEN 1 WHEN 'committed' THEN 2 WHEN 'released' THEN 3 ELSE 0 END`;

const stepOfPayment = (of: string): string =>
  `CASE ${of} WHEN 'declined' THEN 1 WHEN 'authorized' THEN 2 WHEN 'captured' THEN 3 WHEN 'voided' THEN 3
     WHEN 'failed' THEN 3 WHEN 'partially_refunded' THEN 4 WHEN 'refunded' THEN 4 ELSE 0 END`;

export const noteStock = (tx: Tx, orderId: string, status: StockStatus): Promise<void> =>
  tx.gather(noteStockOfAll, { orderId, status });

const noteStockOfAll = writeBatch<{ orderId: string; status: StockStatus }>((tx, notes) =>
  tx.query(
    `UPDATE orders SET stock_status = note.status
     FROM (SELECT n.* FROM unnest($1::uuid[], $2::text[]) AS n(order_id, status) JOIN orders o USING (order_id)
           ORDER BY order_id FOR UPDATE OF o) AS note
     WHERE orders.order_id = note.order_id
       AND ${stepOfStock('note.status')} >= ${stepOfStock('orders.stock_status')}`,
    [notes.map(({ orderId }) => orderId), notes.map(({ status }) => status)],
  ),
);

type PaymentNote = {
  paymentId: string;
  status: Exclude<PaymentStatus, 'partially_refunded' | 'refunded'>;
  nowMs: number;
};

export const notePayment = (tx: Tx, orderId: string, note: PaymentNote): Promise<void> =>
  tx.gather(notePaymentOfAll, { orderId, ...note });

const notePaymentOfAll = writeBatch<PaymentNote & { orderId: string }>((tx, notes) =>
  tx.query(
    `UPDATE orders SET payment_id = note.payment_id, payment_status = note.status, updated_at = note.at
     FROM (SELECT n.* FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[])
             AS n(order_id, payment_id, status, at) JOIN orders o USING (order_id)
           ORDER BY order_id FOR UPDATE OF o) AS note
     WHERE orders.order_id = note.order_id
       AND ${stepOfPayment('note.status')} >= ${stepOfPayment('orders.payment_status')}`,
    [
      notes.map(({ orderId }) => orderId),
      notes.map(({ paymentId }) => paymentId),
      notes.map(({ status }) => status),
      notes.map(({ nowMs }) => new Date(nowMs)),
    ],
  ),
);

/** Records a refund that a return makes due. */
export const noteRefundDue = async (tx: Tx, { refundId, orderId, amountMinor }: Refund): Promise<void> => {
  await tx.query(
    'INSERT INTO refunds (refund_id, order_id, amount_minor) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
    [refundId, orderId, amountMinor],
  );
  await countOpenRefunds(tx, orderId);
};

/**
 * Records that a refund was paid, once for each refund id. The order shows `refunded` when all refunds together are its
 * whole total. Returns whether the refund was due, was not asked for by this service, or was recorded before.
 */
export const noteRefunded = async (
  tx: Tx,
  { refundId, orderId, amountMinor }: Refund,
  { paymentId, refundedAtMs, nowMs }: { paymentId: string; refundedAtMs: number; nowMs: number },
): Promise<'due' | 'unasked' | 'known'> => {
  const { rows } = await tx.query<{ isNew: boolean }>(
    `INSERT INTO refunds (refund_id, order_id, amount_minor, refunded_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (refund_id) DO UPDATE SET refunded_at = excluded.refunded_at, failed_for = NULL,
       amount_minor = excluded.amount_minor
     WHERE refunds.refunded_at IS NULL RETURNING xmax = 0 AS "isNew"`,
    [refundId, orderId, amountMinor, new Date(refundedAtMs)],
  );
  const [refund] = rows;
  if (refund === undefined) return 'known';
  await showRefunded(tx, orderId, { paymentId, nowMs });
  await countOpenRefunds(tx, orderId);
  return refund.isNew ? 'unasked' : 'due';
};

const showRefunded = async (
  tx: Tx,
  orderId: string,
  { paymentId, nowMs }: { paymentId: string; nowMs: number },
): Promise<void> => {
  await tx.query(
    `UPDATE orders SET payment_id = $2, updated_at = $3, payment_status = CASE
       WHEN refunded.minor = 0 THEN
         CASE WHEN payment_status IN ('partially_refunded', 'refunded') THEN 'captured' ELSE payment_status END
       WHEN refunded.minor < total_minor THEN 'partially_refunded' ELSE 'refunded' END
     FROM (SELECT coalesce(sum(amount_minor), 0) AS minor FROM refunds
           WHERE order_id = $1 AND refunded_at IS NOT NULL) AS refunded
     WHERE order_id = $1`,
    [orderId, paymentId, new Date(nowMs)],
  );
};

/**
 * Records that the provider refused the refund for good, or that the money of one that it had confirmed came back. It is
 * due, again: staff ask for it once more.
 */
export const noteRefundFailed = async (
  tx: Tx,
  {
    refundId,
    orderId,
    paymentId,
    reason,
  }: Omit<Refund, 'amountMinor'> & { paymentId: string; reason: string },
  nowMs: number,
): Promise<void> => {
  const { rowCount } = await tx.query(
    'UPDATE refunds SET failed_for = $2, refunded_at = NULL WHERE refund_id = $1',
    [refundId, reason],
  );
  if (rowCount === 0) return;
  await showRefunded(tx, orderId, { paymentId, nowMs });
  await countOpenRefunds(tx, orderId);
};

/** Records that the order's refunds were asked for again. */
export const noteRefundsAsked = async (tx: Tx, orderId: string): Promise<void> => {
  await tx.query('UPDATE refunds SET failed_for = NULL WHERE order_id = $1 AND refunded_at IS NULL', [
    orderId,
  ]);
};

/** Deletes the refunds that are due, because no money was captured. */
export const forgetRefundsDue = async (tx: Tx, orderId: string): Promise<void> => {
  await tx.query('DELETE FROM refunds WHERE order_id = $1 AND refunded_at IS NULL', [orderId]);
  await countOpenRefunds(tx, orderId);
};

const countOpenRefunds = async (tx: Tx, orderId: string): Promise<void> => {
  await tx.query(
    `UPDATE orders SET refunds_open = (SELECT count(*) FROM refunds WHERE order_id = $1 AND refunded_at IS NULL)
     WHERE order_id = $1`,
    [orderId],
  );
};
