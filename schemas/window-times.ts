/**
 * When the windowed jobs write a row that they write once, for those who say up to when such rows are complete. All in ms,
 * of event time.
 */
export type WindowTimes = {
  /** From the event that a row's `occurred_at` is of, at most, to the end of its window. */
  openMsMax: number;
  /** By how much an event may be older than a later one of its partition and still be in time. */
  outOfOrderMsMax: number;
  /** So long after its end a window still takes events. */
  latenessMs: number;
};

/** A visit ends after so long without an action. */
export const visitGapMsAsDefault = 30 * 60_000;
export const performanceWindowMsAsDefault = 60 * 60_000;
/** A partition without records for so long does not hold the watermark. */
export const idleAfterMsAsDefault = 2_000;

export const visitTimes = (gapMs: number): WindowTimes => ({
  openMsMax: gapMs,
  outOfOrderMsMax: 10_000,
  latenessMs: 60_000,
});

export const performanceTimes = (windowMs: number): WindowTimes => ({
  openMsMax: windowMs,
  outOfOrderMsMax: 10_000,
  // An outbox that stood still delivers its sales late; they still count in the hour in which they happened.
  latenessMs: 10 * 60_000,
});

/** How much older than all that a job has read a row may be that it has not written yet. */
export const heldMsMax = (
  { openMsMax, outOfOrderMsMax, latenessMs }: WindowTimes,
  idleAfterMs: number,
): number => openMsMax + outOfOrderMsMax + latenessMs + idleAfterMs;
