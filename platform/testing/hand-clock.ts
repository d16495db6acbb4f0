import type { Clock } from '#platform/clock';

export type HandClock = Clock & {
  /** Lets time pass: both faces go on. */
  advanceMs(durationMs: number): void;
  /** Corrects the wall clock alone, as an operating system does; no time passes. */
  setMs(epochMs: number): void;
};

/** A clock that stands still until a test turns it. */
export function handClock(startMs: number = Date.UTC(2030, 0, 1)): HandClock {
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
}
