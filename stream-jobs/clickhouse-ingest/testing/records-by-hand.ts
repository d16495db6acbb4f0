import type { RecordInPlace } from '../record-in-place.js';
import type { RowTreatment } from '../treatments.js';

/** A record with a datum of so many bytes, of which nobody reads any. */
export const recordAt = (offset: number, datumBytes: number): RecordInPlace => ({
  offset,
  timestampMs: 0,
  bytes: Buffer.alloc(0),
  valueStart: 0,
  // Behind the magic byte and the schema id.
  valueEnd: 5 + datumBytes,
  record: () => {
    throw new Error('a row needs no object');
  },
});

/** Every record is a row without columns. */
export const row: RowTreatment = {
  kind: 'row',
  partId: 1,
  walk: () => 0,
  openRows: () => ({ columns: [], rows: 1, append: () => {} }),
  event: null,
  brokenRule: () => '',
  eventId: () => '',
};
