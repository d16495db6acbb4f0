import type { History, Owned } from './history.js';
import { packed, unpacked } from './packed-history.js';

export type { History, Owned } from './history.js';

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

export const rates = { fast: 0.7, slow: 0.95 };
const itemsPerUserMax = 300;
const viewedMax = 30;
const numbersMax = 300;
/** How much the newest gap moves the usual one. */
const gapShare = 0.35;

/** The histories of the users seen last are kept as objects, because they change again and again. */
const unpackedMax = 5_000;

export const createHistories = (usersMax: number): Histories => {
  // Together in the order in which the users were seen: all that are packed come before the others.
  const packedOf = new Map<string, string>();
  const histories = new Map<string, History>();

  const restored = (userId: string): History | undefined => {
    const text = packedOf.get(userId);
    return text === undefined ? undefined : unpacked(text);
  };
  const dropOldest = (): void => {
    if (histories.size > Math.min(unpackedMax, usersMax))
      for (const [userId, history] of histories) {
        packedOf.set(userId, packed(history));
        histories.delete(userId);
        break;
      }
    if (histories.size + packedOf.size > usersMax) packedOf.delete(packedOf.keys().next().value as string);
  };

  return {
    of: (userId) => (userId === undefined ? undefined : (histories.get(userId) ?? restored(userId))),
    seen: (userId) => {
      const history = histories.get(userId) ?? restored(userId) ?? emptyHistory();
      packedOf.delete(userId);
      histories.delete(userId);
      histories.set(userId, history);
      dropOldest();
      return history;
    },
    forget: (userId) => {
      packedOf.delete(userId);
      histories.delete(userId);
    },
    *entries() {
      for (const [userId, text] of packedOf) yield [userId, Buffer.from(text, 'latin1').toString('base64')];
      for (const [userId, history] of histories)
        yield [userId, Buffer.from(packed(history), 'latin1').toString('base64')];
    },
    restore: ([userId, text]) => void packedOf.set(userId, Buffer.from(text, 'base64').toString('latin1')),
  };
};

const emptyHistory = (): History => ({
  baskets: 0,
  lastMs: 0,
  gapMs: 0,
  last: [],
  owned: new Map(),
  viewed: [],
  visits: [],
  orders: [],
});

/** Adds the number of a visit or an order to those that go with the user. */
export const addNumber = (numbers: number[], added: number): void => {
  if (numbers[numbers.length - 1] === added) return;
  numbers.push(added);
  if (numbers.length > numbersMax) numbers.shift();
};

export const addView = (history: History, item: number): void => {
  const at = history.viewed.indexOf(item);
  if (at >= 0) history.viewed.splice(at, 1);
  history.viewed.push(item);
  if (history.viewed.length > viewedMax) history.viewed.shift();
};

export const addOrder = (history: History, items: readonly number[], atMs: number): void => {
  if (history.baskets > 0)
    history.gapMs = movedGap(history.gapMs, Math.max(0, atMs - history.lastMs), history.baskets === 1);
  history.baskets += 1;
  history.lastMs = atMs;
  history.last = items.slice(0, itemsPerUserMax);
  for (const item of history.last) {
    const owned = history.owned.get(item) ?? newlyOwned(history.baskets, atMs);
    const since = history.baskets - owned.basket;
    owned.fast = owned.fast * rates.fast ** since + 1;
    owned.slow = owned.slow * rates.slow ** since + 1;
    if (owned.count > 0)
      owned.gapMs = movedGap(owned.gapMs, Math.max(0, atMs - owned.atMs), owned.count === 1);
    owned.count += 1;
    owned.basket = history.baskets;
    owned.atMs = atMs;
    // The map is in the order of the last purchases.
    history.owned.delete(item);
    history.owned.set(item, owned);
    if (history.owned.size > itemsPerUserMax)
      history.owned.delete(history.owned.keys().next().value as number);
  }
};

const newlyOwned = (basket: number, atMs: number): Owned => ({
  count: 0,
  fast: 0,
  slow: 0,
  basket,
  atMs,
  gapMs: 0,
});

const movedGap = (usual: number, newest: number, isFirst: boolean): number =>
  isFirst ? newest : usual + gapShare * (newest - usual);
