import { z } from 'zod';
import { wholeNumber } from '#platform/http/text';
import { newestNames } from './newest-products.js';
import {
  count,
  currencyAsked,
  cutAt,
  endpoint,
  instantOf,
  isInTime,
  periodParams,
  periodQuery,
  periodRounding,
  truncatedField,
  wholePeriod,
} from './question.js';

const daysAsDefault = 30;

type Row = { lastMs: number; name: string | null };

/** Demand that met no stock, by product and currency: most lost first, of each currency. */
export const stockOuts = endpoint({
  name: 'stock-outs',
  id: 'StockOuts',
  summary: 'Products that were ordered and not there, and the sales that were lost.',
  description: `An order of which one line cannot be served ends as a whole; the lines that fell short are counted here. Amounts are compared within their currency only: the first of each currency come first, then the second of each. ${periodRounding(daysAsDefault)}`,
  querystring: z.strictObject({
    ...periodQuery,
    currency: currencyAsked.describe('Only what has its price in it; every currency if it is left out.'),
    limit: wholeNumber(1, 100).prefault(20),
  }),
  row: z.object({
    productId: z.string(),
    name: z.string(),
    orders: count.describe('Orders that ended because the product was not there.'),
    requested: count.describe('Pieces that they requested.'),
    missing: count.describe('Pieces that were not there, at the moment of each order.'),
    lostMinor: count.describe('All requested pieces at their price, minor units.'),
    currency: z.string().nullable().describe('ISO 4217; null where the order is not there yet.'),
    lastAt: instantOf.describe('When it last happened.'),
  }),
  also: truncatedField,
  question: (asked, nowMs) => {
    const period = wholePeriod(asked, nowMs, daysAsDefault);
    if ('refused' in period) return period;
    return {
      about: 'stockOuts',
      queries: [
        {
          sql: stockOutsSql,
          params: { ...periodParams(period), currency: asked.currency ?? '', rowsMax: asked.limit + 1 },
        },
      ],
      answerOf: ([rows = []]) =>
        cutAt(
          asked.limit,
          (rows as readonly Row[]).map(({ lastMs, name, ...row }) => ({
            ...row,
            name: name ?? '',
            lastAt: new Date(lastMs).toISOString(),
          })),
        ),
    };
  },
});

const stockOutsSql = `
  SELECT s.product_id AS productId, p.name AS name, s.orders AS orders, s.requested AS requested,
    s.missing AS missing, s.lost AS lostMinor, s.currency AS currency, s.last AS lastMs
  FROM (
    SELECT *, row_number() OVER (PARTITION BY l.currency ORDER BY l.lost DESC, l.missing DESC, l.product_id) AS place
    FROM (
      SELECT product_id, currency, uniqExact(order_id) AS orders, sum(of.requested) AS requested,
        sum(of.requested - of.available) AS missing, sum(of.lost_minor) AS lost,
        max(toUnixTimestamp64Milli(of.occurred_at)) AS last
      FROM stock_outs AS of FINAL
      WHERE ${isInTime('of.occurred_at')} AND ({currency:String} = '' OR of.currency = {currency:String})
      GROUP BY product_id, currency
    ) AS l
    ORDER BY place, currency
    LIMIT {rowsMax:UInt32}
  ) AS s
  LEFT JOIN (
    ${newestNames}
  ) AS p ON p.product_id = s.product_id
  ORDER BY place, currency`;
