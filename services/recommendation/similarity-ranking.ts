import { recentMs } from '#recommenders/activity';
import type { SimilarityView } from '#schemas/similarity-state';
import { type Anchor, anchorsOf, merged, neighboursOf, revisitsOf, strongestAnchors } from './candidates.js';
import { headOf, type Question, type Ranking } from './question.js';

const neighboursPerAnchorMax = 80;
const candidatesMax = 400;
const popularMax = 200;
/** An interest counts half as much each day. */
const interestHalfLifeMs = 24 * 60 * 60 * 1000;

/**
 * The lists of `product` and `home` while the models are not there: neighbours of the products that the visitor has seen,
 * from the similarities in Redis.
 */
export const rankBySimilarity = async (
  { scenario, productId, cart, visitId, userId, buyerId, limit, nowMs }: Question,
  similarity: SimilarityView,
): Promise<Ranking> => {
  const [visit, interests, bought, learnedUpToMs] = await Promise.all([
    visitId === undefined ? [] : similarity.visited(visitId),
    userId === undefined ? [] : similarity.interests(userId),
    buyerId === undefined ? [] : similarity.purchases(buyerId),
    similarity.learnedUpTo(),
  ]);
  const inView = productId ?? (scenario === 'product' ? (visit[0] ?? null) : null);
  const anchors = anchorsFor(inView, visit, interests, nowMs);
  const neighbours = await similarity.neighbours(
    anchors.map((anchor) => anchor.productId),
    neighboursPerAnchorMax,
  );
  const candidates = merged(
    neighboursOf(anchors, neighbours),
    inView === null ? [] : revisitsOf(visit, inView),
  ).slice(0, candidatesMax);
  const popular = candidates.length < 2 * limit ? await similarity.popular(popularMax) : [];
  const trending = popular.map((product) => product.productId);
  const recent = bought.filter(({ atMs }) => atMs > nowMs - recentMs);
  return {
    head: () => candidates.slice(0, headOf(limit)),
    candidates: () => candidates,
    inView,
    cart: cart ?? [],
    bought: recent.map((purchase) => purchase.productId),
    trending,
    learnedUpToMs,
  };
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
