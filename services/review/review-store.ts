import type { Clock } from '#platform/clock';
import { newId } from '#platform/ids';
import type { EventPublisher } from '#platform/messaging/events';
import { append } from '#platform/outbox/outbox';
import { keyset } from '#platform/postgres/keyset';
import type { Queryable } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';
import type { EventMap, EventType } from '#schemas/events';
import { type Rating, type Review, type ReviewStatus, ratingChangeOf } from './review.js';
import { lockForReviewing } from './shop-facts-store.js';

/** The types of events that this service publishes; publishing another one does not compile. */
export const publishes = [
  'ReviewSubmitted',
  'ReviewModerated',
  'ProductRated',
] as const satisfies readonly EventType[];
type Published = Pick<EventMap, (typeof publishes)[number]>;

export type Submission = Pick<Review, 'productId' | 'userId' | 'rating' | 'title' | 'text'>;

export type SubmitRefusal = 'unknown_product' | 'exists' | 'erased';

export type ReviewStore = {
  /** A new review, which waits for a moderator. */
  submit(tx: Tx, submission: Submission): Promise<Review | { refused: SubmitRefusal }>;
  /** Sets the status; undefined where there is no such review. The same status again changes nothing. */
  moderate(tx: Tx, reviewId: string, status: ReviewStatus, by: string): Promise<Review | undefined>;
  /** A person's last word on a review, counted once; undefined where there is no approved review of somebody else. */
  vote(tx: Tx, reviewId: string, userId: string, isHelpful: boolean): Promise<Review | undefined | 'own'>;
};

const rowColumns = `review_id AS "reviewId", product_id AS "productId", user_id AS "userId", rating, title, text, status,
  verified_purchase AS "verifiedPurchase", helpful, unhelpful,
  (extract(epoch FROM created_at) * 1000)::bigint AS "createdAtMs",
  (extract(epoch FROM updated_at) * 1000)::bigint AS "updatedAtMs"`;

type Parts = { events: Pick<EventPublisher<Published>, 'event'>; clock: Clock };

export const createReviewStore = (parts: Parts): ReviewStore => {
  const rate = ratingIn(parts);
  return {
    submit: (tx, submission) => submit(tx, submission, parts),
    moderate: async (tx, reviewId, status, by) => {
      const before = await lockReview(tx, reviewId);
      if (before === undefined || before.status === status) return before;
      const nowMs = parts.clock.nowMs();
      await setStatus(tx, { before, status, by, nowMs }, parts);
      const change = ratingChangeOf(before.rating, before.status, status);
      if (change !== null) await rate(tx, before.productId, change);
      return { ...before, status, updatedAtMs: nowMs };
    },
    vote,
  };
};

/** Changes what the reviews of a product say together, and publishes it. The product's row is locked by it. */
const ratingIn =
  ({ events, clock }: Parts) =>
  async (tx: Tx, productId: string, change: { sum: number; count: number }): Promise<void> => {
    const { rows } = await tx.query<Rating>(
      // The first change adds. A row that is not inserted has to fit the table all the same.
      `INSERT INTO ratings AS rated (product_id, version, sum, count)
       VALUES ($1, 1, greatest($2::bigint, 0), greatest($3::integer, 0))
       ON CONFLICT (product_id) DO UPDATE
       SET version = rated.version + 1, sum = rated.sum + $2, count = rated.count + $3
       RETURNING product_id AS "productId", version, sum, count`,
      [productId, change.sum, change.count],
    );
    const { version: ratingVersion, sum, count } = rows[0] as Rating;
    const occurredAt = clock.nowMs();
    const rated = { productId, ratingVersion, sum, count, occurredAt };
    await append(tx, [events.event('ProductRated', productId, rated, { occurredAt })]);
  };

const submit = async (
  tx: Tx,
  { productId, userId, rating, title, text }: Submission,
  { events, clock }: Parts,
): Promise<Review | { refused: SubmitRefusal }> => {
  const nowMs = clock.nowMs();
  await lockForReviewing(tx);
  const { isSold, isVerified, isErased } = await factsOf(tx, productId, userId);
  if (isErased) return { refused: 'erased' };
  if (isSold !== true) return { refused: 'unknown_product' };
  const { rows } = await tx.query<Review>(
    `INSERT INTO reviews (review_id, product_id, user_id, rating, title, text, status, verified_purchase,
       created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, 'pending', $7, $8, $8)
     ON CONFLICT (product_id, user_id) DO NOTHING RETURNING ${rowColumns}`,
    [newId(clock), productId, userId, rating, title, text, isVerified, new Date(nowMs)],
  );
  const [review] = rows;
  if (review === undefined) return { refused: 'exists' };
  const { reviewId, status, verifiedPurchase } = review;
  const submitted = { reviewId, productId, userId, rating, verifiedPurchase, status, occurredAt: nowMs };
  await append(tx, [events.event('ReviewSubmitted', reviewId, submitted, { occurredAt: nowMs })]);
  return review;
};

