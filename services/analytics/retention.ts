import { z } from 'zod';
import { batchParams, gatheredFrom } from './gathered-rows.js';
import { orderRows } from './order-rows.js';
import { type Period, startsOf } from './period.js';
import {
  bucketOf,
  bucketPeriod,
  count,
  endpoint,
  instantOf,
  isoOf,
  periodParams,
  periodQuery,
  type Query,
  share,
} from './question.js';

const cohortsMax = 120;

export const retention = endpoint({
  name: 'retention',
  id: 'Retention',
  summary: 'How many buyers ordered again, by the day, week or month of their first order.',
  description: `A cohort are the accounts whose first order ever was confirmed in the bucket; a buyer counts once in each bucket with an order. There is a row for each bucket since that has begun, up to \`to\` (now, if it is left out), also where nobody came back; later orders do not count. Orders that were returned later count; those of guests do not. Without \`from\` it is the last 30 days, 12 weeks or 365 days; at most ${cohortsMax} buckets.`,
  querystring: z.strictObject({
    ...periodQuery,
    granularity: z
      .enum(['day', 'week', 'month'])
      .default('week')
      .describe('Of the zone; weeks begin on Monday.'),
  }),
  row: z.object({
    cohort: instantOf.describe('Start of the bucket of the first order, in UTC.'),
    size: count.describe('Buyers of the cohort.'),
    period: z.int().describe('Buckets since; 0 is that of the first order.'),
    from: instantOf.describe('Start of the bucket of the later orders, in UTC.'),
    buyers: count.describe('Buyers of the cohort who ordered in it.'),
    rate: share,
  }),
  question: (asked, nowMs) => {
    const period = bucketPeriod(asked, asked.granularity, nowMs);
    if ('refused' in period) return period;
    const starts = startsOf(period, 'day');
    if (starts.length > cohortsMax)
      return {
        refused: {
          code: 'invalid_period',
          detail: 'The period is not valid.',
          errors: [{ path: '/from', message: `is more than ${cohortsMax} buckets before \`to\`` }],
        },
      };
    return {
      about: 'sales',
      queries: [cohortsQuery(period, starts)],
      answerOf: ([cells = []]) => ({ items: tableOf(cells, starts, nowMs) }),
    };
  },
});

/** `cohort` and `bucket` are the starts of buckets, epoch seconds. */
type Cell = { cohort: number; bucket: number; buyers: number };

/** Of accounts; every order has a line 0. */
const cohortsQuery = (period: Period, startsMs: readonly number[]): Query => {
  const params = { ...periodParams(period), starts: startsMs.map((ms) => ms / 1000) };
  return {
    sql: cohortsSql(
      startsMs.length,
      `SELECT user_key, occurred_at AS at FROM sales
      WHERE kind = 'sale' AND line = 0 AND user_key != 0 AND occurred_at < {to:DateTime('UTC')}`,
    ),
    params,
    gathered: gatheredFrom('orders', (made) => ({
      sql: cohortsSql(
        startsMs.length,
        orderRows('user_key, at', "orders > 0 AND user_key != 0 AND at < {to:DateTime('UTC')}", made),
      ),
      params: { ...params, ...batchParams(made) },
    })),
  };
};

const bitsOfNumber = 64;

/**
 * Those whose first order lies in the period have all of theirs after its beginning: one pass costs half of a set of the
 * others. An account's buckets are the bits of numbers, which cost less than a list of them.
 */
const cohortsSql = (bucketCount: number, orders: string): string => {
  const numbers = Array.from({ length: Math.ceil(bucketCount / bitsOfNumber) }, (_, nth) => nth);
  const columns = numbers.map((nth) => `bits${nth}`).join(', ');
  const bits = numbers.map(
    (nth) =>
      `groupBitOr(bitShiftLeft(toUInt64(intDiv(place, ${bitsOfNumber}) = ${nth}), place % ${bitsOfNumber})) AS bits${nth}`,
  );
  const places = numbers.map(
    (nth) => `arrayMap(bit -> bit + ${nth * bitsOfNumber}, bitPositionsToArray(bits${nth}))`,
  );
  return `
  SELECT cohort, {starts:Array(UInt32)}[place + 1] AS bucket, sum(accounts) AS buyers
  FROM (
    SELECT ${bucketOf('first_at')} AS cohort, ${columns}, count() AS accounts
    FROM (
      SELECT min(at) AS first_at, ${bits.join(', ')}
      FROM (
        SELECT user_key, at, transform(${bucketOf('at')}, {starts:Array(UInt32)},
          arrayMap(nth -> toUInt8(nth - 1), arrayEnumerate({starts:Array(UInt32)})), toUInt8(0)) AS place
        FROM (${orders})
      )
      GROUP BY user_key
      HAVING first_at >= {from:DateTime('UTC')}
    )
    GROUP BY cohort, ${columns}
  )
  ARRAY JOIN arrayConcat(${places.join(', ')}) AS place
  GROUP BY cohort, bucket`;
};

const tableOf = (cells: readonly Cell[], startsMs: readonly number[], nowMs: number) => {
  const buyersOf = new Map(cells.map(({ cohort, bucket, buyers }) => [`${cohort} ${bucket}`, buyers]));
  const begun = startsMs.filter((startMs) => startMs <= nowMs);
  return begun.flatMap((cohortMs, place) => {
    const size = buyersOf.get(`${cohortMs / 1000} ${cohortMs / 1000}`) ?? 0;
    if (size === 0) return [];
    return begun.slice(place).map((fromMs, period) => {
      const buyers = buyersOf.get(`${cohortMs / 1000} ${fromMs / 1000}`) ?? 0;
      return { cohort: isoOf(cohortMs), size, period, from: isoOf(fromMs), buyers, rate: buyers / size };
    });
  });
};
