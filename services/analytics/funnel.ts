import { z } from 'zod';
import { matching, wholeNumber } from '#platform/http/text';
import { shopperActions } from '#schemas/shopper-actions';
import { type Batches, batchParams, isBehind } from './gathered-rows.js';
import { orderRows, visitsOfOrders } from './order-rows.js';
import type { Period } from './period.js';
import {
  count,
  endpoint,
  isInTime,
  periodParams,
  periodQuery,
  periodRounding,
  type Query,
  reachEnd,
  share,
  wholePeriod,
} from './question.js';
import { touching, visitsUntil } from './visit-rows.js';

/** What a step can be: an action of a shopper, or an order of the visit. */
const funnelSteps = [...shopperActions, 'order_confirmed'] as const;

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
  description: `A visit counts where it takes the first step within the period, and as far as the following steps come in order, others between them or not, within the window after the first. An order belongs to the visit with which it was sent (\`X-Visit-Id\`), else to the visit that began last before it among those of its account, so orders that guests send without a visit are in none. ${periodRounding(daysAsDefault)}`,
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
      about: way.includes('order_confirmed') ? 'salesActivityAndOrders' : 'activity',
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
  gathered: {
    reads: ['visits', 'orders'],
    of: ({ visits, orders }) =>
      visits && {
        sql: byVisitSql(way, visits, orders),
        params: { ...periodParams(period), ...batchParams(visits, orders), windowMs },
      },
  },
});

const inReach = isInTime('occurred_at', reachEnd);

const isOrder = `kind = 'sale' AND line = 0 AND ${inReach}`;

const noTime = "toDateTime64(0, 3, 'UTC')";

/** The moments of a step of a visit, in order. */
const momentsOf = (step: Step): string => (step === 'order_confirmed' ? 'orders' : step);

const msOf = (instant: string): string => `toUnixTimestamp64Milli(toDateTime64(${instant}, 3, 'UTC'))`;

/**
 * The first moment of each step after that of the step before says how far a visit came, unless something of it lies
 * outside of the window: then all of its ways are followed as `windowFunnel` does. Each moment is a statement of its own,
 * because an expression would be analysed as often as those behind it name it.
 */
const byVisitSql = (way: readonly Step[], made: Batches, orders: Batches | undefined): string => {
  const actions = way.filter((step) => step !== 'order_confirmed');
  const hasOrders = actions.length < way.length;
  const [first = 'product_viewed'] = way.map(momentsOf);
  // A visit whose first step is an order may have done nothing else, and no other visit counts.
  const joined = way[0] === 'order_confirmed' ? 'RIGHT' : 'LEFT';
  const visits = `
      SELECT ${[...actions, ...(hasOrders ? ['o.orders AS orders'] : [])].join(', ')},
        arrayFirst(at -> ${isInTime('at')}, ${first}) AS moment0
      FROM (${visitsUntil(reachEnd, actions, made)}
      ) AS v
      ${hasOrders ? `${joined} JOIN (${ordersOfVisitRows(made, orders)}) AS o ON o.visit_key = v.visit_key` : ''}
      WHERE moment0 != ${noTime}`;
  const followed = way
    .slice(1)
    .reduce(
      (before, step, at) =>
        `SELECT *, arrayFirst(at -> moment${at} != ${noTime} AND at >= moment${at}, ${momentsOf(step)}) AS moment${at + 1} FROM (${before})`,
      visits,
    );
  const lasts = way.slice(1).map((step) => `arrayMax(arrayPushBack(${momentsOf(step)}, moment0))`);
  const stepsAt = way.map(
    (step, place) => `arrayMap(at -> (toUnixTimestamp64Milli(at), ${place + 1}), ${momentsOf(step)})`,
  );
  return `
  SELECT if(isLonger, toUInt8(arrayLastIndex(at -> at > 0, arrayFold(
      (begun, each) -> if(each.2 = 1, arrayPushFront(arrayPopFront(begun), each.1),
        if(begun[each.2 - 1] > 0 AND each.1 <= begun[each.2 - 1] + {windowMs:Int64},
          arrayMap((at, place) -> if(place = each.2, begun[each.2 - 1], at), begun, arrayEnumerate(begun)), begun)),
      steps_at, arrayResize(emptyArrayInt64(), ${way.length})
    ))), reached) AS level, count() AS visits
  FROM (
    SELECT reached, isLonger, if(isLonger, arraySort(arrayFilter(
        each -> each.1 >= ${msOf("{from:DateTime('UTC')}")} AND each.1 < if(each.2 = 1, ${msOf("{to:DateTime('UTC')}")}, ${msOf(reachEnd)}), arrayConcat(
        ${stepsAt.join(',\n        ')}
      ))), []) AS steps_at
    FROM (
      SELECT *, reached > 1 AND lastly > moment0 + toIntervalMillisecond({windowMs:UInt64}) AS isLonger
      FROM (
        SELECT *, toUInt8(${way.map((_, place) => `(moment${place} != ${noTime})`).join(' + ')}) AS reached,
          greatest(${lasts.join(', ')}) AS lastly
        FROM (${followed})
      )
    )
  )
  GROUP BY level
  HAVING level > 0`;
};

