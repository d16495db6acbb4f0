import { z } from 'zod';
import type { Clock } from '#platform/clock';
import type { HttpApp } from '#platform/http/http-app';
import { decodeCursor, listQuery, pageFrom, pageOf } from '#platform/http/pagination';
import { problem, problems } from '#platform/http/problem-details';
import { text, wholeNumber } from '#platform/http/text';
import {
  armModels,
  codeOf,
  type Experiment,
  experimentDesigns,
  experimentMetrics,
  experimentsSetting,
} from '#schemas/experiments';
import { labelledScenarios } from '#schemas/recommendation-label';
import { staff } from '#schemas/roles';
import type { Answers } from './answers.js';
import { type ArmCounts, armsQuery, resultOf, type TeamCounts, teamsQuery } from './experiment-figures.js';
import { isoOf, periodQuery, periodRounding, wholePeriod } from './question.js';
import { available, completenessFields, refuse } from './row-routes.js';

const daysAsDefault = 30;
const hourMs = 3_600_000;
const idCharsMax = 100;

const armFields = { name: z.string(), model: z.enum(armModels), percent: z.int() };
const fields = {
  id: z.string(),
  code: z.int().describe('Its number in `experiment` of GET /api/analytics/attribution?by=arm.'),
  scenarios: z.array(z.enum(labelledScenarios)),
  unit: z.enum(['visit', 'user']).describe('Whose hash decides about the arm, and who is counted.'),
  metric: z.enum(experimentMetrics).describe('What the verdict is about.'),
  isRunning: z.boolean(),
  design: z
    .enum(experimentDesigns)
    .describe('`interleave`: every list mixes the products of both arms, and clicks decide.'),
};

const listed = z.object({ ...fields, arms: z.array(z.object(armFields)) }).meta({ id: 'Experiment' });

const interval = { value: z.number(), low: z.number(), high: z.number() };
const count = z.number().meta({ type: 'integer' });

const measured = z.object({
  metric: z
    .enum(experimentMetrics)
    .describe('Shares of visitors; `revenue` in minor units of `currency` per visitor.'),
  mean: z.object(interval).nullable().describe('With a 95 % interval that holds at every look.'),
  againstFirst: z
    .object({
      ...interval,
      lift: z.number().nullable().describe('The difference as a share of the first arm’s mean.'),
      pValue: z.number().describe('Always valid: it may be looked at as often as one likes.'),
    })
    .nullable()
    .describe('The difference from the first arm. Null for the first arm, and before anything differs.'),
});

const result = z
  .object({
    ...fields,
    from: z.iso.datetime(),
    to: z.iso.datetime(),
    preference: z
      .object({
        first: count.describe('Visitors who clicked more products of the first arm.'),
        second: count,
        difference: z
          .object({ ...interval, pValue: z.number() })
          .nullable()
          .describe(
            'Visitors who prefer the second arm less those who prefer the first, as a share of all visitors, with a 95 % interval that holds at every look.',
          ),
      })
      .nullable()
      .describe('Only with design `interleave`, where the arms of visitors differ in nothing.'),
    currency: z
      .string()
      .nullable()
      .describe('The one in which most buyers paid; `revenue` is compared in it alone.'),
    arms: z.array(
      z.object({
        ...armFields,
        visitors: count.describe('Visits, or accounts, to whom a list of the arm was shown.'),
        lists: count,
        shown: count.describe('Products shown in these lists.'),
        clicks: count,
        clicked: count.describe('Visitors with a click.'),
        additions: count,
        added: count.describe('Visitors who put something in the cart after the first list.'),
        orders: count,
        ordered: count.describe('Visitors with a confirmed order.'),
        units: count,
        returned: count.describe('Units sent back.'),
        revenue: z
          .array(z.object({ amountMinor: count, currency: z.string() }))
          .describe('As sold, before refunds, by currency.'),
        measured: z.array(measured),
      }),
    ),
    shareProbability: z
      .number()
      .describe(
        'How often chance alone divides the visitors as unequally as this: below 0.001 visitors of an arm are lost.',
      ),
    verdict: z.string(),
    ...completenessFields,
  })
  .meta({ id: 'ExperimentResult' });

type Deps = {
  experiments: () => readonly Experiment[];
  answers: Answers;
  clock: Pick<Clock, 'nowMs'>;
};

const tags = ['recommendations'];
const definitionOf = ({ arms, ...experiment }: Experiment) => ({
  ...experiment,
  design: experiment.design ?? 'split',
  code: codeOf(experiment.id),
  arms,
});

/** What the experiments of recommendations say. They are defined by a setting, and counted here. */
export const experimentRoutes = (app: HttpApp, { experiments, answers, clock }: Deps): void => {
  app.get(
    '/api/recommendations/experiments',
    {
      access: staff,
      schema: {
        tags,
        summary: 'The experiments that are defined, in the order in which they take visitors.',
        description: `They are the setting \`${experimentsSetting.key}\` of /api/config.`,
        querystring: z.strictObject(listQuery),
        response: { 200: pageOf(listed) },
      },
    },
    async (request) => {
      const { limit } = request.query;
      const from = decodeCursor(request, z.int().min(0)) ?? 0;
      const rows = experiments().slice(from, from + limit + 1);
      const { items, next } = pageFrom(request, rows, () => from + limit);
      return { items: items.map(definitionOf), next };
    },
  );

  app.get(
    '/api/recommendations/experiments/:id',
    {
      access: staff,
      schema: {
        tags,
        summary: 'What became of the visitors of each arm, how sure the differences are, and a verdict.',
        description: `A visitor counts for his arm from the first list that was shown to him (\`recommendation_shown\`), and with what he does within the window after it. Orders of a visit are those sent with its \`X-Visit-Id\`. The intervals hold together at 95 %, however often they are looked at, so an experiment may end as soon as one leaves out 0. ${periodRounding(daysAsDefault)}`,
        params: z.strictObject({ id: text(idCharsMax) }),
        querystring: z.strictObject({ ...periodQuery, windowHours: wholeNumber(1, 720).prefault(24) }),
        response: { 200: result, ...problems(404, 422, 503) },
      },
    },
    async ({ params, query: { windowHours, ...asked } }) => {
      const experiment = experiments().find(({ id }) => id === params.id);
      if (experiment === undefined)
        throw problem(404, 'experiment_not_found', 'There is no such experiment.');
      const period = wholePeriod(asked, clock.nowMs(), daysAsDefault);
      if ('refused' in period) return refuse(period.refused);
      const isInterleaved = experiment.design === 'interleave';
      const queries = isInterleaved ? [armsQuery, teamsQuery] : [armsQuery];
      const { found, reading } = await available(() =>
        answers.ofAll(queries.map((query) => query(experiment, period, windowHours * hourMs))),
      );
      const [rows = [], teams = []] = found as [ArmCounts[], TeamCounts[]?];
      return {
        ...definitionOf(experiment),
        from: isoOf(period.fromMs),
        to: isoOf(period.toMs),
        ...resultOf(experiment, rows, teams[0] ?? null),
        asOf: isoOf(reading.asOfMs),
        lagMs: Math.max(0, Math.round(reading.lagMs)),
      };
    },
  );
};
