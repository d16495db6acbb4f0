/** Records of one partition from `from` (the next offset when they were read) up to, not including, `to`. */
export type Progress = { topic: string; partition: number; from: bigint; to: bigint };

/**
 * A state that is stored together with the offsets that it was made from. Changes and progress are written together or
 * not at all, so that each record counts once, whichever process dies when. `C` are the changes of a run of records. A
 * job adds methods to read its state and chooses the engine: `redis-state.ts` keeps it in Redis.
 */
export type StateStore<C> = {
  /**
   * `applied`, or `stale` with nothing changed when the partition is not at `progress.from`: another member has handled
   * these records, or the state was lost. `nextOffset` shows which.
   */
  apply(changes: C, progress: Progress): Promise<'applied' | 'stale'>;
  /**
   * The next offset to fold: 0 before the first record; null when the state that this store opened no longer exists.
   */
  nextOffset(topic: string, partition: number): Promise<bigint | null>;
};
