import { topics } from './topics.js';

/** Which records of a topic may be on it twice, at different offsets, and how a reader recognises the second one. */
export type Repeats = {
  /**
   * `all`: an outbox relay writes the topic, and sends a batch again after a crash. `named`: only ids that a client
   * chose can repeat; the collector gives every other event a new UUIDv7.
   */
  among: 'all' | 'named';
  /** Among so many ids that may repeat, the last ones of the record's partition. */
  idsMax: number;
  /** A start looks for them among so many records before the first one that it reads. */
  recordsMax: number;
  mayRepeat(eventId: string): boolean;
};

/** An outbox relay that died sends a batch again, so a repeat follows within a few batches (`relayBatchMax`). */
const ofRelays: Repeats = { among: 'all', idsMax: 4_000, recordsMax: 4_000, mayRepeat: () => true };

/** A client sends an event again under the id that it chose, when no answer came: perhaps minutes later. */
const ofShoppers: Repeats = {
  among: 'named',
  idsMax: 20_000,
  recordsMax: 200_000,
  mayRepeat: (eventId) => !isTimeOrdered(eventId),
};

export const repeatsOn = (topic: string): Repeats =>
  topic === topics.shopperActivity.topic ? ofShoppers : ofRelays;

/**
 * True for a UUID of version 7. The collector makes one for each event to which its sender gave no id, for this record
 * alone. (`stream-jobs/clickhouse-ingest/seen-ids.ts` has the same rule for bytes, and `stored-rows.ts` for SQL.)
 */
const isTimeOrdered = (id: string): boolean => id.length === 36 && id[14] === '7';
