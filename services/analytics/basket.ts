import { z } from 'zod';
import { uuid, wholeNumber } from '#platform/http/text';
import type { Period } from './period.js';
import {
  count,
  endpoint,
  periodParams,
  periodQuery,
  periodRounding,
  type Query,
  share,
  wholePeriod,
} from './question.js';

const daysAsDefault = 90;

export const basketRankings = ['lift', 'confidence', 'orders'] as const;

type Ranking = (typeof basketRankings)[number];

export const basket = endpoint({
  name: 'basket',
  id: 'Basket',
  summary: 'What is bought together with a product.',
  description: `Of the confirmed orders of the period, as they were placed: what was returned later counts. ${periodRounding(daysAsDefault)}`,
  querystring: z.strictObject({
    ...periodQuery,
    productId: uuid,
    by: z.enum(basketRankings).default('lift').describe('The order of the rows, greatest first.'),
    ordersMin: wholeNumber(1, 1_000_000)
      .prefault(1)
      .describe('Only products that were in so many orders together with it: few orders make great lifts.'),
    limit: wholeNumber(1, 100).prefault(20),
  }),
  row: z.object({
    productId: z.string(),
    name: z.string(),
    orders: count.describe('Orders with both products.'),
    support: share.describe('Orders with both, of all orders.'),
    confidence: share.describe('Orders with both, of those with the product asked about.'),
    lift: z.number().describe('The confidence by the share that this product has of all orders.'),
  }),
  also: {
    orders: count.describe('All orders of the period.'),
    ordersOfProduct: count.describe('Those with the product asked about.'),
  },
  question: (asked, nowMs) => {
    const period = wholePeriod(asked, nowMs, daysAsDefault);
    if ('refused' in period) return period;
    const { productId, by, ordersMin, limit } = asked;
    return {
      about: 'sales',
      queries: [togetherQuery(period, { productId, by, ordersMin, limit }), ordersQuery(period, productId)],
      answerOf: ([rows = [], orders = []]) => affinitiesOf(rows, orders),
    };
  },
});

type Together = { productId: string; name: string; together: number; own: number };
type Orders = { all: number; ofProduct: number };

/** `own` are the orders with the row's product; the order of `together / own` is that of the lift. */
const togetherQuery = (
  period: Period,
  { by, ...params }: { productId: string; by: Ranking; ordersMin: number; limit: number },
): Query => ({
  sql: `
  SELECT t.product_id AS productId, p.name AS name, t.together AS together, t.own AS own
  FROM (
    SELECT product_id, uniqExact(order_key) AS own,
      uniqExactIf(order_key, order_key IN (
        SELECT order_key FROM sales
        WHERE kind = 'sale' AND product_id = {productId:String}
          AND occurred_at >= {from:DateTime('UTC')} AND occurred_at < {to:DateTime('UTC')}
      )) AS together
    FROM sales
    WHERE kind = 'sale' AND product_id != {productId:String}
      AND occurred_at >= {from:DateTime('UTC')} AND occurred_at < {to:DateTime('UTC')}
    GROUP BY product_id
    HAVING together >= {ordersMin:UInt32}
    ORDER BY ${by === 'lift' ? 'together / own' : 'together'} DESC, together DESC, product_id
    LIMIT {limit:UInt32}
  ) AS t
  LEFT JOIN (
    SELECT product_id, argMax(name, version) AS name FROM products GROUP BY product_id
  ) AS p ON p.product_id = t.product_id
  ORDER BY ${by === 'lift' ? 't.together / t.own' : 't.together'} DESC, t.together DESC, productId`,
  params: { ...periodParams(period), ...params },
});

/** Every order has a line 0. */
const ordersQuery = (period: Period, productId: string): Query => ({
  sql: `
  SELECT uniqExact(order_key) AS ofProduct, (
      SELECT count() FROM sales
      WHERE kind = 'sale' AND line = 0
        AND occurred_at >= {from:DateTime('UTC')} AND occurred_at < {to:DateTime('UTC')}
    ) AS all
  FROM sales
  WHERE kind = 'sale' AND product_id = {productId:String}
    AND occurred_at >= {from:DateTime('UTC')} AND occurred_at < {to:DateTime('UTC')}`,
  params: { ...periodParams(period), productId },
});

const affinitiesOf = (rows: readonly Together[], [orders]: readonly Orders[]) => {
  const { all, ofProduct } = orders ?? { all: 0, ofProduct: 0 };
  return {
    items: rows.map(({ productId, name, together, own }) => ({
      productId,
      name,
      orders: together,
      support: together / all,
      confidence: together / ofProduct,
      lift: (together * all) / (ofProduct * own),
    })),
    orders: all,
    ordersOfProduct: ofProduct,
  };
};
