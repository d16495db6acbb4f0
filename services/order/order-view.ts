import { listParameter } from '#platform/postgres/list-parameter';
import type { Queryable } from '#platform/postgres/pool';
import type { OrderLine, OrderStatus, Shipment } from './order.js';
import type { PaymentStatus } from './settlement.js';

export type ShippingAddress = {
  name: string;
  line1: string;
  line2?: string | undefined;
  city: string;
  postalCode: string;
  country: string;
};

/** The data of an order that its buyer and staff may see. */
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
  /** Refunds that belong to no return. */
  goodwillMinor: number;
  shippingAddress: ShippingAddress;
  paymentId: string | null;
  paymentMethod: string;
  paymentStatus: PaymentStatus;
  shipment: Shipment | null;
  /** When it is given up unless it is confirmed before; null when it is not open any more. */
  dueAt: Date | null;
  createdAt: Date;
  updatedAt: Date;
};

/** What an order's status is shown from, and who may see it. Plain values, as a cache keeps them. */
export type OrderStanding = Pick<OrderView, 'orderId' | 'userId' | 'status' | 'reason'> & {
  /** In hexadecimal digits. */
  guestTokenHashHex: string | null;
};

export const standingOf = ({
  orderId,
  userId,
  status,
  reason,
  guestTokenHash,
}: OrderView): OrderStanding => ({
  orderId,
  userId,
  status,
  reason,
  guestTokenHashHex: guestTokenHash?.toString('hex') ?? null,
});

const columns = `order_id AS "orderId", user_id AS "userId", guest_token_hash AS "guestTokenHash", status, reason,
  version, lines, total_minor AS "totalMinor", currency, goodwill_minor AS "goodwillMinor",
  shipping_address AS "shippingAddress",
  payment_id AS "paymentId", payment_method AS "paymentMethod", payment_status AS "paymentStatus", shipment,
  due_at AS "dueAt", created_at AS "createdAt", updated_at AS "updatedAt"`;

/** Those of the orders that exist, by id. */
export const findOrders = async (
  db: Queryable,
  orderIds: readonly string[],
): Promise<Map<string, OrderView>> => {
  const { rows } = await db.query<OrderView>(
    `SELECT ${columns} FROM orders WHERE order_id = ANY (${listParameter(1, 'uuid')})`,
    [orderIds],
  );
  return new Map(rows.map((order) => [order.orderId, order]));
};

/** What is not set does not matter. */
type OrderFilter = {
  userId?: string | undefined;
  status?: OrderStatus | undefined;
  /** The address that it was placed with, which guests' orders have; in upper or lower case. */
  email?: string | undefined;
  /** The last eight characters of an id. */
  shortId?: string | undefined;
};

/** Newest first. */
export const listOrders = async (
  db: Queryable,
  { userId, status, email, shortId }: OrderFilter,
  { beforeOrderId, rowsMax }: { beforeOrderId: string | undefined; rowsMax: number },
): Promise<OrderView[]> => {
  const { rows } = await db.query<OrderView>(
    `SELECT ${columns} FROM orders
     WHERE ($1::uuid IS NULL OR user_id = $1) AND ($2::text IS NULL OR status = $2)
       AND ($3::uuid IS NULL OR order_id < $3)
       AND ($5::text IS NULL OR lower(email) = lower($5)) AND ($6::text IS NULL OR right(order_id::text, 8) = lower($6))
     ORDER BY order_id DESC LIMIT $4`,
    [userId ?? null, status ?? null, beforeOrderId ?? null, rowsMax, email ?? null, shortId ?? null],
  );
  return rows;
};
