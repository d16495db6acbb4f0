import { z } from 'zod';
import { batchParams, gatheredFrom } from './gathered-rows.js';
import { orderRows } from './order-rows.js';
import type { Period } from './period.js';
import {
  count,
  currency,
  endpoint,
  isInTime,
  periodParams,
  periodQuery,
  periodRounding,
  type Query,
  wholePeriod,
} from './question.js';

const daysAsDefault = 365;

/**
 * The least score of recency of those who have ordered within so many days of the end, however many have ordered later: in
 * a shop of a few days everybody's last order is recent.
 */
const recencyFloors = [
  { days: 7, score: 4 },
  { days: 30, score: 3 },
] as const;

/**
 * The segments, best first, by the scores of recency and of frequency and amount together (each 1 to 5). Every pair of
 * scores is of one segment.
 */
export const segments = [
  { segment: 'champions', recency: [5, 5], value: [4, 5] },
  { segment: 'loyal', recency: [3, 4], value: [4, 5] },
  { segment: 'potential_loyalists', recency: [4, 5], value: [2, 3] },
  { segment: 'new', recency: [5, 5], value: [1, 1] },
  { segment: 'promising', recency: [4, 4], value: [1, 1] },
  { segment: 'need_attention', recency: [3, 3], value: [3, 3] },
  { segment: 'about_to_sleep', recency: [3, 3], value: [1, 2] },
  { segment: 'cannot_lose', recency: [1, 2], value: [5, 5] },
  { segment: 'at_risk', recency: [1, 2], value: [3, 4] },
  { segment: 'hibernating', recency: [1, 2], value: [1, 2] },
] as const;

const names = segments.map(({ segment }) => segment);

export const rfm = endpoint({
  name: 'rfm',
  id: 'Rfm',
  summary: 'Buyers in segments by how lately, how often and for how much they bought.',
  description: `By currency. A buyer's scores are fifths of all buyers of the currency: 1 + floor(5 · (those below + half of those equal, the buyer included) / all), for the time of the last order, the number of orders, and the amount less refunds. The value score is the mean of the last two, rounded up. ${recencyFloors.map(({ days, score }) => `Whoever has ordered within ${days} days of the end scores at least ${score} for the time`).join('; ')}. Segments (recency, value): ${segments.map(({ segment, recency, value }) => `${segment} (${[...new Set(recency)].join('–')}, ${[...new Set(value)].join('–')})`).join(', ')}. ${periodRounding(daysAsDefault)}`,
  querystring: z.strictObject({ ...periodQuery }),
  row: z.object({
    segment: z.enum(names),
    currency,
    buyers: count,
    orders: count,
    net: count.describe('Minor units, less refunds.'),
    daysSinceOrder: z
      .number()
      .describe('From the last order of each to the end of the period; the mean of the segment.'),
    ordersPerBuyer: z.number(),
    netPerBuyer: count.describe('Minor units, rounded.'),
  }),
  question: (asked, nowMs) => {
    const period = wholePeriod(asked, nowMs, daysAsDefault);
    if ('refused' in period) return period;
    return {
      about: 'sales',
      queries: [segmentsQuery(period)],
      answerOf: ([rows = []]) => ({
        items: (rows as readonly Segment[]).map(({ daysSinceOrder, ...row }) => ({
          ...row,
          daysSinceOrder: Math.round(daysSinceOrder * 100) / 100,
          ordersPerBuyer: Math.round((row.orders / row.buyers) * 100) / 100,
          netPerBuyer: Math.round(row.net / row.buyers),
        })),
      }),
    };
  },
});

type Segment = {
  segment: string;
  currency: string;
  buyers: number;
  orders: number;
  net: number;
  daysSinceOrder: number;
};

/**
 * The least values of the second to the fifth fifth, of whole numbers: the one at the fifth's place, or, where half of those
 * equal to it lie below the place, the next greater.
 */
