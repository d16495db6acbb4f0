import type { Reactions } from '#platform/messaging/reactor';
import type { EventMap } from '#schemas/events';
import { popularityOf } from '#schemas/popularity';
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
  ProductCreated: (tx, { value }) => catalogue.open(tx, value),
  ProductUpdated: (tx, { value }) => catalogue.open(tx, value),
  ProductDeleted: (tx, { value }) => catalogue.close(tx, value),
  StockAdjusted: (tx, { value }) => catalogue.setAvailable(tx, [value]),
  StockReserved: (tx, { value: { lines } }) => catalogue.setAvailable(tx, lines),
  StockReleased: (tx, { value: { lines } }) => catalogue.setAvailable(tx, lines),
  StockReturned: (tx, { value: { lines } }) => catalogue.setAvailable(tx, lines),
  StockCommitted: async (tx, { value: { orderId, lines, occurredAt } }) => {
    await catalogue.setAvailable(tx, lines);
    await catalogue.countSale(
      tx,
      orderId,
      lines.map(({ productId, quantity }) => ({ productId, weight: popularityOf(quantity, occurredAt) })),
    );
  },
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
