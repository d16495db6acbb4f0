import { z } from 'zod';
import type { Clock } from '#platform/clock';
import { PlatformError } from '#platform/errors';
import { problem, problems, unavailable } from '#platform/http/problem-details';
import type { HttpApp } from '#platform/http/server';
import { encodeSharedAnswer, sharedAnswerHeader } from '#platform/http/shared-answer';
import { instant, wholeNumber } from '#platform/http/text';
import type { Answer } from './answers.js';
import type { Figures } from './figures.js';
import {
  bucketsMax,
  earliestMs,
  finestFor,
  type Granularity,
  granularities,
  type Period,
  type PeriodRefusal,
  periodOf,
} from './period.js';
import { refundDays } from './revenue.js';
import { rankings } from './top-products.js';

const analysts = ['analyst', 'admin'] as const;
const tags = ['analytics'];
/** All analysts see the same, and `asOf` says up to when. */
const sharing = encodeSharedAnswer({ roles: analysts, ageMsMax: 200 });

const completeness = {
  asOf: z.iso.datetime().describe('The event time up to which the answer is complete.'),
  lagMs: z.int().min(0).describe('How far `asOf` is behind now.'),
};

/** A sum over many orders may exceed the safe integers; the answer then has the nearest number. */
const count = z.number().meta({ type: 'integer' });
const currency = z.string().describe('ISO 4217. Amounts of different currencies are never added up.');

const revenueAnswer = z
  .object({
    items: z.array(
      z.object({
        from: z.iso.datetime().describe('Start of the minute, hour or day, UTC.'),
        currency,
        orders: count,
        units: count,
        gross: count.describe('Minor units.'),
        refunds: count.describe('Minor units, positive.'),
        net: count.describe('Gross minus refunds.'),
      }),
    ),
    ...completeness,
  })
  .meta({ id: 'Revenue' });

const topProductsAnswer = z
  .object({
    items: z.array(
      z.object({
        productId: z.string(),
        name: z.string(),
        units: count.describe('Pieces sold minus pieces returned.'),
        net: count.describe('Minor units.'),
        currency,
      }),
    ),
    ...completeness,
  })
  .meta({ id: 'TopProducts' });

type AnalyticsDeps = { figures: Figures; clock: Clock };

export const analyticsRoutes = (app: HttpApp, deps: AnalyticsDeps): void => {
  revenueRoute(app, deps);
  topProductsRoute(app, deps);
};

const revenueRoute = (app: HttpApp, deps: AnalyticsDeps): void => {
  app.get(
    '/api/analytics/revenue',
    {
      access: analysts,
      schema: {
        tags,
        summary: 'Orders, units and money by minute, hour or day.',
        description:
          '`from` is rounded down and `to` up to whole buckets. Without them the answer has the last hour by minutes, the last day by hours or the last 30 days by days. Buckets without a sale have no row.',
        querystring: z.strictObject({
          from: instant.optional(),
          to: instant.optional(),
          granularity: z.enum(granularities).default('hour'),
          refunds: z
            .enum(refundDays)
            .default('return_day')
            .describe('Whether a refund counts when it is made, or in the bucket of the refunded sale.'),
        }),
        response: { 200: revenueAnswer, ...problems(503) },
      },
    },
    async (request, reply) => {
      reply.header(sharedAnswerHeader, sharing);
      const { granularity, refunds } = request.query;
      const period = periodAsked(request.query, granularity, deps.clock.nowMs());
      const { rows, ...rest } = await answerOf(deps.figures.revenue(period, granularity, refunds));
      return {
        items: rows.map(({ bucket, ...row }) => ({ from: new Date(bucket * 1000).toISOString(), ...row })),
        ...rest,
      };
    },
  );
};

const topProductsRoute = (app: HttpApp, deps: AnalyticsDeps): void => {
  app.get(
    '/api/analytics/top-products',
    {
      access: analysts,
      schema: {
        tags,
        summary: 'The products that sold most.',
        description:
          'The period is rounded to whole minutes up to a week, to whole hours up to 60 weeks, else to whole days. Without `from` it is the last seven days.',
        querystring: z.strictObject({
          from: instant.optional(),
          to: instant.optional(),
          by: z.enum(rankings).default('revenue'),
          limit: wholeNumber(1, 100).prefault(20),
        }),
        response: { 200: topProductsAnswer, ...problems(503) },
      },
    },
    async (request, reply) => {
      reply.header(sharedAnswerHeader, sharing);
      const { by, limit, from, to } = request.query;
      const nowMs = deps.clock.nowMs();
      const asked = { from: from ?? weekBefore(to === undefined ? nowMs : Date.parse(to)), to };
      const granularity = finestFor(
        { fromMs: Date.parse(asked.from), toMs: to === undefined ? undefined : Date.parse(to) },
        nowMs,
      );
      const period = periodAsked(asked, granularity, nowMs);
      const { rows, ...rest } = await answerOf(deps.figures.topProducts(period, granularity, by, limit));
      return { items: [...rows], ...rest };
    },
  );
};

const answerOf = async <Row>(
  asking: Promise<Answer<Row>>,
): Promise<{ rows: readonly Row[]; asOf: string; lagMs: number }> => {
  try {
    const { rows, reading } = await asking;
    return { rows, asOf: new Date(reading.asOfMs).toISOString(), lagMs: Math.round(reading.lagMs) };
  } catch (error) {
    if (error instanceof PlatformError && error.retriable)
      throw unavailable('analytics_unavailable', 'Analytics are not available at the moment.');
    throw error;
  }
};

const periodAsked = (
  query: { from?: string | undefined; to?: string | undefined },
  granularity: Granularity,
  nowMs: number,
): Period => {
  const asked = periodOf(
    {
      fromMs: query.from === undefined ? undefined : Date.parse(query.from),
      toMs: query.to === undefined ? undefined : Date.parse(query.to),
    },
    granularity,
    nowMs,
  );
  if (!('refused' in asked)) return asked;
  throw problem(400, 'invalid_period', 'The period is not valid.', {
    errors: [{ path: `/${asked.parameter}`, message: refusalMessages[asked.refused] }],
  });
};

const refusalMessages: Record<PeriodRefusal, string> = {
  not_before_to: 'must be before `to`',
  too_many_buckets: `is more than ${bucketsMax} buckets before \`to\``,
  not_before_now: 'must be in the past if `to` is not given',
  out_of_range: 'must lie between 1970 and 2100',
};

/**
 * One minute less than seven days, so that the period has at most `bucketsMax` buckets after both ends are rounded
 * outwards.
 */
const weekBefore = (toMs: number): string =>
  new Date(Math.max(earliestMs, toMs - 7 * 86_400_000 + 60_000)).toISOString();
