/** Where time comes from. A parameter everywhere, so that a test or a simulator can turn it by hand. */
export type Clock = {
  /** Epoch milliseconds. May repeat, may step back when the operating system corrects it. */
  nowMs(): number;
};

export const systemClock: Clock = { nowMs: () => Date.now() };
