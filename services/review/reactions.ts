import { type Reactions, recognisingRepeats } from '#platform/messaging/reactor';
import type { EventMap } from '#schemas/events';
import type { ShopFacts } from './shop-facts-store.js';

/** Review's reactions: which products may be reviewed, who has bought them, and whose words are to be deleted. */
export const reactions = (facts: ShopFacts): Reactions<EventMap> => ({
  ProductCreated: recognisingRepeats((tx, { value: { productId, version, active } }) =>
    facts.noteProduct(tx, { productId, version, isSold: active }),
  ),
  ProductUpdated: recognisingRepeats((tx, { value: { productId, version, active } }) =>
    facts.noteProduct(tx, { productId, version, isSold: active }),
  ),
  ProductDeleted: recognisingRepeats((tx, { value: { productId, version } }) =>
    facts.noteProduct(tx, { productId, version, isSold: false }),
  ),
  OrderConfirmed: async (tx, { value: { userId, lines } }) => {
    if (userId === null) return;
    await facts.notePurchase(tx, { userId, productIds: lines.map(({ productId }) => productId) });
  },
  UserErased: (tx, { value: { userId } }) => facts.eraseUser(tx, userId),
});
