import { z } from 'zod';
import { hasRole, type Principal, userIdOf } from '#platform/http/auth';
import type { HttpApp } from '#platform/http/http-app';
import { encodeSharedAnswer, sharedAnswerHeader } from '#platform/http/shared-answer';
import { text, wholeNumber } from '#platform/http/text';
import { newId } from '#platform/ids';
import type { Host } from '#platform/service-host';
import { scenarios } from '#recommenders/activity';
import { namesCategory, normaliseCategory } from '#schemas/category';
import type { ArmModel, Experiment } from '#schemas/experiments';
import { labelled } from '#schemas/recommendation-label';
import { staff } from '#schemas/roles';
import { createRoom } from './arrangement.js';
import { reasonKinds } from './candidates.js';
import { type Assignment, createAssignments } from './experiments.js';
import { explained, explanation } from './explanation.js';
import type { Chance } from './exploration.js';
import { interleaved } from './interleaving.js';
import type { Question } from './question.js';
import { type Answer, recommend, type Sources } from './recommend.js';

/**
 * The version of lists that the similarities in Redis answer in place of the models: another one with every change of what
 * is on them. Lists of the models have the id of their parameter set.
 */
export const similarityVersion = 'item-to-item-2';

/** Of lists that mix those of two arms. */
export const interleavedVersion = 'interleaved';

/** Of best sellers, with which experiments compare. */
export const popularityVersion = 'popularity-1';

const idCharsMax = 128;
const excludedMax = 500;

const visitId = text(idCharsMax).min(1);
// Ids of products and users, converted to lower case so that capitals do not matter. A visit id is the client's own
// text.
const id = visitId.toLowerCase();
const ids = text(excludedMax * (idCharsMax + 1))
  .toLowerCase()
  .transform((list) => list.split(',').filter((part) => part !== ''))
  .refine((list) => list.length <= excludedMax, `must be at most ${excludedMax} ids, separated by commas`);

const query = z.strictObject({
  scenario: z
    .enum(scenarios)
    .describe(
      '`product`: what next, beside the product in view. `similar`: alternatives to it. `cart`: what goes with `productIds`; ' +
        'else with the caller’s cart; or with that of the visit, where the caller has nothing in one. `home`: for this visitor. ' +
        '`reorder`: what this user will want again or next; the only list that may have recent purchases. `new-arrivals`: ' +
        'products created in the last 30 days, ranked for this visitor. `trending`: what more and more shoppers look at and buy.',
    ),
  productId: id
    .optional()
    .describe(
      'The product in view, for `product` and `similar`. The newest product of the visit if it is left out.',
    ),
  visitId: visitId.optional().describe('The visit, as in POST /api/events.'),
  userId: id
    .optional()
    .describe(
      'The caller’s own account, which is also the default. Staff may name any account. A caller who is not logged in may ' +
        'name an account too, but then its recent purchases are left out and nothing else of it is used.',
    ),
  productIds: ids
    .optional()
    .describe(
      'What is in the cart, for scenario `cart`: comma-separated ids, at most 500. If unset, what is in the caller’s cart.',
    ),
  exclude: ids.optional().describe('Products to leave out: comma-separated ids, at most 500.'),
  category: text(200)
    .min(1)
    .regex(...namesCategory)
    .optional()
    .describe(
      'Only products of this category path and below. If none of those may be shown, or there is no such category, ' +
        'the answer is the same as without a category.',
    ),
  limit: wholeNumber(1, 100).prefault(20),
});

const answer = z
  .object({
    recommendationId: z.uuid().describe('Send it with recommendation_shown and recommendation_clicked.'),
    modelVersion: z.string(),
    asOf: z.iso
      .datetime()
      .describe(
        'The time of the newest event from which the models, or the similarities in their place, have learned; the current ' +
          'time if the list is not learned, as best sellers are not.',
      ),
    items: z.array(
      z.object({
        productId: z.string(),
        score: z.number().describe('Comparable only within this answer.'),
        reason: z.object({
          kind: z.enum(reasonKinds),
          because: z
            .array(z.string())
            .describe('The products because of which this one is recommended, if any.'),
        }),
      }),
    ),
  })
  .meta({ id: 'Recommendations' });

