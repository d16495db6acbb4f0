import { clickHouseSecond, type Granularity, type Period } from './period.js';

export const refundDays = ['return_day', 'sale_day'] as const;

/** The bucket in which a refund counts: that of the return, or that of the refunded sale. */
export type RefundDay = (typeof refundDays)[number];

/** Amounts are minor units of `currency`; currencies are never added up. `bucket` is epoch seconds. */
export type RevenueRow = {
  bucket: number;
  currency: string;
  orders: number;
  units: number;
  gross: number;
  refunds: number;
  net: number;
};

export type Query = { sql: string; params: Record<string, unknown> };

const startOf: Record<Granularity, string> = {
  minute: 'toStartOfMinute',
  hour: 'toStartOfHour',
  day: 'toStartOfDay',
};

/** Revenue by bucket and currency, oldest first; buckets without a sale or refund have no row. */
export const revenueQuery = (period: Period, granularity: Granularity, refunds: RefundDay): Query => ({
  sql: refunds === 'return_day' ? byReturnDay(granularity) : bySaleDay(granularity),
  params: { from: clickHouseSecond(period.fromMs), to: clickHouseSecond(period.toMs) },
});

const byReturnDay = (granularity: Granularity): string => `
  SELECT toUnixTimestamp(${granularity}) AS bucket, currency, sum(s.orders) AS orders, sum(s.units) AS units,
    sum(s.gross) AS gross, sum(s.refunds) AS refunds, sum(s.net) AS net
  FROM sales_per_${granularity} AS s
  WHERE ${granularity} >= {from:DateTime('UTC')} AND ${granularity} < {to:DateTime('UTC')}
  GROUP BY bucket, currency
  ORDER BY bucket, currency`;

/** A refund may come long after its sale, so this reads the sales table itself and joins each line with its refunds. */
const bySaleDay = (granularity: Granularity): string => `
  SELECT toUnixTimestamp(${startOf[granularity]}(s.occurred_at)) AS bucket, s.currency AS currency,
    countIf(s.line = 0) AS orders, sum(s.quantity) + sum(r.units) AS units, sum(s.amount_minor) AS gross,
    -sum(r.amount) AS refunds, sum(s.amount_minor) + sum(r.amount) AS net
  FROM sales AS s
  LEFT JOIN (
    SELECT order_id, line, sum(quantity) AS units, sum(amount_minor) AS amount
    FROM sales WHERE kind = 'refund' GROUP BY order_id, line
  ) AS r ON r.order_id = s.order_id AND r.line = s.line
  WHERE s.kind = 'sale' AND s.occurred_at >= {from:DateTime('UTC')} AND s.occurred_at < {to:DateTime('UTC')}
  GROUP BY bucket, currency
  ORDER BY bucket, currency`;
