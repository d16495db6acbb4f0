/**
 * The layout in Redis of the state that stream-jobs/item-similarity writes and services/recommendation reads. A change
 * of this file affects both.
 *
 * All weights are forward-decayed: an event at time t adds w * 2^((t - landmark) / halfLife), and to read a weight
 * as of now one divides by 2^((now - landmark) / halfLife). Ratios of weights with one half-life need no division,
 * because the factor cancels; nothing is ever swept.
 */
export type Neighbour = { productId: string; similarity: number };

export type Weighted = { productId: string; weight: number };

export type Seen = { productId: string; atMs: number };

/** The queries of the state. Unknown ids are absent from the answers. */
export type SimilarityView = {
  /** The most similar products of each product, best first, at most `countMax` each. */
  neighbours(productIds: readonly string[], countMax: number): Promise<Map<string, Neighbour[]>>;
  /** The products of a visit, newest first, each once. */
  visited(visitId: string): Promise<string[]>;
  /** The products that a user recently viewed or added, newest first, each once. */
  interests(userId: string): Promise<Seen[]>;
  /** The products that a user recently bought, newest first, each once. */
  purchases(userId: string): Promise<Seen[]>;
  /** The most popular products, best first. Weights are comparable only with each other. */
  popular(countMax: number): Promise<Weighted[]>;
  /** The event time of the newest event in the state, epoch milliseconds; null before the first. */
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
 * The Redis keys. The state belongs to an epoch, which `meta` names. A lost state is rebuilt under a new epoch, so that
 * a reader never takes half of an old state for the whole. `meta` is a hash of `epoch`, `learnedUpTo` (epoch ms), the
 * next offset to fold for each `<topic>:<partition>`, which is written in one transaction with everything below, and
 * `product:<id>` for each product of the catalogue, so that the products cannot be lost without the rest of the state.
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
      /** String: one line `product weight times` for each product, newest last. */
      visit: (visitId: string) => `${prefix}:visit:${visitId}`,
      /** String of the same form: the lines of an order so far. */
      basket: (orderId: string) => `${prefix}:basket:${orderId}`,
      /** Sorted set: product → weight added in this slice of time. */
      weightInSlice: (slice: number) => `${prefix}:gathered:${slice}`,
      /** Sorted set: product → epoch milliseconds. */
      interests: (userId: string) => `${prefix}:user:${userId}`,
      /** Sorted set: product → epoch milliseconds. */
      purchases: (userId: string) => `${prefix}:bought:${userId}`,
      /** String: there once the account is erased. Nothing is written of the user any more. */
      erased: (userId: string) => `${prefix}:erased:${userId}`,
    };
  },
} as const;

/**
 * A product of a visit or basket; see `visit` above. `weight` is that of the strongest action so far, `times` how often
 * the shopper came to the product (viewing the product in view again does not count).
 */
export type Step = { productId: string; weight: number; times: number };

export const encodeSteps = (steps: readonly Step[]): string =>
  steps.map(({ productId, weight, times }) => `${productId} ${weight} ${times}`).join('\n');

export const decodeSteps = (text: string | null | undefined): Step[] =>
  !text
    ? []
    : text.split('\n').map((line) => {
        const parts = line.split(' ');
        // An id may contain spaces. Lines written before `times` was added end with the weight.
        const [times, weight] = parts.length > 2 ? [parts.pop(), parts.pop()] : [1, parts.pop()];
        return { productId: parts.join(' '), weight: Number(weight), times: Number(times) };
      });