export const recommendationRoutes = (
  app: HttpApp,
  host: Pick<Host, 'clock' | 'metrics'>,
  {
    experiments,
    exploredPercent = () => 0,
    ...sources
  }: Sources & { experiments: () => readonly Experiment[]; exploredPercent?: () => number },
): void => {
  const assign = createAssignments(experiments);
  const requests = host.metrics.counter('recommendation_requests_total', 'Recommendation lists answered.', [
    'scenario',
    'source',
  ]);
  const duration = host.metrics.histogram(
    'recommendation_duration_seconds',
    'Making one recommendation list.',
    [],
    [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1],
  );

  app.get(
    '/api/recommendations',
    {
      access: 'public',
      config: { anonymousWithoutKeys: true },
      schema: {
        tags: ['recommendations'],
        summary: 'Products for this visitor, or to go with a product.',
        description:
          'The answer has no product that is unknown, inactive, out of stock, excluded or recently bought. It is not empty ' +
          'while any product may be shown. Unknown visits, users and products are not errors.',
        querystring: query,
        response: { 200: answer },
      },
    },
    async (request, reply) => {
      const startedAtMs = performance.now();
      const question = questionOf(request.query, request.principal, host.clock.nowMs());
      const assignment = isCompared(question) ? assign(question.scenario, visitorOf(question)) : null;
      const id = newId(host.clock);
      const { found, version, experiment } = await listFor(question, { assignment, id }, sources, (chance) =>
        // Lists for nobody in particular are shared, so chance would be the same for many.
        isForAnybody(question) ? false : 100 * chance.random() < exploredPercent(),
      );
      requests.inc({ scenario: question.scenario, source: found.source });
      duration.observe((performance.now() - startedAtMs) / 1000);
      const list = shown(found, question, { version, id, experiment });
      if (request.principal.kind === 'anonymous' && isForAnybody(question))
        reply.header(
          sharedAnswerHeader,
          encodeSharedAnswer({
            roles: ['anonymous'],
            ageMsMax: sharedAgeMsMax,
            ownId: list.recommendationId,
          }),
        );
      return list;
    },
  );

  app.get(
    '/api/recommendations/explain',
    {
      access: staff,
      schema: {
        tags: ['recommendations'],
        summary:
          'The same list, with every candidate, its score by part, and which rule moved or removed it.',
        description:
          'For a visitor of whom staff asks: the query is that of GET /api/recommendations. It is the list of the live ' +
          'parameter set, also for a visitor whom an experiment gives another arm. The answer is not shown to the visitor ' +
          'and does not count as a list that was shown.',
        querystring: query,
        response: {
          200: answer.extend({ source: z.string(), candidates: explained }).meta({ id: 'Explanation' }),
        },
      },
    },
    async (request) => {
      const question = questionOf(request.query, request.principal, host.clock.nowMs());
      const found = await recommend(question, sources, true);
      return {
        ...shown(found, question, {
          version: versionOf(found, null, sources),
          id: newId(host.clock),
          experiment: null,
        }),
        source: found.source,
        candidates: explanation(found),
      };
    },
  );
};

const questionOf = (asked: z.output<typeof query>, principal: Principal, nowMs: number): Question => {
  const { scenario, productId, productIds, visitId, userId, exclude, category, limit } = asked;
  return {
    scenario,
    productId,
    cart: productIds,
    visitId,
    ...usersOf(principal, userId),
    exclude: exclude ?? [],
    category: category === undefined ? undefined : normaliseCategory(category),
    limit,
    nowMs,
  };
};

/** Best sellers know neither the visit's newest product nor its cart, so only lists beside something named are compared. */
const isCompared = ({ scenario, productId, cart }: Question): boolean => {
  if (scenario === 'cart') return cart !== undefined;
  return (scenario !== 'product' && scenario !== 'similar') || productId !== undefined;
};

