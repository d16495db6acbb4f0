import type { Clock } from '#platform/clock';

export type HandClock = Clock & {
  /** Lets time pass: both times advance. */
  advanceMs(durationMs: number): void;
  /** Sets only the wall clock, as an operating system does when it corrects the time; no time passes. */
  setMs(epochMs: number): void;
};

/** A clock that stands still until a test advances it. */
export const handClock = (startMs: number = Date.UTC(2030, 0, 1)): HandClock => {
  let nowMs = startMs;
  let monotonicMs = 0;
  return {
    nowMs: () => nowMs,
    monotonicMs: () => monotonicMs,
    advanceMs(durationMs) {
      nowMs += durationMs;
      monotonicMs += durationMs;
    },
    setMs(epochMs) {
      nowMs = epochMs;
    },
  };
};
