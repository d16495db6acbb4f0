import { z } from 'zod';
import { actorOf } from '#platform/http/auth';
import type { HttpApp } from '#platform/http/http-app';
import { decodeCursor, listQuery, pageFrom, pageOf } from '#platform/http/pagination';
import { problem, problems } from '#platform/http/problem-details';
import { line, text } from '#platform/http/text';
import type { Database } from '#platform/postgres/pool';
import { inTransaction } from '#platform/postgres/transaction';
import type { Contest } from '#recommenders/contest';
import { parameterSets } from '#recommenders/parameter-sets';
import { staff } from '#schemas/roles';
import type { Promotion, PromotionStore } from './promotion-store.js';
import { type Standing, standingOf } from './standing.js';

export type ModelRouteDeps = {
  db: Database;
  promotions: PromotionStore;
  contest: Pick<Contest, 'days' | 'live'>;
};

const promotionsShown = 20;
const idCharsMax = 100;
const reasonCharsMax = 500;

const estimate = z.object({ value: z.number(), low: z.number(), high: z.number() });
const comparisonFields = {
  lessons: z.int().describe('Choices of shoppers on which both were asked before they learned from them.'),
  days: z.int().describe('On how many days, of the last four weeks.'),
  live: z
    .number()
    .describe('The live set’s mean reciprocal rank of what was chosen, by place among the first 20.'),
  own: z.number().describe('This set’s.'),
  ahead: estimate
    .nullable()
    .describe('Own minus live, with an interval that holds at every look (99 % for all sets together).'),
};

const modelSchema = z
  .object({
    id: z.string().describe('The `modelVersion` of the answers that it gives.'),
    description: z.string(),
    isLive: z.boolean(),
    comparison: z
      .object({
        ...comparisonFields,
        byScenario: z.array(z.object({ scenario: z.string(), ...comparisonFields })),
        isBetterBeyondDoubt: z
          .boolean()
          .describe('At least 1,000 lessons on 14 days, the interval above 0, and in no scenario below it.'),
      })
      .nullable()
      .describe('As this instance has learned it. Null for the live set.'),
  })
  .meta({ id: 'RecommendationModel' });

const promotionSchema = z
  .object({
    id: z.uuid(),
    number: z.int().describe('Counts the promotions.'),
    model: z.string(),
    previous: z.string(),
    evidence: z.record(z.string(), z.unknown()).describe('The comparison of the set at that time.'),
    reason: z.string(),
    promotedBy: z.uuid().nullable().describe('Null where the platform promoted it.'),
    promotedAt: z.iso.datetime(),
  })
  .meta({ id: 'ModelPromotion' });

const tags = ['recommendations'];

export const modelRoutes = (app: HttpApp, deps: ModelRouteDeps): void => {
  listRoute(app, deps);
  promoteRoute(app, deps);
};

const listRoute = (app: HttpApp, { db, promotions, contest }: ModelRouteDeps): void => {
  app.get(
    '/api/recommendations/models',
    {
      access: staff,
      schema: {
        tags,
        summary: 'The parameter sets of the models: which is live, and how the others do beside it.',
        description:
          'The others learn on the share of lessons that the setting `recommendations.comparedPercent` says, 0 by default.',
        querystring: z.strictObject(listQuery),
        response: { 200: pageOf(modelSchema).extend({ promotions: z.array(promotionSchema) }) },
      },
    },
    async (request) => {
      const { limit } = request.query;
      const from = decodeCursor(request, z.int().min(0)) ?? 0;
      const [live, newest] = await Promise.all([promotions.live(db), promotions.list(db, promotionsShown)]);
      const page = pageFrom(request, parameterSets.slice(from, from + limit + 1), () => from + limit);
      const items = page.items.map(({ id, description }) => {
        const isLive = id === live.model;
        // The log brings the promotion a moment later, and until then this instance compares with the one before.
        const isKnown = !isLive && contest.live === live.model;
        return { id, description, isLive, comparison: isKnown ? standingIn(contest, id) : null };
      });
      return { items, next: page.next, promotions: newest.map(shown) };
    },
  );
};

const promoteRoute = (app: HttpApp, { db, promotions, contest }: ModelRouteDeps): void => {
  app.post(
    '/api/recommendations/models/:id/promote',
    {
      access: staff,
      schema: {
        tags,
        summary: 'Make a parameter set the live one.',
        description:
          'It has to be better beyond doubt, or to have been live before (which takes a promotion back), unless `evenIfUnproven`. Every instance applies it within 2 s.',
        params: z.strictObject({ id: text(idCharsMax) }),
        body: z
          .strictObject({
            reason: line(reasonCharsMax).optional().describe('Kept with the promotion.'),
            evenIfUnproven: z.boolean().optional(),
          })
          .nullish(),
        response: { 200: promotionSchema, ...problems(404, 409) },
      },
    },
    async ({ params: { id }, body, principal }) => {
      const { reason = '', evenIfUnproven = false } = body ?? {};
      if (!parameterSets.some((set) => set.id === id))
        throw problem(404, 'model_not_found', 'There is no such parameter set.');
      const promotedBy = actorOf(principal);
      const promotion = await inTransaction(db, async (tx) => {
        const live = await promotions.lockLive(tx);
        if (live.model === id) throw problem(409, 'model_is_live', 'This parameter set is live already.');
        const evidence = standingIn(contest, id);
        const isProven = contest.live === live.model && evidence.isBetterBeyondDoubt;
        if (!evenIfUnproven && !isProven && !(await promotions.wasLive(tx, id)))
          throw problem(
            409,
            'not_better_beyond_doubt',
            'Nothing proves yet that this parameter set is better than the live one.',
          );
        return promotions.promote(tx, live, { model: id, evidence, reason, promotedBy });
      });
      return shown(promotion);
    },
  );
};

export const standingIn = (contest: Pick<Contest, 'days'>, id: string): Standing =>
  standingOf(contest.days(id), parameterSets.length - 1);

const shown = ({ promotedAt, evidence, ...promotion }: Promotion) => ({
  ...promotion,
  evidence: evidence as Record<string, unknown>,
  promotedAt: promotedAt.toISOString(),
});