/** A product that is sold out is gone from every list within 2 s, and a shared list may be twice as old as this. */
const sharedAgeMsMax = 300;

/** Nobody is named whose visit, account or arm of an experiment would change the list. */
const isForAnybody = ({ visitId, userId, buyerId }: Question): boolean =>
  visitId === undefined && userId === undefined && buyerId === undefined;

const visitorOf = ({ visitId, userId }: Question) => ({ visitId, userId });

type List = { found: Answer; version: string; experiment: Assignment | null };

/** The list that the visitor's arm asks for; the one of both arms mixed where they are interleaved. */
const listFor = async (
  question: Question,
  { assignment, id }: { assignment: Assignment | null; id: string },
  sources: Sources,
  mayExplore: (chance: Chance) => boolean,
): Promise<List> => {
  const mixed = assignment?.mixes && (await mixedList(question, assignment.mixes, id, sources));
  if (mixed) return { found: mixed, version: interleavedVersion, experiment: assignment };
  const own = assignment?.mixes ? null : assignment;
  const isExploring = sources.chance !== undefined && mayExplore(sources.chance);
  const found = await recommend(
    { ...question, isExploring, ...(own === null ? {} : comparedAs(own)) },
    sources,
  );
  return { found, version: versionOf(found, own, sources), experiment: own };
};

/** Null where it would not be fair: a product is pinned, or an arm has no list. */
const mixedList = async (
  question: Question,
  models: readonly [ArmModel, ArmModel],
  id: string,
  sources: Sources,
): Promise<Answer | null> => {
  const [first, second] = await Promise.all(
    models.map((model) => recommend({ ...question, ...comparedAs({ model }) }, sources)),
  );
  if (!first?.items.length || !second?.items.length || first.hasPins) return null;
  const ids = [...first.items, ...second.items].map(({ productId }) => productId);
  const items = interleaved([first.items, second.items], id, {
    room: createRoom(sources.rules(), question),
    shelves: await sources.catalogue.shelves(ids),
    limit: question.limit,
  });
  return items.length === 0 ? null : { ...first, items };
};

const comparedAs = ({ model }: Pick<Assignment, 'model'>): Pick<Question, 'isPopularity' | 'parameterSet'> =>
  model === 'popularity' ? { isPopularity: true } : model === 'live' ? {} : { parameterSet: model };

/** The parameter set of the models that answered, or what answered in their place. */
const versionOf = ({ rankedBy }: Answer, assignment: Assignment | null, { model }: Sources): string => {
  if (rankedBy !== 'models') return rankedBy === 'popularity' ? popularityVersion : similarityVersion;
  const { parameterSet = model.contest.live } = assignment === null ? {} : comparedAs(assignment);
  return parameterSet;
};

const shown = (
  { items, learnedUpToMs, exploredPlace }: Answer,
  { scenario, nowMs }: Question,
  { version, id, experiment }: { version: string; id: string; experiment: Assignment | null },
): z.output<typeof answer> => ({
  recommendationId: labelled(id, { scenario, model: version, experiment, exploredPlace }),
  modelVersion: version,
  asOf: new Date(learnedUpToMs ?? nowMs).toISOString(),
  items: items.map(({ productId, score, reason }) => ({
    productId,
    score,
    reason: { kind: reason.kind, because: [...reason.because] },
  })),
});

/**
 * Interests are visible in the answer (`because` names them), so they are used only for their owner and for staff.
 * Purchases only remove products, so a shop that renders a page for a known visitor may name the account without a
 * token. A logged-in user may not name another account; an API key may name any, as staff may.
 */
export const usersOf = (
  principal: Principal,
  asked: string | undefined,
): Pick<Question, 'userId' | 'buyerId'> => {
  const own = userIdOf(principal);
  if (asked !== undefined && hasRole(principal, ...staff)) return { userId: asked, buyerId: asked };
  if (own !== undefined) return { userId: own, buyerId: own };
  return asked === undefined ? {} : { buyerId: asked };
};
