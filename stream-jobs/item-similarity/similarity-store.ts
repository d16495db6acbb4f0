import type { StateStore } from '#platform/streams/state-store';
import type { SimilarityView, Step } from '#schemas/similarity-state';
import type { Changes } from './similarity.js';

/** How much is kept; beyond it the lightest or oldest goes first. */
export type SimilarityBounds = {
  /** Neighbours of a product left by a trim. */
  neighboursMax: number;
  /**
   * Neighbours at which a product is trimmed. The room above `neighboursMax` is where a newcomer gathers weight:
   * trimmed at once, it would lose every time to those who were there first. At most 128, so that Redis keeps the
   * set as one packed list (a tenth of the memory).
   */
  neighboursTrimmedAt: number;
  /** Products in `masses` and in `popularity`. */
  productsMax: number;
  /** Products remembered of a user, viewed and bought each. */
  productsPerUserMax: number;
  /** A visit or basket unheard of for this long is forgotten. */
  visitTtlMs: number;
  userTtlMs: number;
  /** A product unheard of for this long is forgotten. */
  productTtlMs: number;
  /** What a product gathered in a slice of time is forgotten after this. */
  gatheredTtlMs: number;
};

const hourMs = 60 * 60 * 1000;
const dayMs = 24 * hourMs;

export const defaultBounds: SimilarityBounds = {
  neighboursMax: 80,
  neighboursTrimmedAt: 120,
  productsMax: 200_000,
  productsPerUserMax: 40,
  visitTtlMs: 6 * hourMs,
  userTtlMs: 60 * dayMs,
  productTtlMs: 120 * dayMs,
  gatheredTtlMs: hourMs,
};

/**
 * Where the state is kept. Two implementations pass one contract suite: Redis for the running job, memory for
 * replays.
 */
export type SimilarityStore = StateStore<Changes> & {
  /** The visits and baskets named, as they are; those unknown are absent. */
  load(ids: { visits: readonly string[]; baskets: readonly string[] }): Promise<{
    visits: Map<string, Step[]>;
    baskets: Map<string, Step[]>;
  }>;
  /** Those of these products that are in the catalogue. */
  known(productIds: readonly string[]): Promise<Set<string>>;
  /** What these products have gathered in a slice of time; those absent, nothing. */
  gathered(slice: number, productIds: readonly string[]): Promise<Map<string, number>>;
};

/** Both faces at once. */
export type SimilarityMemory = SimilarityStore & SimilarityView;
