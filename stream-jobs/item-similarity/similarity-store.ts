import type { StateStore } from '#platform/streams/state-store';
import type { Step } from '#schemas/similarity-state';
import type { Changes } from './similarity.js';

/** The bounds of the state; beyond them the lightest or oldest entries are removed first. */
export type SimilarityBounds = {
  /** The neighbours of a product that remain after a trim. */
  neighboursMax: number;
  /**
   * The number of neighbours at which a product is trimmed. It is above `neighboursMax`, so that a new neighbour can
   * gain weight before it has to compete with older ones. At most 128, so that Redis stores the set as one packed list
   * (a tenth of the memory).
   */
  neighboursTrimmedAt: number;
  /** Products in `masses` and in `popularity`. */
  productsMax: number;
  /** The products kept for each user, viewed and bought separately. */
  productsPerUserMax: number;
  /** A visit or basket without an event for this long is deleted. */
  visitTtlMs: number;
  /** A user without an event for this long is deleted, and so is the mark of one who was erased. */
  userTtlMs: number;
  /** A product without an event for this long is deleted. */
  productTtlMs: number;
  /** The weights of a slice of time are deleted after this. */
  sliceTtlMs: number;
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
  sliceTtlMs: hourMs,
};

/** Stores the state: in Redis for the job, and in memory for tests. Both pass one contract suite. */
export type SimilarityStore = StateStore<Changes> & {
  /** The current visits and baskets of these ids; unknown ones are absent. */
  load(ids: { visits: readonly string[]; baskets: readonly string[] }): Promise<{
    visits: Map<string, Step[]>;
    baskets: Map<string, Step[]>;
  }>;
  /** The products of the list that are in the catalogue. */
  known(productIds: readonly string[]): Promise<Set<string>>;
  /** The weights that these products have gained in a slice of time; products without any are absent. */
  weightInSlice(slice: number, productIds: readonly string[]): Promise<Map<string, number>>;
};
