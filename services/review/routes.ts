import { z } from 'zod';
import { accountOf, actorOf, hasRole, type Principal, userIdOf } from '#platform/http/auth';
import type { HttpApp } from '#platform/http/http-app';
import {
  decodeCursor,
  decodeSortedCursor,
  listQuery,
  type PageRequest,
  pageFrom,
  pageOf,
} from '#platform/http/pagination';
import { problem, problems } from '#platform/http/problem-details';
import { line, uuid, visibleProse, wholeNumber } from '#platform/http/text';
import type { Database } from '#platform/postgres/pool';
import { inTransaction } from '#platform/postgres/transaction';
import { averageOf, type Review, reviewStatuses } from './review.js';
import { listReviews, type ReviewStore, reviewSorts, type SubmitRefusal, summaryOf } from './review-store.js';

const stars = z.int().min(1).max(5);

const reviewSchema = z
  .object({
    id: z.uuid(),
    productId: z.uuid(),
    userId: z.uuid().nullable().describe('The author, for the author and for staff.'),
    rating: z.int(),
    title: z.string(),
    text: z.string(),
    status: z.enum(reviewStatuses),
    verifiedPurchase: z.boolean().describe('A confirmed order of the author contains the product.'),
    votes: z.object({ helpful: z.int(), unhelpful: z.int() }),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: 'Review' });

const submission = z.strictObject({ rating: stars, title: line(200), text: visibleProse(5_000) });
const position = z.object({
  sort: z.enum(reviewSorts),
  helpful: z.int32().min(0),
  reviewId: z.uuid(),
});
const tags = ['reviews'];
const ofProduct = z.strictObject({ productId: uuid });
const ofReview = z.strictObject({ id: uuid });

const refusals: Record<SubmitRefusal, () => Error> = {
  unknown_product: () => problem(404, 'product_not_found', 'There is no such product.'),
  exists: () => problem(409, 'review_exists', 'You have reviewed this product already.'),
  erased: () => problem(401, 'account_erased', 'This account is gone.'),
};

const notFound = () => problem(404, 'review_not_found', 'There is no such review.');

const listRoute = (app: HttpApp, db: Database): void => {
  app.get(
    '/api/products/:productId/reviews',
    {
      access: 'public',
      config: { anonymousWithoutKeys: true },
      schema: {
        tags,
        summary: 'The approved reviews of a product, and your own.',
        params: ofProduct,
        querystring: z.strictObject({
          ...listQuery,
          rating: wholeNumber(1, 5).optional(),
          sort: z.enum(reviewSorts).default('newest'),
        }),
        response: {
          200: pageOf(reviewSchema).extend({
            rating: z
              .object({ average: z.number(), count: z.int() })
              .describe('Of all approved reviews of the product.'),
          }),
          ...problems(404),
        },
      },
    },
    async (request) => {
      const { limit, rating, sort } = request.query;
      const { productId } = request.params;
      const summary = await summaryOf(db, productId);
      if (summary === undefined) throw refusals.unknown_product();
      const after = decodeSortedCursor(request, position, sort);
      const rows = await listReviews(db, {
        productId,
        status: 'approved',
        ownUserId: userIdOf(request.principal),
        rating,
        sort,
        after,
        rowsMax: limit + 1,
      });
      const { items, next } = pageFrom(request, rows, ({ helpful, reviewId }) => ({
        sort,
        helpful,
        reviewId,
      }));
      return {
        items: items.map((review) => shown(review, request.principal)),
        next,
        rating: { average: averageOf(summary), count: summary.count },
      };
    },
  );
};

const submitRoute = (app: HttpApp, db: Database, reviews: ReviewStore): void => {
  app.post(
    '/api/products/:productId/reviews',
    {
      access: 'user',
      schema: {
        tags,
        summary: 'Review a product, once. It is shown when a moderator has approved it.',
        params: ofProduct,
        body: submission,
        response: { 201: reviewSchema, ...problems(404, 409) },
      },
    },
    async (request, reply) => {
      const userId = accountOf(request.principal);
      const { productId } = request.params;
      const outcome = await inTransaction(db, (tx) =>
        reviews.submit(tx, { ...request.body, productId, userId }),
      );
      if ('refused' in outcome) throw refusals[outcome.refused]();
      return reply.code(201).send(shown(outcome, request.principal));
    },
  );
};

