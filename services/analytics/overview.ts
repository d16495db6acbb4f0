import { z } from 'zod';
import { batchParams, gatheredFrom } from './gathered-rows.js';
import { orderRows } from './order-rows.js';
import { coarsestOf, type Period, wholePeriodBefore } from './period.js';
import {
  comparison,
  count,
  currency,
  endpoint,
  isInTime,
  periodParams,
  periodQuery,
  periodRounding,
  type Query,
  wholePeriod,
  zoneOf,
} from './question.js';
import { type RefundDay, refundsAsked, soldWithRefunds } from './revenue.js';
import { visitsOfPeriod } from './visit-rows.js';

const daysAsDefault = 30;

const moneyFields = {
  orders: count,
  units: count.describe('Pieces sold minus pieces returned.'),
  gross: count.describe('Minor units.'),
  refunds: count.describe(
    'Minor units, positive, of what came back in the period, or with `refunds=sale_day` of what was sold in it.',
  ),
  net: count.describe('Gross minus refunds.'),
  averageOrder: count.nullable().describe('Gross by orders, minor units, rounded; null without an order.'),
  buyers: count.describe('Different accounts that ordered.'),
  newBuyers: count.describe('Of those, the accounts that had not ordered before the period.'),
};

const trafficFields = {
  visits: count.describe('Different visits with any activity.'),
  visitors: count.describe('Different logged-in accounts among them.'),
  visitsWithView: count,
  visitsWithAddition: count,
  visitsWithCheckout: count,
  searches: count,
  orders: count.describe('Of all currencies.'),
  buyers: count.describe('Different accounts that ordered, in any currency.'),
  newBuyers: count,
  conversionRate: z.number().nullable().describe('Orders by visits; null without a visit.'),
};

type Money = { currency: string; orders: number; units: number; gross: number; refunds: number; net: number };
type Buyers = { currency: string; isTotal: number; buyers: number; newBuyers: number };
type Traffic = Record<
  'visits' | 'visitors' | 'visitsWithView' | 'visitsWithAddition' | 'visitsWithCheckout' | 'searches',
  number
>;

export const overview = endpoint({
  name: 'overview',
  id: 'Overview',
  summary: 'The figures of a period: money and buyers by currency, and the traffic.',
  description: periodRounding(daysAsDefault),
  querystring: z.strictObject({ ...periodQuery, refunds: refundsAsked, compare: comparison }),
  row: z.object({ currency, ...moneyFields, previous: z.object(moneyFields).optional() }),
  also: { traffic: z.object({ ...trafficFields, previous: z.object(trafficFields).optional() }) },
  question: (asked, nowMs) => {
    const period = wholePeriod(asked, nowMs, daysAsDefault);
    if ('refused' in period) return period;
    const periods =
      asked.compare === undefined ? [period] : [period, wholePeriodBefore(period, zoneOf(asked.tz))];
    return {
      about: 'salesAndActivity',
      queries: periods.flatMap((of) => [moneyQuery(of, asked.refunds), buyersQuery(of), trafficQuery(of)]),
      answerOf: (found) => {
        const [now, then] = [summaryOf(found.slice(0, 3)), summaryOf(found.slice(3))];
        return asked.compare === undefined ? now : besideSummary(now, then);
      },
    };
  },
});

const moneyQuery = (period: Period, refunds: RefundDay): Query => {
  if (refunds === 'sale_day')
    return {
      sql: `
  SELECT currency, sum(f.orders) AS orders, sum(f.units) AS units, sum(f.gross) AS gross, sum(f.refunds) AS refunds,
    gross - refunds AS net
  FROM (${soldWithRefunds({ currency: 's.currency' })}
  ) AS f
  GROUP BY currency ORDER BY currency`,
      params: periodParams(period),
    };
  const rollup = coarsestOf([period.fromMs, period.toMs]);
  return {
    sql: `
  SELECT currency, sum(s.orders) AS orders, sum(s.units) AS units, sum(s.gross) AS gross,
    sum(s.refunds) AS refunds, sum(s.net) AS net
  FROM sales_per_${rollup} AS s
  WHERE ${isInTime(rollup)}
  GROUP BY currency ORDER BY currency`,
    params: periodParams(period),
    isQuick: true,
  };
};

/**
 * By currency and altogether: an account that buys in two currencies is one buyer. A set of all earlier buyers costs less than
 * one of those among them who buy in the period, which would have to be found twice.
 * Every order has a line 0.
 */
