import { newestNames, newestOfProducts } from './newest-products.js';
import { coarsestOf, type Granularity, type Period } from './period.js';
import { isInTime, periodParams, type Query } from './question.js';
import { type RefundDay, soldWithRefunds } from './revenue.js';

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

/** Those of every currency where `currency` is undefined. */
export type RankingAsked = {
  by: Ranking;
  currency?: string | undefined;
  refunds: RefundDay;
  rowsMax: number;
};

/**
 * The products that sold most in the period, most first; ties in product order, so that pages agree. Amounts are compared
 * within their currency only: by revenue the first of each currency come first, then the second of each.
 */
export const topProductsQuery = (
  period: Period,
  granularity: Granularity,
  { by, currency, refunds, rowsMax }: RankingAsked,
): Query => ({
  sql: `
  SELECT t.product_id AS productId, p.name AS name, t.units AS units, t.net AS net, t.currency AS currency
  FROM (
    SELECT *, ${by === 'units' ? '1' : 'row_number() OVER (PARTITION BY s.currency ORDER BY s.net DESC, s.product_id)'} AS place
    FROM (${refunds === 'sale_day' ? bySaleDay(currency && 's.currency = {currency:String}') : byReturnDay(granularity, currency)}
    ) AS s
    ORDER BY place, ${by === 'units' ? 'units DESC, product_id, ' : ''}currency
    LIMIT {rowsMax:UInt32}
  ) AS t
  LEFT JOIN (
    ${newestNames}
  ) AS p ON p.product_id = t.product_id
  ORDER BY place, ${by === 'units' ? 'units DESC, productId, ' : ''}currency`,
  params: { ...periodParams(period), rowsMax, ...(currency === undefined ? {} : { currency }) },
  ...(refunds === 'return_day' && { isQuick: true as const }),
});

const byReturnDay = (granularity: Granularity, currency: string | undefined): string => `
      SELECT m.product_id AS product_id, m.currency AS currency, sum(m.units) AS units, sum(m.net) AS net
      FROM sales_per_${granularity} AS m
      WHERE ${isInTime(`m.${granularity}`)}${currency === undefined ? '' : ' AND m.currency = {currency:String}'}
      GROUP BY product_id, currency`;

/** Of the lines that are meant, by a condition of the line `s`. */
const bySaleDay = (isMeant: string | undefined): string => `
      SELECT product_id, currency, sum(f.units) AS units, sum(f.gross) - sum(f.refunds) AS net
      FROM (${soldWithRefunds({ product_id: 's.product_id', currency: 's.currency' }, isMeant)}
      ) AS f
      GROUP BY product_id, currency`;

/** What one product sold in one bucket; `bucket` is epoch seconds. */
export type ProductSalesRow = {
  bucket: number;
  productId: string;
  currency: string;
  units: number;
  net: number;
};

/** The sales from which `rankProducts` makes the ranking of any period within. */
export const productSalesQuery = (period: Period, granularity: Granularity, rowsMax: number): Query => ({
  sql: `
  SELECT toUnixTimestamp(${granularity}) AS bucket, product_id AS productId, currency, sum(s.units) AS units,
    sum(s.net) AS net
  FROM sales_per_${granularity} AS s
  WHERE ${isInTime(granularity)}
  GROUP BY bucket, productId, currency
  LIMIT {rowsMax:UInt32}`,
  params: { ...periodParams(period), rowsMax },
  isQuick: true,
});

/** What each of the products sold in the period, by currency. */
export const productTotalsQuery = (
  period: Period,
  productIds: readonly string[],
  refunds: RefundDay,
): Query => {
  const rollup = coarsestOf([period.fromMs, period.toMs]);
  return {
    sql:
      refunds === 'sale_day'
        ? `
  SELECT product_id AS productId, currency, units, net
  FROM (${bySaleDay('s.product_id IN ({productIds:Array(String)})')})`
        : `
  SELECT product_id AS productId, currency, sum(s.units) AS units, sum(s.net) AS net
  FROM sales_per_${rollup} AS s
  WHERE ${isInTime(rollup)}
    AND product_id IN ({productIds:Array(String)})
  GROUP BY productId, currency`,
    params: { ...periodParams(period), productIds: [...new Set(productIds)].sort() },
    ...(refunds === 'return_day' && { isQuick: true as const }),
  };
};

export const namesQuery = (productIds: readonly string[]): Query => ({
  sql: `
  SELECT product_id AS productId, name
  FROM (${newestOfProducts(['name'], 'product_id IN ({productIds:Array(String)})')})`,
  params: { productIds: [...productIds].sort() },
  isQuick: true,
});

/** The ranking that `topProductsQuery` gives, without the names. */
export const rankProducts = (
  sales: readonly ProductSalesRow[],
  { by, currency: asked, rowsMax }: Omit<RankingAsked, 'refunds'>,
): Omit<TopProductRow, 'name'>[] => {
  const totals = new Map<string, Omit<TopProductRow, 'name'>>();
  for (const { productId, currency, units, net } of sales) {
    if (asked !== undefined && currency !== asked) continue;
    const key = `${productId} ${currency}`;
    const total = totals.get(key);
    if (total === undefined) totals.set(key, { productId, units, net, currency });
    else {
      total.units += units;
      total.net += net;
    }
  }
  const rank = by === 'units' ? 'units' : 'net';
  const ranked = [...totals.values()].sort(
    (a, b) =>
      b[rank] - a[rank] || compareText(a.productId, b.productId) || compareText(a.currency, b.currency),
  );
  return (by === 'units' ? ranked : firstOfEachFirst(ranked)).slice(0, rowsMax);
};

/** The first of each currency, then the second of each. */
const firstOfEachFirst = <Row extends { currency: string }>(ranked: readonly Row[]): Row[] => {
  const placesOf = new Map<string, number>();
  return ranked
    .map((row) => {
      const place = placesOf.get(row.currency) ?? 0;
      placesOf.set(row.currency, place + 1);
      return { row, place };
    })
    .sort((a, b) => a.place - b.place || compareText(a.row.currency, b.row.currency))
    .map(({ row }) => row);
};

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
