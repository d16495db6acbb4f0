import type { IncomingRecord } from '#platform/messaging/broker';

/** A record in the memory of its pack. A `PackCursor` is one, for its current record. */
export type RecordInPlace = {
  readonly offset: number;
  readonly timestampMs: number;
  readonly bytes: Buffer;
  readonly valueStart: number;
  /** -1 for a record without a value. */
  readonly valueEnd: number;
  /** The record as an object. Few records need it. */
  record(): IncomingRecord;
};
