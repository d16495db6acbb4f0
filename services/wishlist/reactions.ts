import type { Reactions } from '#platform/messaging/reactor';
import type { EventMap } from '#schemas/events';
import { fulfilledBy } from './wishlist.js';
import type { WishlistStore } from './wishlist-store.js';

export const reactions = (wishes: WishlistStore): Reactions<EventMap> => ({
  OrderConfirmed: async (tx, { value }) => {
    const fulfilled = fulfilledBy(value);
    if (fulfilled !== null) await wishes.fulfil(tx, fulfilled);
  },
});
