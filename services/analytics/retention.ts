import { z } from 'zod';
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
  description: `A cohort are the accounts whose first order ever was confirmed in the bucket; a buyer counts once in each bucket with an order. There is a row for each bucket since, up to now, also where nobody came back. Orders that were returned later count; those of guests do not. Without \`from\` it is the last 30 days, 12 weeks or 365 days; at most ${cohortsMax} buckets.`,
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
const orders = "kind = 'sale' AND line = 0 AND user_key != 0";

/** Those whose first order lies in the period have all of theirs after its beginning. One pass costs half of a set of the others. */
const cohortsQuery = (period: Period, startsMs: readonly number[]): Query => ({
  sql: `
  SELECT ${bucketOf('first_at')} AS cohort, bucket, count() AS buyers
  FROM (
    SELECT min(occurred_at) AS first_at,
      groupUniqArrayIf(${bucketOf('occurred_at')}, occurred_at >= {from:DateTime('UTC')}) AS buckets
    FROM sales
    WHERE ${orders} AND occurred_at < {to:DateTime('UTC')}
    GROUP BY user_key
    HAVING first_at >= {from:DateTime('UTC')}
  )
  ARRAY JOIN buckets AS bucket
  GROUP BY cohort, bucket`,
  params: { ...periodParams(period), starts: startsMs.map((ms) => ms / 1000) },
});

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
