import { createRecentIds } from '#platform/streams/recent-ids';
import { textStart } from './datum-check.js';
import type { RepeatWindow } from './feeds.js';
import type { RowTreatment } from './treatments.js';

/** The event ids of a partition's last records, to know by them a record that comes again. */
export type Repeats = {
  /** True when the datum's event id is among the last ones; else it is now the newest. */
  seen(treatment: RowTreatment, bytes: Buffer, start: number): boolean;
};

/** `seed` is oldest first. */
export const createRepeats = (window: RepeatWindow, seed: readonly string[]): Repeats => {
  const recent = createRecentIds(window.idsMax, seed);
  return {
    seen: (treatment, bytes, start) => {
      if (window.among === 'named' && isTimeOrdered(bytes, start)) return false;
      return recent.seen(treatment.firstText(bytes, start));
    },
  };
};

const uuidChars = 36;
/** Where a UUID says its version. */
const versionAt = 14;
const digitSeven = 0x37;

/** Whether the text at `start`, length first, is a UUID of version 7: made up where the event arose, and only once. */
const isTimeOrdered = (bytes: Buffer, start: number): boolean =>
  bytes[start] === uuidChars * 2 && bytes[textStart(bytes, start) + versionAt] === digitSeven;
