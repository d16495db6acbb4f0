import { clickHouseSecond, type Granularity, type Period } from './period.js';
import type { Query } from './revenue.js';

export const rankings = ['revenue', 'units'] as const;

export type Ranking = (typeof rankings)[number];

/** `units` and `net` (minor units of `currency`) are sales minus returns. `name` is the newest name. */
export type TopProductRow = {
  productId: string;
  name: string;
  units: number;
  net: number;
  currency: string;
};

/** The products that sold most in the period, most first; ties in product order, so that pages agree. */
export const topProductsQuery = (
  period: Period,
  granularity: Granularity,
  by: Ranking,
  rowsMax: number,
): Query => ({
  sql: `
  SELECT t.product_id AS productId, p.name AS name, t.units AS units, t.net AS net, t.currency AS currency
  FROM (
    SELECT m.product_id AS product_id, m.currency AS currency, sum(m.units) AS units, sum(m.net) AS net
    FROM sales_per_${granularity} AS m
    WHERE m.${granularity} >= {from:DateTime('UTC')} AND m.${granularity} < {to:DateTime('UTC')}
    GROUP BY product_id, currency
    ORDER BY ${by === 'units' ? 'units' : 'net'} DESC, product_id, currency
    LIMIT {rowsMax:UInt32}
  ) AS t
  LEFT JOIN (
    SELECT product_id, argMax(name, version) AS name FROM products GROUP BY product_id
  ) AS p ON p.product_id = t.product_id
  ORDER BY ${by === 'units' ? 'units' : 'net'} DESC, productId, currency`,
  params: { from: clickHouseSecond(period.fromMs), to: clickHouseSecond(period.toMs), rowsMax },
});
