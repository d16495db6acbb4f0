import { z } from 'zod';
import { matching, wholeNumber } from '#platform/http/text';
import { shopperActions } from '#schemas/shopper-actions';
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

/** What a step can be: an action of a shopper, or the order of the account that the visit belongs to. */
export const funnelSteps = [...shopperActions, 'order_confirmed'] as const;

type Step = (typeof funnelSteps)[number];

const daysAsDefault = 30;
const minuteMs = 60_000;
const windowMinutesMax = 43_200;
const stepsCharsMax = 250;

const oneStep = `(${funnelSteps.join('|')})`;

const steps = matching(
  stepsCharsMax,
  new RegExp(`^${oneStep}(,${oneStep}){1,${funnelSteps.length - 1}}$`),
  `must be two or more of ${funnelSteps.join(', ')}, separated by commas`,
)
  .transform((list) => list.split(',') as Step[])
  .refine((list) => new Set(list).size === list.length, 'must have each step once')
  .describe('In the order in which they have to happen, separated by commas.');

export const funnel = endpoint({
  name: 'funnel',
  id: 'Funnel',
  summary: 'How many visits came how far on a way of ordered steps.',
  description: `A visit counts where it takes the first step within the period, and as far as the following steps come in order, others between them or not, within the window after the first. An order belongs to the visit that began last before it among those of its account, so orders of guests are in no visit. ${periodRounding(daysAsDefault)}`,
  querystring: z.strictObject({
    ...periodQuery,
    steps: steps.prefault('product_viewed,product_added,checkout_started,order_confirmed'),
    windowMinutes: wholeNumber(1, windowMinutesMax)
      .prefault(1_440)
      .describe('The time from the first step in which all others have to happen.'),
  }),
  row: z.object({
    step: z.int().describe('From 1.'),
    type: z.enum(funnelSteps),
    visits: count.describe('Visits that came at least so far.'),
    ofFirst: share.nullable().describe('Their share of the visits of the first step; null without one.'),
    ofPrevious: share.nullable().describe('Their share of the visits of the step before; null without one.'),
  }),
  question: (asked, nowMs) => {
    const period = wholePeriod(asked, nowMs, daysAsDefault);
    if ('refused' in period) return period;
    const way = asked.steps;
    return {
      about: way.includes('order_confirmed') ? 'both' : 'activity',
      queries: [funnelQuery(period, way, asked.windowMinutes * minuteMs)],
      answerOf: ([levels = []]) => ({ items: stepsOf(way, levels) }),
    };
  },
});

type Level = { level: number; visits: number };

/** How many visits came exactly so far. */
const funnelQuery = (period: Period, way: readonly Step[], windowMs: number): Query => ({
  sql: `
  SELECT level, count() AS visits
  FROM (
    SELECT windowFunnel({windowMs:UInt64})(
      toUInt64(toUnixTimestamp64Milli(at)),
      ${way.map((_, place) => `type = {step${place}:String}${place === 0 ? " AND at < {to:DateTime('UTC')}" : ''}`).join(',\n      ')}
    ) AS level
    FROM (
      SELECT visit_key, type, occurred_at AS at FROM shopper_activity
      WHERE type IN ({steps:Array(String)}) AND occurred_at >= {from:DateTime('UTC')}
        AND occurred_at < {to:DateTime('UTC')} + toIntervalMillisecond({windowMs:UInt64} + 1)
      ${way.includes('order_confirmed') ? `UNION ALL (${ordersOfVisits})` : ''}
    )
    GROUP BY visit_key
    HAVING level > 0
  )
  GROUP BY level`,
  params: {
    ...periodParams(period),
    windowMs,
    steps: way,
    ...Object.fromEntries(way.map((step, place) => [`step${place}`, step])),
  },
});

const inReach = `occurred_at >= {from:DateTime('UTC')}
            AND occurred_at < {to:DateTime('UTC')} + toIntervalMillisecond({windowMs:UInt64} + 1)`;

const ordersOfAccounts = `kind = 'sale' AND line = 0 AND user_key != 0 AND ${inReach}`;

/** Each order of an account with the account's visit that began last before it. Few accounts order. */
const ordersOfVisits = `
        SELECT v.visit_key AS visit_key, 'order_confirmed' AS type, o.at AS at
        FROM (
          SELECT user_key, occurred_at AS at FROM sales
          WHERE ${ordersOfAccounts}
        ) AS o
        ASOF INNER JOIN (
          SELECT user_key, visit_key, min(occurred_at) AS began_at FROM shopper_activity
          WHERE user_key IN (SELECT user_key FROM sales WHERE ${ordersOfAccounts}) AND ${inReach}
          GROUP BY user_key, visit_key
        ) AS v ON v.user_key = o.user_key AND o.at >= v.began_at`;

const stepsOf = (way: readonly Step[], levels: readonly Level[]) => {
  const reached = way.map((_, place) =>
    levels.filter(({ level }) => level > place).reduce((sum, { visits }) => sum + visits, 0),
  );
  const of = (visits: number, whole: number | undefined) => (whole ? visits / whole : null);
  return way.map((type, place) => {
    const visits = reached[place] ?? 0;
    return {
      step: place + 1,
      type,
      visits,
      ofFirst: of(visits, reached[0]),
      ofPrevious: of(visits, reached[Math.max(0, place - 1)]),
    };
  });
};
