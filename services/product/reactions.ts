import type { Reaction, Reactions } from '#platform/messaging/reactor';
import type { EventMap } from '#schemas/events';
import type { ProductStore, StockLevel } from './product-store.js';

/** The catalogue shows what can be bought: every change of stock is copied, the newest word wins. */
export const reactions = (products: ProductStore): Reactions<EventMap> => {
  type Lines = { lines: readonly StockLevel[]; occurredAt: number };
  const copyLines: Reaction<string, Lines> = (tx, { value: { lines, occurredAt } }) =>
    products.noteStock(tx, lines, new Date(occurredAt));

  return {
    StockReserved: copyLines,
    StockReleased: copyLines,
    StockCommitted: copyLines,
    StockReturned: copyLines,
    StockAdjusted: (tx, { value }) => products.noteStock(tx, [value], new Date(value.occurredAt)),
  };
};
