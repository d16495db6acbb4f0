import type { Query } from '#recommenders/activity';
import { filledUp } from './candidates.js';
import type { Catalogue, Exclusions } from './catalogue-store.js';
import type { Model } from './model.js';
import { type Answer, isWithin } from './recommend.js';

/** The scenarios that the models in this process answer. */
export const modelScenarios = ['similar', 'cart', 'reorder', 'new-arrivals', 'trending'] as const;

/** A request for a list of the models. The caller's rights were checked before. */
export type ModelQuestion = {
  scenario: (typeof modelScenarios)[number];
  productId?: string | undefined;
  /** What lies in the cart; the visit's cart if unset. */
  cart?: readonly string[] | undefined;
  visitId?: string | undefined;
  /** The user whose history may be used. */
  userId?: string | undefined;
  /** The user whose recent purchases are left out. */
  buyerId?: string | undefined;
  exclude: readonly string[];
  category?: string | undefined;
  limit: number;
  /** Epoch milliseconds. */
  nowMs: number;
};

/** The models do not know the stock, so they are asked for more products than are shown. */
const askedFor = (limit: number): number => 4 * limit + 100;

/**
 * Takes the products that the models rank first, keeps those that may be shown, and fills up with best sellers. New
 * arrivals are not filled up: a list of them holds nothing else. Empty otherwise only when no product may be shown.
 */
export const recommendByModel = async (
  question: ModelQuestion,
  model: Pick<Model, 'recommend' | 'learnedUpToMs'>,
  catalogue: Catalogue,
): Promise<Answer> => {
  const { scenario, productId, cart, exclude, category, limit, nowMs } = question;
  const query: Query = { ...question, atMs: nowMs, limit: askedFor(limit) };
  // Logits as shares of the best one's odds: positive, and falling as the list goes on.
  const logits = model.recommend(query);
  const ranked = logits.map((product) => ({
    ...product,
    score: Math.exp(product.score - (logits[0]?.score ?? 0)),
  }));
  const exclusions: Exclusions = {
    productIds: [...exclude, ...(cart ?? []), ...(productId === undefined ? [] : [productId])],
    buyerId: scenario === 'reorder' ? null : (question.buyerId ?? null),
  };
  const shown = new Set(
    (
      await catalogue.sellable(
        ranked.map((product) => product.productId),
        exclusions,
      )
    )
      .filter((product) => isWithin(product.category, category))
      .map((product) => product.productId),
  );
  const found = ranked.filter((product) => shown.has(product.productId)).slice(0, limit);
  const missing = scenario === 'new-arrivals' ? 0 : limit - found.length;
  const best = missing === 0 ? [] : await catalogue.bestsellers(category ?? null, exclusions, limit);
  const fillers = best.map((product) => ({
    productId: product.productId,
    reason: { kind: 'catalogue' as const, because: [] },
  }));
  const items = filledUp(found, fillers, limit);
  if (items.length === 0 && category !== undefined)
    return recommendByModel({ ...question, category: undefined }, model, catalogue);
  return { items, source: found.length > 0 ? 'model' : 'catalogue', learnedUpToMs: model.learnedUpToMs() };
};
