/**
 * What stream-jobs/item-similarity keeps and services/recommendation reads, and how it lies in Redis. This file is
 * their only meeting place; whoever changes it changes both.
 *
 * All weights are forward-decayed: an event at time t adds w * 2^((t - landmark) / halfLife), and to read a weight
 * as of now one divides by 2^((now - landmark) / halfLife). Ratios of weights with one half-life need no division,
 * because the factor cancels; nothing is ever swept.
 */
export type Neighbour = { productId: string; similarity: number };

export type Weighted = { productId: string; weight: number };

export type Seen = { productId: string; atMs: number };

/** The reading side, whatever the state is kept in. Unknown ids are simply absent. */
export type SimilarityView = {
  /** Of each product the most similar ones, best first, at most `countMax` each. */
  neighbours(productIds: readonly string[], countMax: number): Promise<Map<string, Neighbour[]>>;
  /** The products of a visit, newest first, each once. */
  visited(visitId: string): Promise<string[]>;
  /** The products a user lately looked at or added, newest first, each once. */
  interests(userId: string): Promise<Seen[]>;
  /** The products a user lately bought, newest first, each once. */
  purchases(userId: string): Promise<Seen[]>;
  /** The most popular products, best first; weights are comparable with one another only. */
  popular(countMax: number): Promise<Weighted[]>;
  /** Event time of the newest event learned from, epoch milliseconds; null before the first. */
  learnedUpTo(): Promise<number | null>;
};

/**
 * Directed similarity of `to` as seen from `from`:
 *
 *     sim(i, j) = P_ij / (M_i^(1-b) * M_j^b)      b = 0.25
 *
 * P_ij is the weight of "j near i in a visit or basket", M_i the weight of all events on i. b = 0.5 is the cosine;
 * 0.25 punishes popular products less and ranks better on the Retailrocket visits. The exponents add up to 1, so
 * the decay cancels.
 */
export const similarityOf = (pair: number, massFrom: number, massTo: number): number =>
  massFrom > 0 && massTo > 0 ? pair / (massFrom ** 0.75 * massTo ** 0.25) : 0;

/**
 * Redis keys. The state belongs to an epoch, named in `meta`; a state that was lost is rebuilt under a new one, so
 * that half of an old state is never read as the whole. `meta` is a hash: `epoch`, `learnedUpTo` (epoch ms) and
 * `<topic>:<partition>` → the next offset to learn from, written in one transaction with everything below; and
 * `product:<id>` for each product of the catalogue, so that what is lost with it is the whole state.
 */
export const similarityKeys = {
  meta: 'rec:similarity',
  everything: 'rec:*',
  /** A field of `meta`. */
  product: (productId: string) => `product:${productId}`,
  of: (epoch: string) => {
    const prefix = `rec:${epoch}`;
    return {
      prefix,
      /** Sorted set: product → P_ij. */
      pairs: (productId: string) => `${prefix}:pairs:${productId}`,
      /** Sorted set: product → M_i. */
      masses: `${prefix}:masses`,
      /** Sorted set: product → forward-decayed popularity. */
      popularity: `${prefix}:popularity`,
      /** String: `product weight times` a line, newest last. */
      visit: (visitId: string) => `${prefix}:visit:${visitId}`,
      /** String of the same form: the lines of an order so far. */
      basket: (orderId: string) => `${prefix}:basket:${orderId}`,
      /** Sorted set: product → weight gathered in this slice of time. */
      gathered: (slice: number) => `${prefix}:gathered:${slice}`,
      /** Sorted set: product → epoch milliseconds. */
      interests: (userId: string) => `${prefix}:user:${userId}`,
      /** Sorted set: product → epoch milliseconds. */
      purchases: (userId: string) => `${prefix}:bought:${userId}`,
    };
  },
} as const;

/**
 * A product of a visit or basket; see `visit` above. `weight` is the strongest action so far, `times` how often it was
 * come to (looking again at the product in view is not counted).
 */
export type Step = { productId: string; weight: number; times: number };

export const encodeSteps = (steps: readonly Step[]): string =>
  steps.map(({ productId, weight, times }) => `${productId} ${weight} ${times}`).join('\n');

export const decodeSteps = (text: string | null | undefined): Step[] =>
  !text
    ? []
    : text.split('\n').map((line) => {
        const parts = line.split(' ');
        // An id may hold spaces; before `times` was counted a line ended with the weight.
        const [times, weight] = parts.length > 2 ? [parts.pop(), parts.pop()] : [1, parts.pop()];
        return { productId: parts.join(' '), weight: Number(weight), times: Number(times) };
      });
