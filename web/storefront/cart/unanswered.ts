const storageKey = 'cartstream.cart.unanswered';
/** What is older than this was given up: the cart may have been changed elsewhere since. */
const keptMsMax = 2 * 60_000;

export type AskedLine = { productId: string; quantity: number };
type Store = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;
type Kept = { ownerId: string | undefined; atMs: number; quantities: Record<string, number> };

const keptIn = (storage: Store): Kept | undefined => {
  try {
    const kept = JSON.parse(storage.getItem(storageKey) ?? 'null') as Kept | null;
    return typeof kept?.quantities === 'object' && kept.quantities !== null ? kept : undefined;
  } catch {
    return undefined;
  }
};

const keep = (storage: Store, kept: Kept): void => {
  if (Object.keys(kept.quantities).length === 0) storage.removeItem(storageKey);
  else storage.setItem(storageKey, JSON.stringify(kept));
};

/** Keeps a quantity until its answer is seen: a page that is left at once may never see it. */
export const keepAsked = (
  storage: Store,
  { productId, quantity }: AskedLine,
  ownerId: string | undefined,
  nowMs: number,
): void => {
  const kept = keptIn(storage);
  const quantities = kept !== undefined && kept.ownerId === ownerId ? kept.quantities : {};
  keep(storage, { ownerId, atMs: nowMs, quantities: { ...quantities, [productId]: quantity } });
};

/** The server has answered. A quantity that was asked for since stays. */
export const dropAnswered = (storage: Store, { productId, quantity }: AskedLine): void => {
  const kept = keptIn(storage);
  if (kept?.quantities[productId] !== quantity) return;
  const { [productId]: _, ...quantities } = kept.quantities;
  keep(storage, { ...kept, quantities });
};

/** The lines of this buyer of which no answer was seen, in the order in which they were first asked for. */
export const unansweredIn = (storage: Store, ownerId: string | undefined, nowMs: number): AskedLine[] => {
  const kept = keptIn(storage);
  if (kept === undefined || kept.ownerId !== ownerId || nowMs - kept.atMs > keptMsMax) return [];
  return Object.entries(kept.quantities).map(([productId, quantity]) => ({ productId, quantity }));
};