const edgesOf = (values: string): string =>
  `arrayMap((fifth, edge) -> edge + (5 * (2 * indexOf(arraySort(${values}), edge) - 2 + countEqual(${values}, edge)) < 2 * length(${values}) * fifth),
        [1, 2, 3, 4], arrayMap(fifth -> arraySort(${values})[1 + intDiv(length(${values}) * fifth, 5)], [1, 2, 3, 4]))`;

const fifths = [1, 2, 3, 4];

/** A column for each edge: an array would be copied for each buyer. */
const edgeColumns = (value: string, values: string): string =>
  `(${edgesOf(values)}) AS ${value}_edges, ${fifths.map((fifth) => `${value}_edges[${fifth}] AS ${value}_${fifth}`).join(', ')}`;

const fifthOf = (value: string): string =>
  `1 + ${fifths.map((fifth) => `(${value} >= ${value}_${fifth})`).join(' + ')}`;

const recencyOf = `greatest(${fifthOf('last')}, multiIf(${recencyFloors
  .map(
    ({ days, score }) =>
      `last >= toUnixTimestamp64Milli(toDateTime64({to:DateTime('UTC')}, 3, 'UTC')) - ${days * 86_400_000}, ${score}`,
  )
  .join(', ')}, 1))`;

const fives = [1, 2, 3, 4, 5];
const isWithin = (of: number, [low, high]: readonly [number, number]): boolean => of >= low && of <= high;

/** The places of the segments for each recency and, within it, each value: a look-up costs a tenth of as many conditions. */
const places = fives.flatMap((recency) =>
  fives.map((value) =>
    segments.findIndex((of) => isWithin(recency, of.recency) && isWithin(value, of.value)),
  ),
);

const segmentsQuery = (period: Period): Query => ({
  sql: segmentsSql(`
          SELECT any(currency) AS paid_in, toUnixTimestamp64Milli(maxIf(occurred_at, kind = 'sale')) AS last,
            toInt64(countIf(kind = 'sale' AND line = 0)) AS orders, sum(amount_minor) AS net
          FROM sales
          WHERE user_key != 0 AND ${isInTime('occurred_at')}`),
  params: { ...periodParams(period), names },
  gathered: gatheredFrom('orders', (made) => ({
    sql: segmentsSql(`
          SELECT any(currency) AS paid_in, toUnixTimestamp64Milli(maxIf(r.at, r.is_sale)) AS last,
            toInt64(sum(r.orders)) AS orders, sum(r.amount) AS net
          FROM (${orderRows('user_key, currency, at, is_sale, orders, amount', `user_key != 0 AND ${isInTime('at')}`, made)}
          ) AS r`),
    params: { ...periodParams(period), ...batchParams(made), names },
  })),
});

/** Of a statement that has the figures of an account and currency, but for its groups. */
const segmentsSql = (figures: string): string => `
  SELECT {names:Array(String)}[place + 1] AS segment, currency, count() AS buyers, sum(b.orders) AS orders,
    sum(b.net) AS net,
    avg(toUnixTimestamp64Milli(toDateTime64({to:DateTime('UTC')}, 3, 'UTC')) - b.last) / 86400000 AS daysSinceOrder
  FROM (
    SELECT currency, orders, net, last, ${recencyOf} AS recency,
      intDiv(${fifthOf('orders')} + ${fifthOf('net')} + 1, 2) AS value,
      [${places.join(', ')}][5 * recency + value - 5] AS place
    FROM (
      SELECT currency, lasts, counts, nets, ${edgeColumns('last', 'lasts')}, ${edgeColumns('orders', 'counts')},
        ${edgeColumns('net', 'nets')}
      FROM (
        SELECT paid_in AS currency, groupArray(last) AS lasts, groupArray(orders) AS counts, groupArray(net) AS nets
        FROM (${figures}
          GROUP BY bitXor(user_key, sipHash64(currency))
          HAVING orders > 0
        )
        GROUP BY currency
      )
    )
    ARRAY JOIN lasts AS last, counts AS orders, nets AS net
  ) AS b
  GROUP BY place, currency
  ORDER BY currency, place`;
