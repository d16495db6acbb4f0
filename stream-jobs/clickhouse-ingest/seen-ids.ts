import { createRecentIds } from '#platform/streams/recent-ids';
import { textStart } from './datum-check.js';
import type { RepeatWindow } from './feeds.js';
import type { RecordInPlace } from './record-in-place.js';
import type { RowTreatment } from './treatments.js';

/** The event ids of a partition's last records, to recognise repeats. */
export type SeenIds = {
  /**
   * True when the event id of the record, whose datum starts at `start`, is among the last ones; otherwise it adds the
   * id as the newest.
   */
  seen(treatment: RowTreatment, record: RecordInPlace, start: number): boolean;
};

/** `seed` is oldest first. */
export const createSeenIds = (window: RepeatWindow, seed: readonly string[]): SeenIds => {
  const recent = createRecentIds(window.idsMax, seed);
  return {
    seen: (treatment, record, start) => {
      if (window.among === 'named' && isTimeOrdered(record.bytes, start)) return false;
      const id = treatment.eventId(record, start);
      return id !== '' && recent.seen(id);
    },
  };
};

const uuidChars = 36;
/** The position of the version digit in a UUID. */
const versionAt = 14;
const digitSeven = 0x37;

/** True if the text at `start` (its length first) is a UUID of version 7, which is generated anew for each event. */
const isTimeOrdered = (bytes: Buffer, start: number): boolean =>
  bytes[start] === uuidChars * 2 && bytes[textStart(bytes, start) + versionAt] === digitSeven;
