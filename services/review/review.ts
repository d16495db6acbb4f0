export const reviewStatuses = ['pending', 'approved', 'rejected'] as const;

export type ReviewStatus = (typeof reviewStatuses)[number];

export type Review = {
  reviewId: string;
  productId: string;
  userId: string;
  /** 1 to 5. */
  rating: number;
  title: string;
  text: string;
  status: ReviewStatus;
  /** A confirmed order of the author contains the product. */
  verifiedPurchase: boolean;
  helpful: number;
  unhelpful: number;
  createdAtMs: number;
  updatedAtMs: number;
};

/** What the approved reviews of a product say together. `version` counts its changes. */
export type Rating = { productId: string; version: number; sum: number; count: number };

/** What a change of a review's status adds to its product's rating; null where it changes nothing. */
export const ratingChangeOf = (
  rating: number,
  before: ReviewStatus,
  after: ReviewStatus,
): { sum: number; count: number } | null => {
  const change = Number(after === 'approved') - Number(before === 'approved');
  return change === 0 ? null : { sum: change * rating, count: change };
};

/** The average in stars with two decimals; 0 without reviews. */
export const averageOf = ({ sum, count }: Pick<Rating, 'sum' | 'count'>): number =>
  count === 0 ? 0 : Math.round((sum * 100) / count) / 100;
