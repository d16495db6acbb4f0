import { wirePrefixBytes } from '#platform/messaging/avro-codec';
import type { IncomingRecord } from '#platform/messaging/broker';
import type { Exclusion } from './block-claims.js';
import type { Outcome } from './intake.js';
import type { RecordInPlace } from './record-in-place.js';
import type { BlockRows } from './treatments.js';

/** Consecutive records of one partition that will be inserted together, by one insert for each schema. */
export type Block = {
  firstOffset: number;
  /** By `partId` of their treatments. */
  parts: Map<number, { rows: BlockRows; firstOffset: number }>;
  rows: number;
  /** The size of its datums, and of its poison, which stays in memory until it is parked. */
  bytes: number;
  excluded: Exclusion[];
  /** Records that have to be parked before the block is inserted. */
  poison: { record: IncomingRecord; cause: unknown }[];
  /** Kafka's time of the newest record, epoch milliseconds. */
  newestMs: number;
  /** Monotonic clock, as for the times of the traces. */
  openedAtMs: number;
  /** The `traceparent` headers of the first 100 records whose trace is recorded. */
  traceparents: { traceparent: string; appendedAtMs: number }[];
};

const detailCharsMax = 100;

export const openBlock = (firstOffset: number, openedAtMs: number): Block => ({
  firstOffset,
  parts: new Map(),
  rows: 0,
  bytes: 0,
  excluded: [],
  poison: [],
  newestMs: 0,
  openedAtMs,
  traceparents: [],
});

/** Adds a record to the block according to its outcome. Returns the bytes by which the block grew. */
export const addToBlock = (
  block: Block,
  record: RecordInPlace,
  outcome: Exclude<Outcome, { kind: 'unknown_schema' }>,
  partition: number,
): number => {
  const { offset, timestampMs } = record;
  if (timestampMs > block.newestMs) block.newestMs = timestampMs;
  switch (outcome.kind) {
    case 'row': {
      let part = block.parts.get(outcome.partId);
      if (part === undefined) {
        part = { rows: outcome.openRows(partition), firstOffset: offset };
        block.parts.set(outcome.partId, part);
      }
      part.rows.append(record, outcome);
      const bytes = record.valueEnd - record.valueStart - wirePrefixBytes;
      block.rows += 1;
      block.bytes += bytes;
      return bytes;
    }
    case 'poison': {
      const { cause } = outcome;
      block.excluded.push({ offset, reason: cause.code, detail: cause.message.slice(0, detailCharsMax) });
      block.poison.push({ record: record.record(), cause });
      const bytes = Math.max(0, record.valueEnd - record.valueStart);
      block.bytes += bytes;
      return bytes;
    }
    case 'excluded':
      block.excluded.push({ offset, reason: outcome.reason, detail: outcome.detail });
      return 0;
    case 'passed_over':
      return 0;
  }
};
