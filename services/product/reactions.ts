import type { Reactions } from '#platform/messaging/reactor';
import type { EventMap } from '#schemas/events';
import type { ProductStore } from './product-store.js';

/** Copies the available stock of each product from inventory's events. */
export const reactions = (products: ProductStore): Reactions<EventMap> => ({
  StockAdjusted: (tx, { value }) => products.noteStock(tx, [value]),
  StockReserved: (tx, { value }) => products.noteStock(tx, value.lines),
  StockReleased: (tx, { value }) => products.noteStock(tx, value.lines),
  StockCommitted: (tx, { value }) => products.noteStock(tx, value.lines),
  StockReturned: (tx, { value }) => products.noteStock(tx, value.lines),
});
