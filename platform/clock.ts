/** Where time comes from. A parameter everywhere, so that a test or a simulator can turn it by hand. */
export type Clock = {
  /** Wall time, epoch milliseconds: for time stamps alone. May repeat, may step back or forth by hours when corrected. */
  nowMs(): number;
  /** Never steps back: for how long something took or may still take. Its zero means nothing outside this process. */
  monotonicMs(): number;
};

export const systemClock: Clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };
