export type WindowedLimits = {
  /** How often what has changed is stored and published. */
  checkpointEveryMs: number;
  /** The most records between two checkpoints; then reading waits. */
  recordsPerCheckpointMax: number;
  /** A partition without records for so long does not hold the watermark. */
  idleAfterMs: number;
  /** A partition is not read further than this ahead, in event time, of the one that lags most. */
  aheadMsMax: number;
};

/** Without `idleAfterMs`, of which whoever says up to when a job's rows are complete needs the same value. */
export const defaultWindowedLimits: Omit<WindowedLimits, 'idleAfterMs'> = {
  checkpointEveryMs: 500,
  recordsPerCheckpointMax: 20_000,
  aheadMsMax: 600_000,
};
