import { z } from 'zod';
import type { HttpApp } from '#platform/http/http-app';
import { problems } from '#platform/http/problem-details';
import { rowResponse } from '#platform/http/row-formats';
import { wholeNumber } from '#platform/http/text';
import { endpoints } from './endpoints.js';
import type { Figures } from './figures.js';
import { coarsestOf, granularities, periodBefore, startsOf, wholePeriodBefore } from './period.js';
import { queryRoutes } from './query-routes.js';
import {
  bucketPeriod,
  comparison,
  count,
  currency,
  currencyAsked,
  cutAt,
  instantOf,
  isoOf,
  periodQuery,
  periodRounding,
  truncatedField,
  wholePeriod,
  zoneOf,
} from './question.js';
import { leastComplete } from './reading.js';
import { besidePrevious, refundsAsked } from './revenue.js';
import {
  analysts,
  answerOfRows,
  columnsFor,
  createAnswerTexts,
  type EndpointDeps,
  refuse,
  rowRoute,
  sendAnswer,
  tags,
} from './row-routes.js';
import { rankings } from './top-products.js';

const topProductsDays = 7;

const money = {
  orders: count,
  units: count,
  gross: count.describe('Minor units.'),
  refunds: count.describe('Minor units, positive.'),
  net: count.describe('Gross minus refunds.'),
};

const revenueRow = z.object({
  from: instantOf.describe('Start of the minute, hour or day, in UTC.'),
  currency,
  ...money,
  previous: z
    .object({ from: instantOf, ...money })
    .optional()
    .describe('The bucket at the same place in the period before, with `compare=previous`.'),
});

const topProductsRow = z.object({
  productId: z.string(),
  name: z.string(),
  units: count.describe('Pieces sold minus pieces returned.'),
  net: count.describe('Minor units.'),
  currency,
  previous: z
    .object({ units: count, net: count })
    .optional()
    .describe('What it sold in the period before, with `compare=previous`.'),
});

type AnalyticsDeps = EndpointDeps & { figures: Figures };

export const analyticsRoutes = (app: HttpApp, given: Omit<AnalyticsDeps, 'texts'>): void => {
  const deps = { ...given, texts: createAnswerTexts() };
  revenueRoute(app, deps);
  topProductsRoute(app, deps);
  for (const endpoint of endpoints) rowRoute(app, endpoint, deps);
  queryRoutes(app, deps);
};

const revenueRoute = (app: HttpApp, { figures, clock, texts }: AnalyticsDeps): void => {
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
          ...periodQuery,
          granularity: z.enum(granularities).default('hour'),
          refunds: refundsAsked,
          compare: comparison,
        }),
        response: { 200: rowResponse(answerOfRows('Revenue', revenueRow)), ...problems(406, 422, 503) },
      },
    },
    (request, reply) => {
      const { granularity, refunds, compare, tz } = request.query;
      const period = bucketPeriod(request.query, granularity, clock.nowMs());
      if ('refused' in period) return refuse(period.refused);
      const columns = columnsFor(revenueRow, { compare });
      return sendAnswer(request, reply, { name: 'revenue', columns, texts }, async () => {
        if (compare === undefined) {
          const { rows, reading } = await figures.revenue(period, granularity, refunds);
          const items = () => rows.map(({ bucket, ...row }) => ({ from: isoOf(bucket * 1000), ...row }));
          return { found: [rows], answer: () => ({ items: items() }), reading };
        }
        const before = periodBefore(period, granularity, zoneOf(tz));
        const [now, then] = await Promise.all([
          figures.revenue(period, granularity, refunds),
          figures.revenue(before, granularity, refunds),
        ]);
        const items = () =>
          besidePrevious(now.rows, then.rows, {
            startsMs: startsOf(period, granularity),
            previousStartsMs: startsOf(before, granularity),
          }).map(({ bucket, previous: { bucket: earlier, ...previous }, ...row }) => ({
            from: isoOf(bucket * 1000),
            ...row,
            previous: { from: isoOf(earlier * 1000), ...previous },
          }));
        const reading = leastComplete([now.reading, then.reading]);
        return { found: [now.rows, then.rows], answer: () => ({ items: items() }), reading };
      });
    },
  );
};

const topProductsRoute = (app: HttpApp, { figures, clock, texts }: AnalyticsDeps): void => {
  app.get(
    '/api/analytics/top-products',
    {
      access: analysts,
      schema: {
        tags,
        summary: 'The products that sold most.',
        description: `Amounts are compared within their currency only: by revenue the first of each currency come first, then the second of each. ${periodRounding(topProductsDays)}`,
        querystring: z.strictObject({
          ...periodQuery,
          by: z.enum(rankings).default('revenue'),
          currency: currencyAsked.describe('Only what was sold in it; every currency if it is left out.'),
          refunds: refundsAsked,
          limit: wholeNumber(1, 100).prefault(20),
          compare: comparison,
        }),
        response: {
          200: rowResponse(answerOfRows('TopProducts', topProductsRow, truncatedField)),
          ...problems(406, 422, 503),
        },
      },
    },
    (request, reply) => {
      const { by, currency: of, refunds, limit, compare, tz } = request.query;
      const period = wholePeriod(request.query, clock.nowMs(), topProductsDays);
      if ('refused' in period) return refuse(period.refused);
      const columns = columnsFor(topProductsRow, { compare });
      return sendAnswer(request, reply, { name: 'top-products', columns, texts }, async () => {
        const rollup = coarsestOf([period.fromMs, period.toMs]);
        const now = await figures.topProducts(period, rollup, {
          by,
          currency: of,
          refunds,
          rowsMax: limit + 1,
        });
        if (compare === undefined)
          return { found: [now.rows], answer: () => cutAt(limit, now.rows), reading: now.reading };
        const before = wholePeriodBefore(period, zoneOf(tz));
        const then = await figures.productTotals(
          before,
          now.rows.map(({ productId }) => productId),
          refunds,
        );
        const items = () =>
          now.rows.map((row) => {
            const { units, net } = then.rows.find(
              ({ productId, currency: sold }) => productId === row.productId && sold === row.currency,
            ) ?? { units: 0, net: 0 };
            return { ...row, previous: { units, net } };
          });
        const reading = leastComplete([now.reading, then.reading]);
        return { found: [now.rows, then.rows], answer: () => cutAt(limit, items()), reading };
      });
    },
  );
};
