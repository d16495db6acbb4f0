export type AskedRestock = { quantity: number; key: string };

/**
 * What a press of the button asks for. After a lost answer the same quantity is the same restock, which counts once;
 * another quantity is another one, and needs a key of its own.
 */
export const restockOf = (quantity: number, unanswered: AskedRestock | undefined): AskedRestock =>
  unanswered?.quantity === quantity ? unanswered : { quantity, key: crypto.randomUUID() };
