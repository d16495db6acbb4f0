import { createByteStore } from './byte-store.js';
import { emptyHistory, type History } from './history.js';
import { packed, unpacked } from './packed-history.js';

/** The histories of at most `usersMax` users, the ones seen last. */
export type Histories = {
  /** To be read only: what changes is that which `seen` returns. */
  of(userId: string | undefined): History | undefined;
  /** The user's history, a new one if there is none; the user counts as seen now. */
  seen(userId: string): History;
  forget(userId: string): void;
  /** The users seen last come last. */
  entries(): Iterable<HistoryEntry>;
  restore(entry: HistoryEntry): void;
};

/** The history as the base64 of its packed bytes. */
export type HistoryEntry = [userId: string, history: string];

/** The histories of the users seen last are kept as objects, because they change again and again. */
const unpackedMax = 5_000;

export const createHistories = (usersMax: number): Histories => {
  // Together in the order in which the users were seen: all that are packed come before the others.
  const packedOf = new Map<string, number>();
  const histories = new Map<string, History>();
  const store = createByteStore();

  const restored = (userId: string): History | undefined => {
    const number = packedOf.get(userId);
    return number === undefined ? undefined : unpacked(store.get(number));
  };
  const forgetPacked = (userId: string): void => {
    const number = packedOf.get(userId);
    if (number === undefined) return;
    store.delete(number);
    packedOf.delete(userId);
  };
  const dropOldest = (): void => {
    if (histories.size > Math.min(unpackedMax, usersMax))
      for (const [userId, history] of histories) {
        packedOf.set(userId, store.add(packed(history)));
        histories.delete(userId);
        break;
      }
    if (histories.size + packedOf.size > usersMax) forgetPacked(packedOf.keys().next().value as string);
  };

  return {
    of: (userId) => (userId === undefined ? undefined : (histories.get(userId) ?? restored(userId))),
    seen: (userId) => {
      const history = histories.get(userId) ?? restored(userId) ?? emptyHistory();
      forgetPacked(userId);
      histories.delete(userId);
      histories.set(userId, history);
      dropOldest();
      return history;
    },
    forget: (userId) => {
      forgetPacked(userId);
      histories.delete(userId);
    },
    *entries() {
      for (const [userId, number] of packedOf) yield [userId, textOf(store.get(number))];
      for (const [userId, history] of histories) yield [userId, textOf(packed(history))];
    },
    restore: ([userId, text]) => void packedOf.set(userId, store.add(Buffer.from(text, 'base64'))),
  };
};

const textOf = ({ buffer, byteOffset, byteLength }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('base64');
