import { z } from 'zod';
import { hasRole, type Principal } from '#platform/http/auth';
import type { HttpApp } from '#platform/http/server';
import { text, wholeNumber } from '#platform/http/text';
import { newId } from '#platform/ids';
import type { Host } from '#platform/service-host';
import { normaliseCategory } from '#schemas/category';
import type { SimilarityView } from '#schemas/similarity-state';
import type { Catalogue } from './catalogue-store.js';
import { type Question, recommend } from './recommend.js';

/** Names what made the answer: change it with whatever changes which products come out. */
export const modelVersion = 'item-to-item-2';

const idCharsMax = 128;
const excludedMax = 500;

const visitId = text(idCharsMax).min(1);
// Of products and users, which may be unknown but not be missed for their capitals; a visit is the client's own text.
const id = visitId.toLowerCase();
const ids = text(excludedMax * (idCharsMax + 1))
  .toLowerCase()
  .transform((list) => list.split(',').filter((part) => part !== ''))
  .refine((list) => list.length <= excludedMax, `must be at most ${excludedMax} ids, separated by commas`)
  .describe(`Products that may not appear: comma-separated ids, ${excludedMax} at most.`);

const query = z.strictObject({
  scenario: z
    .enum(['product', 'home'])
    .describe('product: what next, beside the product in view. home: for this visitor.'),
  productId: id
    .optional()
    .describe('The product in view, for scenario product; the newest of the visit where it is left out.'),
  visitId: visitId.optional().describe('The visit, as in POST /api/events.'),
  userId: id
    .optional()
    .describe(
      'The caller’s own account, which is also the default. Of somebody else’s, staff apart, only this is ' +
        'used, and only for a caller who is not logged in: what it lately bought is left out.',
    ),
  exclude: ids.optional(),
  category: text(200)
    .min(1)
    .regex(/[^\s/]/, 'must name a category')
    .optional()
    .describe(
      'Only products of this category path and below. Where none of those may be shown, or there is no such category, ' +
        'the answer is that without a category.',
    ),
  limit: wholeNumber(1, 100).prefault(20),
});

const answer = z
  .object({
    recommendationId: z.uuid().describe('Send it with recommendation_shown and recommendation_clicked.'),
    modelVersion: z.string(),
    asOf: z.iso
      .datetime()
      .describe('Event time up to which the similarities have learned; now, where none were at hand.'),
    items: z.array(
      z.object({
        productId: z.string(),
        score: z.number().describe('Compares within this answer only.'),
        reason: z.object({
          kind: z.enum(['seen_together', 'seen_earlier', 'popular_in_category', 'popular', 'catalogue']),
          because: z.array(z.string()).describe('The products that led to this one, if any did.'),
        }),
      }),
    ),
  })
  .meta({ id: 'Recommendations' });

export const recommendationRoutes = (
  app: HttpApp,
  host: Pick<Host, 'clock' | 'metrics'>,
  similarity: SimilarityView,
  catalogue: Catalogue,
): void => {
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
          'Never a product that is unknown, inactive, out of stock, excluded or lately bought; never empty ' +
          'while there is one that may be shown. Unknown visits, users and products are no errors.',
        querystring: query,
        response: { 200: answer },
      },
    },
    async (request) => {
      const startedAtMs = performance.now();
      const { scenario, productId, visitId, exclude, category, limit } = request.query;
      const nowMs = host.clock.nowMs();
      const question: Question = {
        scenario: scenario === 'home' ? { name: scenario } : { name: scenario, productId: productId ?? null },
        ...(visitId === undefined ? {} : { visitId }),
        ...usersOf(request.principal, request.query.userId),
        exclude: exclude ?? [],
        ...(category === undefined ? {} : { category: normaliseCategory(category) }),
        limit,
        nowMs,
      };
      const { items, source, learnedUpToMs } = await recommend(question, similarity, catalogue);
      requests.inc({ scenario, source });
      duration.observe((performance.now() - startedAtMs) / 1000);
      return {
        recommendationId: newId(host.clock),
        modelVersion,
        asOf: new Date(learnedUpToMs ?? nowMs).toISOString(),
        items: items.map(({ productId: id, score, reason }) => ({
          productId: id,
          score,
          reason: { kind: reason.kind, because: [...reason.because] },
        })),
      };
    },
  );
};

/**
 * Interests show in the answer (`because` names them), so they are used for their owner and for staff only. Purchases
 * only take away, and a shop that renders a page for a visitor it knows may ask for that without his token; somebody
 * logged in may not ask about another.
 */
export const usersOf = (
  principal: Principal,
  asked: string | undefined,
): Pick<Question, 'userId' | 'buyerId'> => {
  if (principal.kind === 'anonymous') return asked === undefined ? {} : { buyerId: asked };
  const user = asked !== undefined && hasRole(principal, 'support', 'admin') ? asked : principal.userId;
  return { userId: user, buyerId: user };
};
