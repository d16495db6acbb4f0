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

/** Records of one partition from `from` (the next offset when they were read) up to, not including, `to`. */
export type Progress = { topic: string; partition: number; from: bigint; to: bigint };

/**
 * Where the state is kept. Two implementations pass one contract suite: Redis for the running job, memory for
 * replays. Changes and progress become true together or not at all.
 */
export type SimilarityStore = {
  /** The visits and baskets named, as they are; those unknown are absent. */
  load(ids: { visits: readonly string[]; baskets: readonly string[] }): Promise<{
    visits: Map<string, Step[]>;
    baskets: Map<string, Step[]>;
  }>;
  /**
   * `applied`, or `stale` with nothing changed when the partition is not at `progress.from`: somebody else has
   * learned from these records, or the state was lost. Ask `nextOffset` which.
   */
  apply(changes: Changes, progress: Progress): Promise<'applied' | 'stale'>;
  /** Where to go on in a partition: 0 before the first record; null when the state this store began is gone. */
  nextOffset(topic: string, partition: number): Promise<bigint | null>;
};

/** Both faces at once. */
export type SimilarityMemory = SimilarityStore & SimilarityView;
