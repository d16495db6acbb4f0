import type { Reactions } from '#platform/messaging/reactor';
import type { EventMap } from '#schemas/events';
import { popularityOf } from '#schemas/popularity';
import type { DocumentStore } from './document-store.js';

/** Search's reactions: what a product is, how many pieces of it there are, how often it is sold and how it is liked. */
export const reactions = (documents: DocumentStore): Reactions<EventMap> => ({
  ProductCreated: (tx, { value }) => documents.noteProduct(tx, value),
  ProductUpdated: (tx, { value }) => documents.noteProduct(tx, value),
  ProductDeleted: (tx, { value }) => documents.noteDeleted(tx, value),
  ProductRated: (tx, { value }) => documents.noteRating(tx, value),
  StockAdjusted: (tx, { value }) => documents.noteStock(tx, [value]),
  StockReserved: (tx, { value }) => documents.noteStock(tx, value.lines),
  StockReleased: (tx, { value }) => documents.noteStock(tx, value.lines),
  StockReturned: (tx, { value }) => documents.noteStock(tx, value.lines),
  StockCommitted: async (tx, { value: { orderId, lines, occurredAt } }) => {
    await documents.noteStock(tx, lines);
    await documents.countSale(
      tx,
      orderId,
      lines.map(({ productId, quantity }) => ({ productId, weight: popularityOf(quantity, occurredAt) })),
    );
  },
});
