/** The source of time. It is a parameter everywhere, so that a test can set it. */
export type Clock = {
  /** Wall time, epoch milliseconds: only for time stamps. It may repeat or jump by hours when it is corrected. */
  nowMs(): number;
  /** Milliseconds that never step back: for durations and deadlines. Comparable only within this process. */
  monotonicMs(): number;
};

export const systemClock: Clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };
