import type { ClickHouse } from '#platform/clickhouse/client';
import type { Logger } from '#platform/telemetry/logger';
import type { Feed } from './feeds.js';
import type { StoredRows } from './stored-rows.js';

/**
 * Offsets that Kafka deleted before they were ingested: stored in a table, counted, and shown by the reconciliation.
 */
export type LostRanges = {
  /** The first offset of a partition that Kafka still has. */
  logStartOf(topic: string, partition: number): Promise<number>;
  /**
   * Records that the records from `from` (inclusive) to `to` (exclusive) are lost, unless their rows are in the table.
   * A repeated call for a range counts once.
   */
  note(feed: Feed, partition: number, from: number, to: number): Promise<void>;
};

export const createLostRanges = (
  clickhouse: Pick<ClickHouse, 'query' | 'insertRows'>,
  options: {
    logStartOf: LostRanges['logStartOf'];
    stored: Pick<StoredRows, 'offsets'>;
    logger: Logger;
    onLost(feed: Feed, partition: number, records: number): void;
  },
): LostRanges => ({
  logStartOf: options.logStartOf,
  note: async (feed, partition, from, to) => {
    // The rows may be in the table although their process died before it received the acknowledgement.
    const there = feed.appendOnly ? await options.stored.offsets(feed, partition, from, to - 1) : [];
    const start = Math.max(from, ...there.slice(-1).map((last) => last + 1));
    if (start >= to) return;
    const [noted] = await clickhouse.query<{ to: number }>(
      `SELECT max(to_offset) AS to FROM ingest_lost_ranges
       WHERE topic = {topic:String} AND partition = {partition:UInt16} AND from_offset = {start:UInt64}`,
      { topic: feed.topic, partition, start },
    );
    const fresh = to - Math.max(start, noted?.to ?? 0);
    if (fresh <= 0) return;
    await clickhouse.insertRows('ingest_lost_ranges', [
      { topic: feed.topic, partition, from_offset: start, to_offset: to },
    ]);
    options.onLost(feed, partition, fresh);
    options.logger.error(
      { topic: feed.topic, partition, fromOffset: start, toOffset: to },
      'records were deleted from Kafka before they were ingested',
    );
  },
});
