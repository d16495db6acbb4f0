import { type Reactions, recognisingRepeats } from '#platform/messaging/reactor';
import type { EventMap } from '#schemas/events';
import { isOpening } from '#schemas/opening-stock';
import { soldWeights } from '#schemas/popularity';
import type { ProductStore } from './product-store.js';

/** Copies the available stock and the rating of each product, and counts the pieces that are sold. */
export const reactions = (products: ProductStore): Reactions<EventMap> => ({
  StockAdjusted: recognisingRepeats(async (tx, { value }) => {
    if (!isOpening(value)) await products.noteStock(tx, [value]);
  }),
  StockReserved: recognisingRepeats((tx, { value }) => products.noteStock(tx, value.lines)),
  StockReleased: recognisingRepeats((tx, { value }) => products.noteStock(tx, value.lines)),
  StockCommitted: recognisingRepeats(async (tx, { value: { orderId, lines, occurredAt } }) => {
    await products.noteStock(tx, lines);
    await products.countSale(tx, orderId, soldWeights(lines, occurredAt));
  }),
  ProductRated: recognisingRepeats((tx, { value }) => products.noteRating(tx, value)),
  StockReturned: recognisingRepeats((tx, { value }) => products.noteStock(tx, value.lines)),
});
