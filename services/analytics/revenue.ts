import { z } from 'zod';
import { bucketMs, coarsestOf, type Granularity, type Period } from './period.js';
import { bucketOf, isInTime, periodParams, type Query, startsParam } from './question.js';

export const refundDays = ['return_day', 'sale_day'] as const;

/** The bucket in which a refund counts: that of the return, or that of the refunded sale. */
export type RefundDay = (typeof refundDays)[number];

export const refundsAsked = z
  .enum(refundDays)
  .default('return_day')
  .describe('Whether a refund counts when it is made, or where the refunded sale does.');

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

const startOf: Record<Granularity, string> = {
  minute: 'toStartOfMinute',
  hour: 'toStartOfHour',
  day: 'toStartOfDay',
};

/** Revenue by bucket and currency, oldest first; buckets without a sale or refund have no row. */
export const revenueQuery = (period: Period, granularity: Granularity, refunds: RefundDay): Query => ({
  sql: refunds === 'return_day' ? byReturnDay(period, granularity) : bySaleDay(period, granularity),
  params: { ...periodParams(period), ...startsParam(period) },
  ...(refunds === 'return_day' && { isQuick: true as const }),
});

const byReturnDay = (period: Period, granularity: Granularity): string => {
  const table = rollupFor(period, granularity);
  return `
  SELECT ${period.startsMs ? bucketOf(table) : `toUnixTimestamp(${table})`} AS bucket, currency,
    sum(s.orders) AS orders, sum(s.units) AS units,
    sum(s.gross) AS gross, sum(s.refunds) AS refunds, sum(s.net) AS net
  FROM sales_per_${table} AS s
  WHERE ${isInTime(table)}
  GROUP BY bucket, currency
  ORDER BY bucket, currency`;
};

const bySaleDay = (period: Period, granularity: Granularity): string => {
  const at = 's.occurred_at';
  const bucket = period.startsMs ? bucketOf(at) : `toUnixTimestamp(${startOf[granularity]}(${at}))`;
  return `
  SELECT bucket, currency, sum(f.orders) AS orders, sum(f.units) AS units, sum(f.gross) AS gross,
    sum(f.refunds) AS refunds, gross - refunds AS net
  FROM (${soldWithRefunds({ bucket, currency: 's.currency' })}
  ) AS f
  GROUP BY bucket, currency
  ORDER BY bucket, currency`;
};

/**
 * What was sold in the period by `keys`, expressions of a line `s` of sales, and what came back of it at any time: rows to be
 * added up. A refund may come long after its sale, so this reads the sales table itself: the lines sold, and the lines sold
 * again for each of their refunds. `isMeant` is a condition of the lines.
 */
export const soldWithRefunds = (keys: Readonly<Record<string, string>>, isMeant?: string): string => {
  const sold = `s.kind = 'sale' AND ${isInTime('s.occurred_at')}${isMeant === undefined ? '' : ` AND ${isMeant}`}`;
  const refunded = "kind = 'refund' AND occurred_at >= {from:DateTime('UTC')}";
  const named = Object.entries(keys).map(([name, sql]) => `${sql} AS ${name}`);
  const names = Object.keys(keys).join(', ');
  return `
    SELECT ${named.join(', ')}, countIf(s.line = 0) AS orders, sum(s.quantity) AS units,
      sum(s.amount_minor) AS gross, toInt64(0) AS refunds
    FROM sales AS s
    WHERE ${sold}
    GROUP BY ${names}
    UNION ALL
    SELECT ${named.join(', ')}, 0, sum(r.quantity), 0, -sum(r.amount_minor)
    FROM sales AS s
    INNER JOIN (
      SELECT order_id, line, quantity, amount_minor FROM sales WHERE ${refunded}
    ) AS r ON r.order_id = s.order_id AND r.line = s.line
    WHERE ${sold} AND s.order_key IN (SELECT order_key FROM sales WHERE ${refunded})
    GROUP BY ${names}`;
};

/** The coarsest rollup whose rows each lie within one bucket of the period. */
const rollupFor = ({ fromMs, toMs, startsMs }: Period, granularity: Granularity): Granularity => {
  if (startsMs === undefined) return granularity;
  const coarsest = coarsestOf([fromMs, toMs, ...startsMs]);
  return bucketMs[coarsest] < bucketMs[granularity] ? coarsest : granularity;
};

export type ComparedRevenueRow = RevenueRow & { previous: Omit<RevenueRow, 'currency'> };

/**
 * Each row of the period or of the one before beside the other: the first bucket beside the first, and so on. What has no
 * row has zeros.
 */
export const besidePrevious = (
  rows: readonly RevenueRow[],
  before: readonly RevenueRow[],
  { startsMs, previousStartsMs }: { startsMs: readonly number[]; previousStartsMs: readonly number[] },
): ComparedRevenueRow[] => {
  const keyOf = (index: number, currency: string) => `${index} ${currency}`;
  const places = (starts: readonly number[]) => new Map(starts.map((ms, index) => [ms / 1000, index]));
  const [own, earlier] = [places(startsMs), places(previousStartsMs)];
  const byPlace = new Map<string, { index: number; now?: RevenueRow; then?: RevenueRow }>();
  const put = (row: RevenueRow, index: number, as: 'now' | 'then') => {
    const key = keyOf(index, row.currency);
    byPlace.set(key, { ...byPlace.get(key), index, [as]: row });
  };
  for (const row of rows) put(row, own.get(row.bucket) ?? 0, 'now');
  for (const row of before) {
    const index = earlier.get(row.bucket);
    if (index !== undefined && index < startsMs.length) put(row, index, 'then');
  }
  return [...byPlace.values()]
    .map(({ index, now, then }) => {
      const { currency } = (now ?? then) as RevenueRow;
      const bucket = (startsMs[index] ?? 0) / 1000;
      const earlierBucket = (previousStartsMs[index] ?? 0) / 1000;
      const { currency: _, ...previous } = then ?? { ...nothingSold, bucket: earlierBucket, currency };
      return { ...(now ?? { ...nothingSold, bucket, currency }), previous };
    })
    .sort((a, b) => a.bucket - b.bucket || (a.currency < b.currency ? -1 : 1));
};

const nothingSold = { orders: 0, units: 0, gross: 0, refunds: 0, net: 0 };
