import type { SimilarityView } from '#schemas/similarity-state';
import {
  type Anchor,
  anchorsOf,
  type Candidate,
  filledUp,
  merged,
  neighboursOf,
  type Reason,
  revisitsOf,
  strongestAnchors,
} from './candidates.js';
import type { Catalogue, Exclusions, Shelved } from './catalogue-store.js';

/** A request for recommendations. The caller's rights were checked before. */
export type Question = {
  /** The product in view never appears in the answer; null stands for the newest product of the visit. */
  scenario: { name: 'product'; productId: string | null } | { name: 'home' };
  /** This visit's products so far, newest first. If unset, those that the stream job has for `visitId`. */
  visit?: readonly string[];
  visitId?: string;
  /** The user whose interests may be used. */
  userId?: string;
  /** The user whose recent purchases are left out. */
  buyerId?: string;
  exclude: readonly string[];
  /** Only products of this category and those below it; products of all categories if none of them may be shown. */
  category?: string;
  limit: number;
  /** Epoch milliseconds. */
  nowMs: number;
};

/** `model` for the lists of `model-list.ts`; `similarity` if at least one product comes from the similarities, else the source that replaced them. */
export type Source = 'model' | 'similarity' | 'popularity' | 'catalogue';

export type Answer = {
  items: Candidate[];
  source: Source;
  /** The newest event time in the similarities, epoch milliseconds; null when there are none. */
  learnedUpToMs: number | null;
};

const neighboursPerAnchorMax = 80;
const candidatesMax = 400;
const popularMax = 200;

/** How long a purchase keeps its product off the buyer's lists. */
export const recentPurchaseMs = 30 * 24 * 60 * 60 * 1000;
/** An interest counts half as much each day. */
const interestHalfLifeMs = 24 * 60 * 60 * 1000;

/**
 * Takes the neighbours of the products that the visitor has seen, keeps those that may be shown, and fills up the list
 * with products that are popular in the category, then popular in general, then best sellers and the newest products.
 * Empty only when no product may be shown.
 */
export const recommend = async (
  question: Question,
  similarity: SimilarityView,
  catalogue: Catalogue,
): Promise<Answer> => {
  const { scenario, limit, category, nowMs } = question;
  const [visit, interests, bought, learnedUpToMs] = await Promise.all([
    question.visit ?? (question.visitId === undefined ? [] : similarity.visited(question.visitId)),
    question.userId === undefined ? [] : similarity.interests(question.userId),
    question.buyerId === undefined ? [] : similarity.purchases(question.buyerId),
    similarity.learnedUpTo(),
  ]);
  const inView = scenario.name === 'product' ? (scenario.productId ?? visit[0] ?? null) : null;
  const exclusions: Exclusions = {
    productIds: [
      ...(inView === null ? [] : [inView]),
      ...question.exclude,
      ...bought.filter(({ atMs }) => atMs > nowMs - recentPurchaseMs).map(({ productId }) => productId),
    ],
    buyerId: question.buyerId ?? null,
  };

  const anchors = anchorsFor(inView, visit, interests, nowMs);
  const [neighbours, shelfInView] = await Promise.all([
    similarity.neighbours(ids(anchors), neighboursPerAnchorMax),
    inView === null ? null : catalogue.categoryOf(inView),
  ]);
  const candidates = merged(
    neighboursOf(anchors, neighbours),
    inView === null ? [] : revisitsOf(visit, inView),
  ).slice(0, candidatesMax);
  const popular = candidates.length < 2 * limit ? await similarity.popular(popularMax) : [];
  const shown = new Map(
    (await catalogue.sellable([...ids(candidates), ...ids(popular)], exclusions))
      .filter((product) => isWithin(product.category, category))
      .map((product) => [product.productId, product.category]),
  );
  const found = candidates.filter(({ productId }) => shown.has(productId));
  const fillers =
    found.length >= limit
      ? []
      : await fillersFor(
          {
            inView,
            near: shelfInView !== null && isWithin(shelfInView, category) ? shelfInView : null,
            category,
            trending: popular.flatMap(({ productId }) => {
              const shelf = shown.get(productId);
              return shelf === undefined ? [] : [{ productId, category: shelf }];
            }),
            exclusions,
            count: limit,
          },
          catalogue,
        );
  const items = filledUp(found, fillers, limit);
  // If the category is unknown or sold out, products of other categories are better than an empty page.
  if (items.length === 0 && category !== undefined) {
    const { category: _, ...anywhere } = question;
    return recommend(anywhere, similarity, catalogue);
  }
  return { items, source: sourceOf(items), learnedUpToMs };
};

/** The product in view first, then the visit's products, newest first; for the home page also the user's interests. */
const anchorsFor = (
  inView: string | null,
  visit: readonly string[],
  interests: readonly { productId: string; atMs: number }[],
  nowMs: number,
): Anchor[] => {
  if (inView !== null) return anchorsOf([inView, ...visit]);
  const remembered = interests.map(({ productId, atMs }) => ({
    productId,
    weight: 0.5 ** (1 + Math.max(0, nowMs - atMs) / interestHalfLifeMs),
  }));
  return strongestAnchors(anchorsOf(visit), remembered);
};

/** True for a category and those below it; for every category where none is wanted. */
export const isWithin = (category: string, wanted: string | undefined): boolean =>
  wanted === undefined || category === wanted || category.startsWith(`${wanted}/`);

type Gap = {
  inView: string | null;
  /** The category of the product in view, if there is one. */
  near: string | null;
  category: string | undefined;
  /** Products that are popular now and may be shown, best first. */
  trending: readonly Shelved[];
  exclusions: Exclusions;
  count: number;
};

const fillersFor = async (
  { inView, near, category, trending, exclusions, count }: Gap,
  catalogue: Catalogue,
): Promise<{ productId: string; reason: Reason }[]> => {
  const [bestNear, best] = await Promise.all([
    near === null ? [] : catalogue.bestsellers(near, exclusions, count),
    trending.length >= count ? [] : catalogue.bestsellers(category ?? null, exclusions, count),
  ]);
  const because = inView === null ? [] : [inView];
  const as = (kind: Reason['kind'], products: readonly Shelved[], reasons: readonly string[] = []) =>
    products.map(({ productId }) => ({ productId, reason: { kind, because: reasons } }));
  return [
    ...as(
      'popular_in_category',
      near === null ? [] : trending.filter((product) => isWithin(product.category, near)),
      because,
    ),
    ...as('popular_in_category', bestNear, because),
    ...as('popular', trending),
    ...as('catalogue', best),
  ];
};

const ids = (products: readonly { productId: string }[]): string[] =>
  products.map(({ productId }) => productId);

const sourceOf = (items: readonly Candidate[]): Source => {
  const kinds = new Set(items.map(({ reason }) => reason.kind));
  if (kinds.has('seen_together') || kinds.has('seen_earlier')) return 'similarity';
  return kinds.has('popular') || kinds.has('popular_in_category') ? 'popularity' : 'catalogue';
};
