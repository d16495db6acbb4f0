const storageKey = 'cartstream.visit';
/** A visit ends when nothing was done for so long. */
const pauseMsMax = 30 * 60_000;

let current: { id: string; lastMs: number } | undefined;

/** The visit that ties together what a shopper does, in all tabs of this browser. Reading it keeps it alive. */
export const visitId = (nowMs = Date.now()): string => {
  try {
    current = (JSON.parse(localStorage.getItem(storageKey) ?? 'null') as typeof current) ?? current;
  } catch {
    // A browser that stores nothing has a visit for this page.
  }
  const isOver = current === undefined || nowMs - current.lastMs > pauseMsMax;
  current = { id: isOver || current === undefined ? crypto.randomUUID() : current.id, lastMs: nowMs };
  try {
    localStorage.setItem(storageKey, JSON.stringify(current));
  } catch {
    // As above.
  }
  return current.id;
};
