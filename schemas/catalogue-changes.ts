/**
 * The announcement in Redis of what changed in the catalogue, from services/product to the gateways, which cache
 * answers. It is sent after the change is committed. One that may have got lost is made up for by an announcement of
 * everything; who caches also bounds the age of what it has.
 */
export const catalogueChannel = 'cache:catalogue';

export type CatalogueChange = {
  /** What is shown of these products has changed. */
  productIds: readonly string[];
  /** True where a product is new or described anew, so that any list may differ; false for stock alone. */
  isListed: boolean;
  /** Where sales or reviews may have changed the places of products in lists that are sorted so. */
  reorders?: { sort: CountedSort; categories: readonly string[] };
};

/** The orders of lists that follow what is counted, not what an operator states. */
export const countedSorts = ['popularity', 'rating'] as const;
export type CountedSort = (typeof countedSorts)[number];

export const encodeCatalogueChange = ({ productIds, isListed, reorders }: CatalogueChange): string =>
  JSON.stringify({ productIds, isListed, reorders });

/** Announces that anything may have changed. */
export const anythingChanged = '{}';

/** A text that is no announcement counts as one of everything: null. */
export const decodeCatalogueChange = (text: string): CatalogueChange | null => {
  try {
    const { productIds, isListed, reorders } = JSON.parse(text) as Partial<CatalogueChange>;
    if (!Array.isArray(productIds) || typeof isListed !== 'boolean') return null;
    if (reorders === undefined) return { productIds, isListed };
    if (countedSorts.includes(reorders.sort) && Array.isArray(reorders.categories))
      return { productIds, isListed, reorders };
  } catch {
    // It is answered below.
  }
  return null;
};
