import { type Reactions, recognisingRepeats } from '#platform/messaging/reactor';
import type { EventMap } from '#schemas/events';
import { isOpening } from '#schemas/opening-stock';
import { soldWeights } from '#schemas/popularity';
import type { DocumentStore } from './document-store.js';

/** Search's reactions: what a product is, how many pieces of it there are, how often it is sold and how it is liked. */
export const reactions = (documents: DocumentStore): Reactions<EventMap> => ({
  ProductCreated: recognisingRepeats((tx, { value }) => documents.noteProduct(tx, value)),
  ProductUpdated: recognisingRepeats((tx, { value }) => documents.noteProduct(tx, value)),
  ProductDeleted: recognisingRepeats((tx, { value }) => documents.noteDeleted(tx, value)),
  ProductRated: recognisingRepeats((tx, { value }) => documents.noteRating(tx, value)),
  StockAdjusted: recognisingRepeats(async (tx, { value }) => {
    if (!isOpening(value)) await documents.noteStock(tx, [value]);
  }),
  StockReserved: recognisingRepeats((tx, { value }) => documents.noteStock(tx, value.lines)),
  StockReleased: recognisingRepeats((tx, { value }) => documents.noteStock(tx, value.lines)),
  StockReturned: recognisingRepeats((tx, { value }) => documents.noteStock(tx, value.lines)),
  StockCommitted: recognisingRepeats(async (tx, { value: { orderId, lines, occurredAt } }) => {
    await documents.noteStock(tx, lines);
    await documents.countSale(tx, orderId, soldWeights(lines, occurredAt));
  }),
});
