import type { ClickHouse } from '#platform/clickhouse/client';
import type { Clock } from '#platform/clock';
import type { Broker, BrokerAdmin } from '#platform/messaging/broker';
import type { Component, Logger } from '#platform/service-host';

/** Up to which event time an answer is complete, and how far that is behind now. Epoch milliseconds; milliseconds. */
export type Completeness = { asOfMs: number; lagMs: number };

export type CompletenessGauge = Component & {
  /**
   * Asks before the query whose answer it describes: what was ingested then is in that answer. A reading is shared for
   * 200 ms. While Kafka does not answer, `asOf` stays where it last was and `lagMs` grows. `lagMs` is elapsed time: a
   * wall clock that is set back takes `asOf` back with it, as it does the event times, and leaves `lagMs` as it was.
   */
  read(): Promise<Completeness>;
};

const readingMsMax = 200;
/**
 * A sale is on its way for a moment between the order's clock and the log: a transaction has to commit and the relay to
 * send it. What the log has is therefore only complete up to so long ago (`outbox_relay_delay_seconds` tells how long it
 * takes; where a relay stands still for longer, late sales come after they were said to be complete).
 */
const settleMs = 5_000;

/** What one partition says: how far the log goes, and how far the group has acknowledged it into ClickHouse. */
export type PartitionProgress = { partition: number; high: bigint; nextOffset: bigint | null; low: bigint };

/** The partitions of which ClickHouse lacks records that are in the log. What was deleted from it will never come. */
export const behind = (progress: readonly PartitionProgress[]): number[] =>
  progress
    .filter(({ high, low, nextOffset }) => low < high && (nextOffset ?? low) < high)
    .map(({ partition }) => partition);

/**
 * The log of one topic against the committed offsets of the job that ingests it. With nothing outstanding the answer is
 * complete up to `settleMs` before the log was asked; else up to so long before the newest record ingested of the slowest
 * partition.
 */
export const createCompletenessGauge = (options: {
  broker: Broker;
  clickhouse: Pick<ClickHouse, 'query'>;
  clock: Clock;
  logger: Logger;
  topic: string;
  table: string;
  group: string;
}): CompletenessGauge => {
  const { broker, clickhouse, clock, logger, topic, table, group } = options;
  const log = createLogProgress(broker, topic, group);
  /** Up to when everything is in, and when that was last asked for; both by the monotonic clock. */
  let completeToMs = Number.NEGATIVE_INFINITY;
  let readAtMs = Number.NEGATIVE_INFINITY;
  let reading: Promise<void> | undefined;

  const refresh = async (): Promise<void> => {
    const askedAtMs = clock.monotonicMs();
    const askedAtWallMs = clock.nowMs();
    try {
      const late = behind(await log.read());
      const ageMs = late.length === 0 ? 0 : askedAtWallMs - (await newestIngestedMs(clickhouse, table, late));
      // A row from the future was stamped before the wall clock was set back: it does not say how old it is.
      if (ageMs >= 0) completeToMs = Math.max(completeToMs, askedAtMs - ageMs - settleMs);
    } catch (error) {
      logger.warn({ err: error }, 'how complete the analytics are cannot be read');
    }
    readAtMs = askedAtMs;
  };

  return {
    name: 'completeness',
    start: async () => {},
    stop: log.close,
    read: async () => {
      if (clock.monotonicMs() - readAtMs > readingMsMax) {
        reading ??= refresh().finally(() => {
          reading = undefined;
        });
        await reading;
      }
      const nowMs = clock.nowMs();
      const lagMs = Math.min(Math.ceil(clock.monotonicMs() - completeToMs), nowMs);
      return { asOfMs: nowMs - lagMs, lagMs };
    },
  };
};

/** How far the log goes, and how far the group has acknowledged it; the connection opens when first needed. */
const createLogProgress = (broker: Broker, topic: string, group: string) => {
  let opening: Promise<BrokerAdmin> | undefined;

  const admin = (): Promise<BrokerAdmin> => {
    opening ??= broker.admin();
    opening.catch(() => {
      opening = undefined;
    });
    return opening;
  };

  const read = async (): Promise<PartitionProgress[]> => {
    const open = await admin();
    const [log, committed] = await Promise.all([open.offsets(topic), open.committedOffsets(group, topic)]);
    const done = new Map(committed.map(({ partition, nextOffset }) => [partition, nextOffset]));
    return log.map(({ partition, low, high }) => ({
      partition,
      low,
      high,
      nextOffset: done.get(partition) ?? null,
    }));
  };

  return {
    read,
    close: async (): Promise<void> => {
      await opening?.then((open) => open.close()).catch(() => {});
    },
  };
};

/** Event time of the last record ingested of the slowest of `partitions`; 0 where one has none. */
const newestIngestedMs = async (
  clickhouse: Pick<ClickHouse, 'query'>,
  table: string,
  partitions: readonly number[],
): Promise<number> => {
  const rows = await clickhouse.query<{ partition: number; newestMs: number }>(
    `SELECT kafka_partition AS partition, toUnixTimestamp64Milli(occurred_at) AS newestMs FROM ${table}
     WHERE kafka_partition IN ({partitions:Array(UInt16)})
     ORDER BY kafka_partition, kafka_offset DESC LIMIT 1 BY kafka_partition`,
    { partitions },
  );
  const newest = new Map(rows.map((row) => [row.partition, row.newestMs]));
  return Math.min(...partitions.map((partition) => newest.get(partition) ?? 0));
};
