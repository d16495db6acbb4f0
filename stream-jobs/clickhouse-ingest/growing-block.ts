import type { IncomingRecord } from '#platform/messaging/broker';
import type { Exclusion } from './block-claims.js';
import type { DatumBlock } from './datum-block.js';

/** Records of one partition that follow one another, on their way to being one insert for each schema among them. */
export type GrowingBlock = {
  firstOffset: number;
  /** By schema id. */
  datums: Map<number, { block: DatumBlock; firstOffset: number }>;
  rows: number;
  bytes: number;
  excluded: Exclusion[];
  /** To be parked before the block is inserted. */
  poison: { record: IncomingRecord; cause: unknown }[];
  /** Kafka's time of the newest record. */
  newestMs: number;
  openedAtMs: number;
  /** Of the records whose trace is recorded; the first 100. */
  traceparents: { traceparent: string; appendedAtMs: number }[];
};

export const openBlock = (firstOffset: number, openedAtMs: number): GrowingBlock => ({
  firstOffset,
  datums: new Map(),
  rows: 0,
  bytes: 0,
  excluded: [],
  poison: [],
  newestMs: 0,
  openedAtMs,
  traceparents: [],
});
