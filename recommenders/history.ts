/**
 * What a user bought and viewed, for repeat purchases and taste. A purchase's frequency decays by orders, as in TIFU-kNN
 * (Hu et al., SIGIR 2020): in the n-th order of a user an item counts
 *
 *     sum over the orders j that hold it of rate^(n - j)
 *
 * which is kept up to date by one multiplication, for a fast and a slow rate. At most `itemsPerUserMax` items are kept, the
 * ones bought last.
 */
export type Owned = {
  count: number;
  /** Decayed frequencies as of the order `basket`. */
  fast: number;
  slow: number;
  /** The user's orders when the item was bought last, counted from 1. */
  basket: number;
  atMs: number;
  /** The usual time between two purchases of the item; 0 before the second. */
  gapMs: number;
};

export type History = {
  baskets: number;
  lastMs: number;
  /** The usual time between two orders; 0 before the second. */
  gapMs: number;
  /** The items of the last order. */
  last: number[];
  owned: Map<number, Owned>;
  /** The items viewed last, oldest first. */
  viewed: number[];
  /** The numbers of the latest visits and orders in their indices, which go with the user. */
  visits: number[];
  orders: number[];
};

const rates = { fast: 0.7, slow: 0.95 };
type Rate = keyof typeof rates;

/** The usual powers, because a list of a regular customer takes hundreds. */
const powersOf = (rate: number): Float64Array =>
  Float64Array.from({ length: 256 }, (_, orders) => rate ** orders);
const powers = { fast: powersOf(rates.fast), slow: powersOf(rates.slow) };
const faded = (rate: Rate, orders: number): number => powers[rate][orders] ?? rates[rate] ** orders;

/** How often the user buys the item, as of his last order. */
export const frequency = (history: History, owned: Owned, rate: Rate): number =>
  owned[rate] * faded(rate, history.baskets - owned.basket);

const itemsPerUserMax = 300;
const viewedMax = 30;
const numbersMax = 300;
/** How much the newest gap moves the usual one. */
const gapShare = 0.35;

export const emptyHistory = (): History => ({
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
    owned.fast = owned.fast * faded('fast', since) + 1;
    owned.slow = owned.slow * faded('slow', since) + 1;
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
