import type { Clock } from '#platform/clock';

export type HandClock = Clock & {
  advanceMs(durationMs: number): void;
  setMs(epochMs: number): void;
};

/** A clock that stands still until a test turns it. */
export function handClock(startMs: number = Date.UTC(2030, 0, 1)): HandClock {
  let nowMs = startMs;
  return {
    nowMs: () => nowMs,
    advanceMs(durationMs) {
      nowMs += durationMs;
    },
    setMs(epochMs) {
      nowMs = epochMs;
    },
  };
}