const buyersQuery = (period: Period): Query => {
  const sold = (isWhen: string): string =>
    `FROM sales WHERE kind = 'sale' AND line = 0 AND user_key != 0 AND ${isWhen}`;
  return {
    sql: buyersSql(
      `SELECT currency, user_key ${sold(isInTime('occurred_at'))}`,
      `SELECT user_key ${sold("occurred_at < {from:DateTime('UTC')}")}`,
    ),
    params: periodParams(period),
    gathered: gatheredFrom('orders', (made) => ({
      sql: buyersSql(
        orderRows('currency, user_key', `${ofBuyers} AND ${isInTime('at')}`, made),
        orderRows('user_key', `${ofBuyers} AND at < {from:DateTime('UTC')}`, made),
      ),
      params: { ...periodParams(period), ...batchParams(made) },
    })),
  };
};

const ofBuyers = 'orders > 0 AND user_key != 0';

const buyersSql = (bought: string, earlier: string): string => `
  SELECT currency, grouping(currency) AS isTotal, uniqExact(user_key) AS buyers,
    uniqExactIf(user_key, user_key NOT IN (${earlier})) AS newBuyers
  FROM (${bought})
  GROUP BY GROUPING SETS ((currency), ())`;

/** By visit first: one table of all visits costs a fifth of a set of visits for each figure. */
const trafficQuery = (period: Period): Query => {
  const actions = `shopper_activity WHERE ${isInTime('occurred_at')}`;
  return {
    sql: trafficSql(
      `(SELECT uniqExact(user_key) FROM ${actions} AND user_key != 0)`,
      `
    SELECT max(type = 'product_viewed') AS viewed, max(type = 'product_added') AS added,
      max(type = 'checkout_started') AS checkedOut, countIf(type = 'products_searched') AS searched
    FROM ${actions}
    GROUP BY visit_key`,
    ),
    params: periodParams(period),
    gathered: gatheredFrom('visits', (made) => ({
      sql: trafficSql('uniqExactArray(accounts)', visitsOfPeriod(made)),
      params: { ...periodParams(period), ...batchParams(made) },
    })),
  };
};

const trafficSql = (visitors: string, visits: string): string => `
  SELECT count() AS visits, countIf(viewed) AS visitsWithView, countIf(added) AS visitsWithAddition,
    countIf(checkedOut) AS visitsWithCheckout, sum(searched) AS searches, ${visitors} AS visitors
  FROM (${visits}
  )`;

const nobody = { buyers: 0, newBuyers: 0 };
const noTraffic: Traffic = {
  visits: 0,
  visitors: 0,
  visitsWithView: 0,
  visitsWithAddition: 0,
  visitsWithCheckout: 0,
  searches: 0,
};

const summaryOf = ([money = [], buyers = [], traffic = []]: readonly Found[]) =>
  summaryFrom(money, buyers, traffic[0] ?? noTraffic);

type Found = readonly never[];

const summaryFrom = (money: readonly Money[], buyers: readonly Buyers[], visited: Traffic) => {
  const buyersOf = (isOf: (row: Buyers) => boolean) => {
    const { buyers: all, newBuyers } = buyers.find(isOf) ?? nobody;
    return { buyers: all, newBuyers };
  };
  const orders = money.reduce((sum, row) => sum + row.orders, 0);
  return {
    items: money.map((row) => ({
      ...row,
      averageOrder: row.orders === 0 ? null : Math.round(row.gross / row.orders),
      ...buyersOf(({ currency: of, isTotal }) => isTotal === 0 && of === row.currency),
    })),
    traffic: {
      ...visited,
      orders,
      ...buyersOf(({ isTotal }) => isTotal === 1),
      conversionRate: visited.visits === 0 ? null : orders / visited.visits,
    },
  };
};

type Summary = ReturnType<typeof summaryFrom>;

/** A currency that only one of the periods has stands beside zeros. */
const besideSummary = (now: Summary, then: Summary) => {
  const currencies = [...new Set([...now.items, ...then.items].map((row) => row.currency))].sort();
  const rowOf = ({ items }: Summary, of: string) =>
    items.find((row) => row.currency === of) ?? {
      currency: of,
      orders: 0,
      units: 0,
      gross: 0,
      refunds: 0,
      net: 0,
      averageOrder: null,
      ...nobody,
    };
  return {
    items: currencies.map((of) => {
      const { currency: _, ...previous } = rowOf(then, of);
      return { ...rowOf(now, of), previous };
    }),
    traffic: { ...now.traffic, previous: then.traffic },
  };
};