type Facts = { isSold: boolean | null; isVerified: boolean; isErased: boolean };

/** What other services have said of the product and the person. */
const factsOf = async (tx: Tx, productId: string, userId: string): Promise<Facts> => {
  const { rows } = await tx.query<Facts>(
    `SELECT (SELECT is_sold FROM products WHERE product_id = $1) AS "isSold",
       EXISTS (SELECT 1 FROM purchases WHERE user_id = $2 AND product_id = $1) AS "isVerified",
       EXISTS (SELECT 1 FROM erased_users WHERE user_id = $2) AS "isErased"`,
    [productId, userId],
  );
  return rows[0] as Facts;
};

type StatusChange = { before: Review; status: ReviewStatus; by: string; nowMs: number };

const setStatus = async (
  tx: Tx,
  { before: { reviewId, productId }, status, by, nowMs }: StatusChange,
  { events }: Parts,
): Promise<void> => {
  await tx.query('UPDATE reviews SET status = $2, updated_at = $3 WHERE review_id = $1', [
    reviewId,
    status,
    new Date(nowMs),
  ]);
  const moderated = { reviewId, productId, status, moderatedBy: by, occurredAt: nowMs };
  await append(tx, [events.event('ReviewModerated', reviewId, moderated, { occurredAt: nowMs })]);
};

const vote: ReviewStore['vote'] = async (tx, reviewId, userId, isHelpful) => {
  const review = await lockReview(tx, reviewId);
  if (review?.userId === userId) return 'own';
  if (review?.status !== 'approved') return undefined;
  await tx.query(
    `INSERT INTO votes (review_id, user_id, helpful) VALUES ($1, $2, $3)
     ON CONFLICT (review_id, user_id) DO UPDATE SET helpful = EXCLUDED.helpful`,
    [reviewId, userId, isHelpful],
  );
  const { rows } = await tx.query<Review>(
    `UPDATE reviews SET (helpful, unhelpful) =
       (SELECT count(*) FILTER (WHERE v.helpful), count(*) FILTER (WHERE NOT v.helpful)
        FROM votes v WHERE v.review_id = $1)
     WHERE review_id = $1 RETURNING ${rowColumns}`,
    [reviewId],
  );
  return rows[0];
};

const lockReview = async (tx: Tx, reviewId: string): Promise<Review | undefined> => {
  const { rows } = await tx.query<Review>(
    `SELECT ${rowColumns} FROM reviews WHERE review_id = $1 FOR UPDATE`,
    [reviewId],
  );
  return rows[0];
};

export const reviewSorts = ['newest', 'helpful'] as const;

export type ReviewFilter = {
  productId?: string;
  /** Only those of this person. */
  userId?: string;
  status?: ReviewStatus | undefined;
  /** This person's own review is listed whatever its status is. */
  ownUserId?: string | undefined;
  rating?: number | undefined;
  sort: (typeof reviewSorts)[number];
  after?: { helpful: number; reviewId: string } | undefined;
  rowsMax: number;
};

export const listReviews = async (db: Queryable, filter: ReviewFilter): Promise<Review[]> => {
  const { productId, userId, status, ownUserId, rating, sort, after, rowsMax } = filter;
  const values: unknown[] = [];
  const bind = (value: unknown) => `$${values.push(value)}`;
  const own = ownUserId === undefined ? '' : ` OR user_id = ${bind(ownUserId)}`;
  const isByHelp = sort === 'helpful';
  const { orderBy, behind } = keyset(isByHelp ? ['helpful', 'review_id'] : ['review_id'], {
    descending: true,
    after: after && (isByHelp ? [after.helpful, after.reviewId] : [after.reviewId]),
    bind,
  });
  const conditions = [
    ...(productId === undefined ? [] : [`product_id = ${bind(productId)}`]),
    ...(userId === undefined ? [] : [`user_id = ${bind(userId)}`]),
    ...(status === undefined ? [] : [`(status = ${bind(status)}${own})`]),
    ...(rating === undefined ? [] : [`rating = ${bind(rating)}`]),
    ...behind,
  ];
  const { rows } = await db.query<Review>(
    `SELECT ${rowColumns} FROM reviews ${conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`}
     ORDER BY ${orderBy} LIMIT ${bind(rowsMax)}`,
    values,
  );
  return rows;
};

export type Summary = Pick<Rating, 'sum' | 'count'>;

/** Undefined for a product that is not sold. */
export const summaryOf = async (db: Queryable, productId: string): Promise<Summary | undefined> => {
  const { rows } = await db.query<Summary>(
    `SELECT coalesce(sum, 0)::bigint AS sum, coalesce(count, 0) AS count
     FROM products LEFT JOIN ratings USING (product_id) WHERE product_id = $1 AND is_sold`,
    [productId],
  );
  return rows[0];
};
