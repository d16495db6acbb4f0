/** Records of one partition from `from` (the next offset when they were read) up to, not including, `to`. */
export type Progress = { topic: string; partition: number; from: bigint; to: bigint };

/**
 * State with the place it was made from beside it: changes and progress become true together or not at all, so that
 * each record counts once, whatever dies when. `C` is what a run of records changes. A job adds what it has to read
 * of its state, and keeps it where it likes: in Redis by `redis-state.ts`.
 */
export type StateStore<C> = {
  /**
   * `applied`, or `stale` with nothing changed when the partition is not at `progress.from`: somebody else has
   * handled these records, or the state was lost. Ask `nextOffset` which.
   */
  apply(changes: C, progress: Progress): Promise<'applied' | 'stale'>;
  /** Where to go on in a partition: 0 before the first record; null when the state this store began is gone. */
  nextOffset(topic: string, partition: number): Promise<bigint | null>;
};
