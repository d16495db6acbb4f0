import type { Shelf } from '../catalogue-store.js';

/** A product that may be shown, of which nothing is known but its category. */
export const shelfOf = (productId: string, category: string): Shelf => ({
  productId,
  category,
  brand: null,
  priceMinor: null,
  currency: null,
  groupId: null,
  ageRestricted: false,
  sellable: true,
});
