import { z } from 'zod';
import { wholeNumber } from '#platform/http/text';
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

const daysAsDefault = 30;
const hourMs = 3_600_000;

export const attributed = ['product', 'recommendation'] as const;

type Attributed = (typeof attributed)[number];

export const attribution = endpoint({
  name: 'attribution',
  id: 'Attribution',
  summary: 'What recommendations led to: clicks, additions to the cart, and orders.',
  description: `A click counts in the period. What follows it within the window, also after the period, is credited to it: an addition of the product to the last click on that product in the same visit, an order line to the last click on that product by the same account. So each addition and each order line is credited once, and orders of guests are not. ${periodRounding(daysAsDefault)}`,
  querystring: z.strictObject({
    ...periodQuery,
    by: z
      .enum(attributed)
      .default('product')
      .describe('A row for each recommended product, or for each recommendation (`recommendationId`).'),
    windowHours: wholeNumber(1, 720).prefault(24),
    limit: wholeNumber(1, 100).prefault(20),
  }),
  row: z.object({
    productId: z.string().nullable().describe('With `by=product`.'),
    name: z.string().nullable(),
    recommendationId: z.string().nullable().describe('With `by=recommendation`.'),
    shown: count,
    clicked: count,
    clickThroughRate: z.number().nullable().describe('Clicks by showings; null without a showing.'),
    added: count.describe('Additions to the cart after a click.'),
    orders: count.describe('Different orders with a product that was clicked.'),
    orderRate: share.nullable().describe('Orders by clicks; null without a click.'),
    units: count,
    revenue: z
      .array(z.object({ amountMinor: count, currency: z.string() }))
      .describe('As sold, before refunds, by currency.'),
  }),
  question: (asked, nowMs) => {
    const period = wholePeriod(asked, nowMs, daysAsDefault);
    if ('refused' in period) return period;
    return {
      about: 'both',
      queries: [creditsQuery(period, asked.by, asked.windowHours * hourMs, asked.limit)],
      answerOf: ([rows = []]) => ({
        items: (rows as readonly Credit[]).map((row) => creditOf(row, asked.by)),
      }),
    };
  },
});

type Credit = {
  key: string;
  name: string;
  shown: number;
  clicked: number;
  added: number;
  orders: number;
  units: number;
  currencies: string[];
  amounts: number[];
};

const inPeriod = "occurred_at >= {from:DateTime('UTC')} AND occurred_at < {to:DateTime('UTC')}";
/** From the start of the period to the end of the window of its last click. */
const inReach =
  "occurred_at >= {from:DateTime('UTC')} AND occurred_at < {to:DateTime('UTC')} + toIntervalMillisecond({windowMs:UInt64} + 1)";

const clicks = (keyed: string): string => `
        SELECT visit_key, ifNull(product_id, '') AS product, ${keyed} AS key, occurred_at AS clicked_at
        FROM shopper_activity
        WHERE type = 'recommendation_clicked' AND ${inPeriod}`;

/** Only visits with a click are looked at any further. */
const inVisitWithClick = `visit_key IN (
            SELECT visit_key FROM shopper_activity WHERE type = 'recommendation_clicked' AND ${inPeriod}
          )`;

/** The account of a visit, whichever of its actions shows it. */
const accounts = `
          SELECT visit_key, max(user_key) AS buyer FROM shopper_activity
          WHERE user_key != 0 AND ${inReach} AND ${inVisitWithClick} GROUP BY visit_key`;

// Over seventy lines: one statement, whose parts have a meaning only together.
const creditsQuery = (period: Period, by: Attributed, windowMs: number, limit: number): Query => {
  const keyed = by === 'product' ? "ifNull(product_id, '')" : "ifNull(recommendation_id, '')";
  return {
    sql: `
  SELECT c.key AS key, ${by === 'product' ? 'p.name' : "''"} AS name, shown, clicked, added, orders, units, currencies, amounts
  FROM (
    SELECT key, sum(f.shown) AS shown, sum(f.clicked) AS clicked, sum(f.added) AS added,
      uniqExactIf(f.order_id, f.order_id != '') AS orders, sum(f.units) AS units,
      mapKeys(sumMap(f.revenue) AS revenue) AS currencies, mapValues(revenue) AS amounts
    FROM (
      SELECT ${keyed} AS key, countIf(type = 'recommendation_shown') AS shown,
        countIf(type = 'recommendation_clicked') AS clicked, 0 AS added, '' AS order_id, toInt64(0) AS units,
        CAST(map(), 'Map(String, Int64)') AS revenue
      FROM shopper_activity
      WHERE type IN ('recommendation_shown', 'recommendation_clicked') AND ${inPeriod}
      GROUP BY key

      UNION ALL
      SELECT k.key, 0, 0, count(), '', toInt64(0), CAST(map(), 'Map(String, Int64)')
      FROM (
        SELECT visit_key, ifNull(product_id, '') AS product, occurred_at AS at
        FROM shopper_activity WHERE type = 'product_added' AND ${inReach} AND ${inVisitWithClick}
      ) AS a
      ASOF INNER JOIN (${clicks(keyed)}
      ) AS k ON k.visit_key = a.visit_key AND k.product = a.product AND a.at >= k.clicked_at
      WHERE a.at <= k.clicked_at + toIntervalMillisecond({windowMs:UInt64})
      GROUP BY k.key

      UNION ALL
      SELECT k.key, 0, 0, 0, s.order_id, toInt64(s.quantity), map(s.currency, s.amount_minor)
      FROM (
        SELECT user_key AS buyer, product_id AS product, order_id, quantity, amount_minor,
          toString(currency) AS currency, occurred_at AS at
        FROM sales WHERE kind = 'sale' AND ${inReach} AND user_key IN (SELECT buyer FROM (${accounts}
        ))
      ) AS s
      ASOF INNER JOIN (
        SELECT product, key, clicked_at, buyer
        FROM (${clicks(keyed)}
        ) AS clicked
        INNER JOIN (${accounts}
        ) AS account USING (visit_key)
      ) AS k ON k.buyer = s.buyer AND k.product = s.product AND s.at >= k.clicked_at
      WHERE s.at <= k.clicked_at + toIntervalMillisecond({windowMs:UInt64})
    ) AS f
    WHERE key != ''
    GROUP BY key
    ORDER BY orders DESC, clicked DESC, shown DESC, key
    LIMIT {limit:UInt32}
  ) AS c
  ${
    by === 'product'
      ? 'LEFT JOIN (SELECT product_id, argMax(name, version) AS name FROM products GROUP BY product_id) AS p ON p.product_id = c.key'
      : ''
  }
  ORDER BY orders DESC, clicked DESC, shown DESC, key`,
    params: { ...periodParams(period), windowMs, limit },
  };
};

const creditOf = ({ key, name, currencies, amounts, ...counts }: Credit, by: Attributed) => ({
  productId: by === 'product' ? key : null,
  name: by === 'product' ? name : null,
  recommendationId: by === 'recommendation' ? key : null,
  ...counts,
  clickThroughRate: counts.shown === 0 ? null : counts.clicked / counts.shown,
  orderRate: counts.clicked === 0 ? null : counts.orders / counts.clicked,
  revenue: currencies.map((currency, place) => ({ amountMinor: amounts[place] ?? 0, currency })),
});
