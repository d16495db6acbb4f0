/**
 * What each user bought and viewed, for repeat purchases and taste. A purchase's frequency decays by orders, as in TIFU-kNN
 * (Hu et al., SIGIR 2020): in the n-th order of a user an item counts
 *
 *     sum over the orders j that hold it of rate^(n - j)
 *
 * which is kept up to date by one multiplication, for a fast and a slow rate. At most `usersMax` users are kept, the ones
 * seen last, and at most `itemsPerUserMax` items a user, the ones bought last.
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
