import { browserStore } from '../kit/storage.ts';
import { newId } from './new-id.ts';

const storageKey = 'cartstream.visit';
/** A visit ends when nothing was done for so long. */
const pauseMsMax = 30 * 60_000;

type Visit = { id: string; lastMs: number };

const kept = (): Visit | undefined => {
  try {
    return (JSON.parse(browserStore.getItem(storageKey) ?? 'null') as Visit | null) ?? undefined;
  } catch {
    return undefined;
  }
};

/** The visit that ties together what a shopper does, in all tabs of this browser. Reading it keeps it alive. */
export const visitId = (nowMs = Date.now()): string => {
  const last = kept();
  const id = last === undefined || nowMs - last.lastMs > pauseMsMax ? newId() : last.id;
  browserStore.setItem(storageKey, JSON.stringify({ id, lastMs: nowMs } satisfies Visit));
  return id;
};

/** Who sits down here next has not seen what this visitor has, and no list says so. */
export const endVisit = (): void => browserStore.removeItem(storageKey);
