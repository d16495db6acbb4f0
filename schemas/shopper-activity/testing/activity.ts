import type { ShopperActivity } from '../../events.js';

/** The event of a shopper who viewed something, and of whom nothing else is known, with `changes`. */
export const activityOf = (changes: Partial<ShopperActivity> = {}): ShopperActivity => ({
  event_id: 'e',
  type: 'product_viewed',
  visit_id: 'visit-1',
  user_id: null,
  product_id: null,
  query: null,
  position: null,
  recommendation_id: null,
  occurred_at: 1_790_000_000_000,
  results: null,
  device: null,
  ...changes,
});
