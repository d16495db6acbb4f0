/** When a block closes. */
export type BlockRule = {
  /** True when the block takes no more. */
  isFull(block: { bytes: number; rows: number; excluded: readonly unknown[] }): boolean;
  /**
   * How long a block that was opened `ageMs` ago still waits for company; 0 when its time has come. While the log has
   * more than was read (`isBehind`) it waits longer, since company is certain.
   */
  restMs(ageMs: number, isBehind: boolean, lastInsertMs: number): number;
};

export type BlockLimits = {
  blockBytesMax: number;
  blockRowsMax: number;
  /** A block does not wait for company longer than this even while there is a backlog. */
  backlogBlockWaitMs: number;
};

const exclusionsPerBlockMax = 1_000;
/** A partition waits this many times as long as its last block took, so that its blocks take a tenth of the time. */
const restsPerInsert = 10;

export const createBlockRule = (limits: BlockLimits, blockWaitMs: number): BlockRule => ({
  isFull: ({ bytes, rows, excluded }) =>
    bytes >= limits.blockBytesMax || rows >= limits.blockRowsMax || excluded.length >= exclusionsPerBlockMax,
  restMs: (ageMs, isBehind, lastInsertMs) => {
    // A ClickHouse that is slow, because it is small or busy, gets fewer and larger blocks.
    const waitMs = isBehind
      ? limits.backlogBlockWaitMs
      : Math.min(limits.backlogBlockWaitMs, Math.max(blockWaitMs, lastInsertMs * restsPerInsert));
    return Math.max(0, waitMs - ageMs);
  },
});