/** The same orders by visit as those of `ordersOfVisits`. What is behind the batches is few, and joined as it is. */
const ordersOfVisitRows = (made: Batches, ordersMade: Batches | undefined): string => {
  const columns = (of: string): string =>
    ordersMade === undefined
      ? `SELECT ${of.replace('at', 'occurred_at AS at')} FROM sales WHERE ${isOrder}`
      : orderRows(of, `orders > 0 AND ${isInTime('at', reachEnd)}`, ordersMade);
  return `
        SELECT visit_key, arraySort(groupArray(at)) AS orders
        FROM (${ordersWithVisit(
          columns('order_key, user_key, at'),
          `
          SELECT user_key, visit_key, min(at) AS began_at
          FROM (
            SELECT user_key, visit_key, arrayFirst(at -> at >= {from:DateTime('UTC')}, ats) AS at
            FROM visit_actions
            ARRAY JOIN accounts AS user_key, account_ats AS ats
            PREWHERE ${touching(reachEnd)}
            WHERE user_key != 0 AND user_key IN (${columns('user_key')})
              AND at != ${noTime} AND at < ${reachEnd}
            UNION ALL
            SELECT user_key, visit_key, occurred_at FROM shopper_activity
            WHERE user_key != 0 AND ${isBehind(made)} AND ${inReach}
          )
          GROUP BY user_key, visit_key`,
        )}
        )
        GROUP BY visit_key`;
};

/** Each order with the visit with which it was sent, else with the account's visit that began last before it. */
const ordersWithVisit = (orders: string, visitsOfAccounts: string): string => `
        SELECT if(o.sent_with != 0, o.sent_with, v.visit_key) AS visit_key, o.at AS at
        FROM (
          SELECT sold.user_key AS user_key, sold.at AS at, placed.visit AS sent_with
          FROM (${orders}
          ) AS sold
          ANY LEFT JOIN (${visitsOfOrders}
          ) AS placed ON placed.order_key = sold.order_key
        ) AS o
        ASOF LEFT JOIN (${visitsOfAccounts}
        ) AS v ON v.user_key = o.user_key AND o.at >= v.began_at
        WHERE visit_key != 0`;

/** Few accounts order. */
const ordersOfVisits = `
        SELECT visit_key, 'order_confirmed' AS type, at
        FROM (${ordersWithVisit(
          `
          SELECT order_key, user_key, occurred_at AS at FROM sales WHERE ${isOrder}`,
          `
          SELECT user_key, visit_key, min(occurred_at) AS began_at FROM shopper_activity
          WHERE user_key != 0 AND user_key IN (SELECT user_key FROM sales WHERE ${isOrder}) AND ${inReach}
          GROUP BY user_key, visit_key`,
        )}
        )`;

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
