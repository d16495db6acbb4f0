import { type Reactions, recognisingRepeats } from '#platform/messaging/reactor';
import type { EventMap } from '#schemas/events';
import { soldWeights } from '#schemas/popularity';
import type { CatalogueStore } from './catalogue-store.js';

/** Recommendation's reactions: they maintain the catalogue, the stock, the popularity and recent purchases. */
export const reactions = (
  catalogue: CatalogueStore,
  forgetInterests: (userId: string) => Promise<void> = async () => {},
): Reactions<EventMap> => ({
  UserErased: async (tx, { value: { userId } }) => {
    await catalogue.forgetUser(tx, userId);
    tx.afterCommit(() => void forgetInterests(userId));
  },
  ProductCreated: recognisingRepeats((tx, { value }) => catalogue.open(tx, value)),
  ProductUpdated: recognisingRepeats((tx, { value }) => catalogue.open(tx, value)),
  ProductDeleted: recognisingRepeats((tx, { value }) => catalogue.close(tx, value)),
  StockAdjusted: recognisingRepeats((tx, { value }) => catalogue.setAvailable(tx, [value])),
  StockReserved: recognisingRepeats((tx, { value: { lines } }) => catalogue.setAvailable(tx, lines)),
  StockReleased: recognisingRepeats((tx, { value: { lines } }) => catalogue.setAvailable(tx, lines)),
  StockReturned: recognisingRepeats((tx, { value: { lines } }) => catalogue.setAvailable(tx, lines)),
  StockCommitted: recognisingRepeats(async (tx, { value: { orderId, lines, occurredAt } }) => {
    await catalogue.setAvailable(tx, lines);
    await catalogue.countSale(tx, orderId, soldWeights(lines, occurredAt));
  }),
  OrderConfirmed: async (tx, { value: { userId, lines, occurredAt } }) => {
    if (userId === null) return;
    await catalogue.addPurchases(
      tx,
      userId,
      lines.map(({ productId }) => productId),
      occurredAt,
    );
  },
});
