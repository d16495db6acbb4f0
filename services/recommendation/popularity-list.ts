import { filledUp } from './candidates.js';
import type { Catalogue, Exclusions } from './catalogue-store.js';
import type { Answer } from './recommend.js';

/** The version of the lists of best sellers. */
export const popularityVersion = 'popularity-1';

export type PopularityQuestion = {
  /** The product beside which the list stands, if any: best sellers of its category come first. */
  productId: string | undefined;
  category: string | undefined;
  exclusions: Exclusions;
  limit: number;
};

/**
 * What every visitor gets alike: best sellers of the category in view, then of all, without what may not be shown. It is
 * what models are compared with in experiments.
 */
export const recommendByPopularity = async (
  { productId, category, exclusions, limit }: PopularityQuestion,
  catalogue: Catalogue,
): Promise<Answer> => {
  const near = productId === undefined ? null : await catalogue.categoryOf(productId);
  const [ofCategory, ofAll] = await Promise.all([
    near === null || category !== undefined ? [] : catalogue.bestsellers(near, exclusions, limit),
    catalogue.bestsellers(category ?? null, exclusions, limit),
  ]);
  const because = productId === undefined ? [] : [productId];
  const items = filledUp(
    [],
    [
      ...ofCategory.map((product) => ({
        productId: product.productId,
        reason: { kind: 'popular_in_category' as const, because },
      })),
      ...ofAll.map((product) => ({
        productId: product.productId,
        reason: { kind: 'popular' as const, because: [] },
      })),
    ],
    limit,
  );
  if (items.length === 0 && category !== undefined)
    return recommendByPopularity({ productId, category: undefined, exclusions, limit }, catalogue);
  return { items, source: 'popularity', learnedUpToMs: null };
};