const moderationRoutes = (app: HttpApp, db: Database, reviews: ReviewStore): void => {
  const access = ['support', 'admin'] as const;
  app.get(
    '/api/reviews',
    {
      access,
      schema: {
        tags,
        summary: 'Reviews of all products, newest first.',
        querystring: z.strictObject({ ...listQuery, status: z.enum(reviewStatuses).optional() }),
        response: { 200: pageOf(reviewSchema) },
      },
    },
    async (request) => {
      const { status } = request.query;
      const rows = await listReviews(db, { status, sort: 'newest', ...pageBehind(request) });
      const { items, next } = pageFrom(request, rows, (review) => review.reviewId);
      return { items: items.map((review) => shown(review, request.principal)), next };
    },
  );

  app.patch(
    '/api/reviews/:id',
    {
      access,
      schema: {
        tags,
        summary: 'Approve or reject a review. The same status again changes nothing.',
        params: ofReview,
        body: z.strictObject({ status: z.enum(reviewStatuses) }),
        response: { 200: reviewSchema, ...problems(404) },
      },
    },
    async (request) => {
      const by = actorOf(request.principal);
      const { id } = request.params;
      const review = await inTransaction(db, (tx) => reviews.moderate(tx, id, request.body.status, by));
      if (review === undefined) throw notFound();
      return shown(review, request.principal);
    },
  );
};

const ownRoute = (app: HttpApp, db: Database): void => {
  app.get(
    '/api/users/me/reviews',
    {
      access: 'user',
      schema: {
        tags,
        summary: 'Your reviews of all products, newest first, whatever became of them.',
        querystring: z.strictObject(listQuery),
        response: { 200: pageOf(reviewSchema) },
      },
    },
    async (request) => {
      const { principal } = request;
      const filter = { userId: accountOf(principal), sort: 'newest' as const, ...pageBehind(request) };
      const { items, next } = pageFrom(request, await listReviews(db, filter), ({ reviewId }) => reviewId);
      return { items: items.map((review) => shown(review, principal)), next };
    },
  );
};

/** Where a page of a list that is sorted by the reviews' ids begins, and how many rows it takes. */
const pageBehind = (request: PageRequest) => {
  const reviewId = decodeCursor(request, z.uuid());
  return {
    after: reviewId === undefined ? undefined : { reviewId, helpful: 0 },
    rowsMax: request.query.limit + 1,
  };
};

const voteRoute = (app: HttpApp, db: Database, reviews: ReviewStore): void => {
  app.post(
    '/api/reviews/:id/votes',
    {
      access: 'user',
      schema: {
        tags,
        summary: 'Say whether a review helped you. Your last word counts.',
        params: ofReview,
        body: z.strictObject({ helpful: z.boolean() }),
        response: { 200: reviewSchema, ...problems(403, 404) },
      },
    },
    async (request) => {
      const userId = accountOf(request.principal);
      const { id } = request.params;
      const review = await inTransaction(db, (tx) => reviews.vote(tx, id, userId, request.body.helpful));
      if (review === undefined) throw notFound();
      if (review === 'own') throw problem(403, 'own_review', 'You cannot vote on your own review.');
      return shown(review, request.principal);
    },
  );
};

export const reviewRoutes = (app: HttpApp, db: Database, reviews: ReviewStore): void => {
  listRoute(app, db);
  submitRoute(app, db, reviews);
  moderationRoutes(app, db, reviews);
  ownRoute(app, db);
  voteRoute(app, db, reviews);
};

const shown = (review: Review, principal: Principal): z.output<typeof reviewSchema> => {
  const isOwn = userIdOf(principal) === review.userId;
  return {
    id: review.reviewId,
    productId: review.productId,
    userId: isOwn || hasRole(principal, 'support', 'admin') ? review.userId : null,
    rating: review.rating,
    title: review.title,
    text: review.text,
    status: review.status,
    verifiedPurchase: review.verifiedPurchase,
    votes: { helpful: review.helpful, unhelpful: review.unhelpful },
    createdAt: new Date(review.createdAtMs).toISOString(),
    updatedAt: new Date(review.updatedAtMs).toISOString(),
  };
};
