/** Decides when a block closes. */
export type BlockRule = {
  /** True when the block must not grow further. */
  isFull(block: { bytes: number; rows: number; excluded: readonly unknown[] }): boolean;
  /**
   * How long a block that was opened `ageMs` ago still waits for more records; 0 when it has to close. While the log
   * has more records (`isBehind`) it waits longer, since they will certainly come.
   */
  restMs(ageMs: number, isBehind: boolean, lastInsertMs: number): number;
};

export type BlockLimits = {
  blockBytesMax: number;
  blockRowsMax: number;
  /** The longest time that a block waits for more records while there is a backlog. */
  backlogBlockWaitMs: number;
};

const exclusionsPerBlockMax = 1_000;
/**
 * A block waits this many times the duration of the last insert, so that inserts take about a tenth of the time, unless that
 * would keep records longer from those who ask.
 */
const restsPerInsert = 10;
const restMsMax = 500;

export const createBlockRule = (limits: BlockLimits, blockWaitMs: number): BlockRule => ({
  isFull: ({ bytes, rows, excluded }) =>
    bytes >= limits.blockBytesMax || rows >= limits.blockRowsMax || excluded.length >= exclusionsPerBlockMax,
  restMs: (ageMs, isBehind, lastInsertMs) => {
    // A slow ClickHouse receives fewer and larger blocks.
    const waitMs = isBehind
      ? limits.backlogBlockWaitMs
      : Math.max(blockWaitMs, Math.min(restMsMax, lastInsertMs * restsPerInsert));
    return Math.max(0, waitMs - ageMs);
  },
});
