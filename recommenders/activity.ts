/** What a shopper did, as the models learn it. Times are epoch milliseconds; activities come in the order of their times. */
export type Activity = {
  kind: 'viewed' | 'added' | 'removed' | 'bought';
  /** One product, or those of an order. */
  productIds: readonly string[];
  visitId?: string | undefined;
  userId?: string | undefined;
  atMs: number;
  /** The share by which it counts, in (0, 1]; 1 if unset. Below 1 for what one sender reports in bulk. */
  weight?: number | undefined;
};

export const scenarios = [
  'product',
  'similar',
  'cart',
  'home',
  'reorder',
  'new-arrivals',
  'trending',
] as const;
export type Scenario = (typeof scenarios)[number];

/** A request for a list. Ids that nobody has named before are ignored. */
export type Query = {
  scenario: Scenario;
  atMs: number;
  userId?: string | undefined;
  /** A visit that may be in the memory: what it has seen so far is taken from there where `visit` is unset. */
  visitId?: string | undefined;
  /** The visit so far, oldest first, the product in view last. */
  visit?: readonly string[] | undefined;
  cart?: readonly string[] | undefined;
  /** The product in view, which is never on the list. */
  productId?: string | undefined;
  /** Products that may not be on the list. */
  exclude?: readonly string[] | undefined;
  /** From 0 to 1: how much unlike each other the products are to be, at the price of how well they fit; 0 if unset. */
  diversity?: number | undefined;
  limit: number;
};

export type Product = {
  id: string;
  name: string;
  category?: string | undefined;
  createdAtMs?: number | undefined;
};

/** Products younger than this are new arrivals; purchases younger than this are recent. */
export const recentMs = 30 * 24 * 60 * 60 * 1000;
