import type { StockAdjusted } from '#schemas/events';

/** The version of the stock that a product begins with. */
export const openingVersion = 1;

/**
 * True of the stock that a product begins with. Its `ProductCreated` says the same, so that whoever takes `initialStock`
 * from there need not handle it again.
 */
export const isOpening = ({ stockVersion }: Pick<StockAdjusted, 'stockVersion'>): boolean =>
  stockVersion === openingVersion;
