import type { LostRecords, TopicPartition } from '#platform/messaging/broker';
import { partitionName } from '#platform/messaging/partition-name';
import type { Logger } from '#platform/telemetry/logger';

/** What a consumer has lost since it was created: what Kafka deleted, by its retention, before it was read. */
export type Losses = {
  /**
   * `next` is the first offset that was not read, and `low` the first one that Kafka has. What lies between is lost, and
   * counts once, however often it is reported.
   */
  look(at: TopicPartition, next: bigint, low: bigint): void;
  all(): readonly LostRecords[];
};

export const createLosses = (group: string, logger: Pick<Logger, 'error'>): Losses => {
  const found = new Map<string, LostRecords & { to: bigint }>();
  return {
    look: ({ topic, partition }, next, low) => {
      if (low <= next) return;
      const name = partitionName({ topic, partition });
      const known = found.get(name);
      const from = known !== undefined && known.to > next ? known.to : next;
      if (low <= from) return;
      found.set(name, { topic, partition, records: (known?.records ?? 0n) + low - from, to: low });
      logger.error(
        { group, topic, partition, fromOffset: String(from), toOffset: String(low) },
        'Kafka deleted records before they were read',
      );
    },
    all: () => [...found.values()].map(({ topic, partition, records }) => ({ topic, partition, records })),
  };
};
