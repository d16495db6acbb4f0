/**
 * The announcement in Redis of what changed in the catalogue, from services/product to the gateways, which cache
 * answers. It is sent after the change is committed, and may get lost: who caches also bounds the age of what it has.
 */
export const catalogueChannel = 'cache:catalogue';

export type CatalogueChange = {
  productIds: readonly string[];
  /** True where a product is new or described anew, so that any list may differ; false for stock alone. */
  isListed: boolean;
};

export const encodeCatalogueChange = ({ productIds, isListed }: CatalogueChange): string =>
  JSON.stringify({ productIds, isListed });

/** A text that is no announcement counts as one of everything: null. */
export const decodeCatalogueChange = (text: string): CatalogueChange | null => {
  try {
    const { productIds, isListed } = JSON.parse(text) as Partial<CatalogueChange>;
    if (Array.isArray(productIds) && typeof isListed === 'boolean') return { productIds, isListed };
  } catch {
    // It is answered below.
  }
  return null;
};
