import { z } from 'zod';
import { uuid, wholeNumber } from '#platform/http/text';
import { type Batches, batchParams, gatheredFrom } from './gathered-rows.js';
import { orderRows, soldOrders, soldProducts } from './order-rows.js';
import type { Period } from './period.js';
import {
  count,
  cutAt,
  endpoint,
  isInTime,
  periodParams,
  periodQuery,
  periodRounding,
  type Query,
  share,
  truncatedField,
  wholePeriod,
} from './question.js';

const daysAsDefault = 90;

const basketRankings = ['lift', 'confidence', 'orders'] as const;

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
    ...truncatedField,
  },
  question: (asked, nowMs) => {
    const period = wholePeriod(asked, nowMs, daysAsDefault);
    if ('refused' in period) return period;
    const { productId, by, ordersMin, limit } = asked;
    return {
      about: 'sales',
      // All orders are counted last, so that none is in the rows and not among them.
      queries: [
        togetherQuery(period, { productId, by, ordersMin, othersMax: limit + 1 }),
        ordersQuery(period),
      ],
      answerOf: ([rows = [], orders = []]) => affinitiesOf({ productId, limit }, rows, orders),
    };
  },
});

type Together = { productId: string; name: string; together: number; own: number };
type Orders = { all: number };

const ranked = (by: Ranking): string =>
  `${by === 'lift' ? 'together / own' : 'together'} DESC, together DESC`;

/**
 * `own` are the orders with the row's product; the order of `together / own` is that of the lift. The first row is the
 * product asked about, if it was sold.
 */
const togetherQuery = (
  period: Period,
  { by, ...asked }: { productId: string; by: Ranking; ordersMin: number; othersMax: number },
): Query => {
  const params = { ...periodParams(period), ...asked };
  return {
    sql: namedSql(
      by,
      `
    SELECT product_id, uniqExact(order_key) AS own,
      uniqExactIf(order_key, order_key IN (
        SELECT order_key FROM sales
        WHERE kind = 'sale' AND product_id = {productId:String}
          AND ${isInTime('occurred_at')}
      )) AS together
    FROM sales
    WHERE kind = 'sale' AND ${isInTime('occurred_at')}
    GROUP BY product_id
    HAVING together >= {ordersMin:UInt32} OR product_id = {productId:String}`,
    ),
    params,
    gathered: gatheredFrom('orders', (made) => ({
      sql: namedSql(by, togetherByOrder(made)),
      params: { ...params, ...batchParams(made) },
    })),
  };
};

/** Few products are left, so the names are looked up from the products' side. */
const namedSql = (by: Ranking, counted: string): string => `
  SELECT t.product_id AS productId, argMax(p.name, p.version) AS name, t.together AS together, t.own AS own
  FROM products AS p
  RIGHT JOIN (
    SELECT * FROM (${counted}
    )
    ORDER BY product_id = {productId:String} DESC, ${ranked(by)}, product_id
    LIMIT {othersMax:UInt32} + 1
  ) AS t ON p.product_id = t.product_id
  GROUP BY productId, together, own
  ORDER BY productId = {productId:String} DESC, ${ranked(by)}, productId`;

const togetherByOrder = (made: Batches): string => `
    SELECT k.product_id AS product_id, c.own AS own, c.together AS together
    FROM (${soldProducts(made)}
    ) AS k
    INNER JOIN (
      SELECT product_key, count() AS own, countIf(isTogether) AS together
      FROM (
        SELECT product_keys, has(product_keys, sipHash64({productId:String})) AS isTogether
        FROM (${soldOrders(made)}
        )
      )
      ARRAY JOIN product_keys AS product_key
      GROUP BY product_key
      HAVING together >= {ordersMin:UInt32} OR product_key = sipHash64({productId:String})
    ) AS c ON c.product_key = k.product_key`;

/** Every order has a line 0. */
const ordersQuery = (period: Period): Query => ({
  sql: `
  SELECT count() AS all FROM sales
  WHERE kind = 'sale' AND line = 0
    AND ${isInTime('occurred_at')}`,
  params: periodParams(period),
  gathered: gatheredFrom('orders', (made) => ({
    sql: `
  SELECT sum(orders) AS all
  FROM (${orderRows('orders', isInTime('at'), made)}
  )`,
    params: { ...periodParams(period), ...batchParams(made) },
  })),
});

const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

const affinitiesOf = (
  { productId: chosen, limit }: { productId: string; limit: number },
  rows: readonly Together[],
  [orders]: readonly Orders[],
) => {
  const all = orders?.all ?? 0;
  const ofProduct = rows.find(({ productId }) => productId === chosen)?.own ?? 0;
  return {
    ...cutAt(
      limit,
      rows
        .filter(({ productId }) => productId !== chosen)
        .map(({ productId, name, together, own }) => ({
          productId,
          name,
          orders: together,
          support: ratio(together, all),
          confidence: ratio(together, ofProduct),
          lift: ratio(together * all, ofProduct * own),
        })),
    ),
    orders: all,
    ordersOfProduct: ofProduct,
  };
};
