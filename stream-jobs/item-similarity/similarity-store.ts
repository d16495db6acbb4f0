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
};

/** Both faces at once. */
export type SimilarityMemory = SimilarityStore & SimilarityView;
