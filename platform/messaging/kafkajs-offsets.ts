import type { Kafka } from 'kafkajs';
import type { ConsumerOptions, TopicPartition } from '#platform/messaging/broker';
import type { PartitionLanes } from '#platform/messaging/partition-lanes';
import type { Logger } from '#platform/telemetry/logger';

export type KafkajsAdmin = ReturnType<Kafka['admin']>;

export type Start = TopicPartition & { nextOffset: bigint; highWatermark: bigint };

/** Where the group has committed, and where each partition begins and ends, of the topics of `assigned`. */
export type Offsets = {
  committed: ReadonlyMap<string, bigint>;
  kept: ReadonlyMap<string, { low: bigint; high: bigint }>;
};

const nameOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

export const readOffsets = async (
  admin: KafkajsAdmin,
  groupId: string,
  assigned: readonly TopicPartition[],
): Promise<Offsets> => {
  const topics = [...new Set(assigned.map(({ topic }) => topic))];
  const committed = new Map<string, bigint>();
  const kept = new Map<string, { low: bigint; high: bigint }>();
  if (topics.length === 0) return { committed, kept };
  for (const { topic, partitions } of await admin.fetchOffsets({ groupId, topics }))
    for (const { partition, offset } of partitions)
      if (BigInt(offset) >= 0n) committed.set(nameOf({ topic, partition }), BigInt(offset));
  for (const topic of topics)
    for (const { partition, low, high } of await admin.fetchTopicOffsets(topic))
      kept.set(nameOf({ topic, partition }), { low: BigInt(low), high: BigInt(high) });
  return { committed, kept };
};

/** Where to begin each partition. An offset that is not in the log is reported, and the log's beginning taken. */
export const startsOf = (
  { group, startFrom }: Pick<ConsumerOptions, 'group' | 'startFrom'>,
  assigned: readonly TopicPartition[],
  { committed, kept }: Offsets,
  logger: Logger,
): Promise<Start[]> =>
  Promise.all(
    assigned.map(async (at) => {
      const { low, high } = kept.get(nameOf(at)) ?? { low: 0n, high: 0n };
      const asked = (await startFrom?.(at)) ?? committed.get(nameOf(at)) ?? low;
      const nextOffset = asked < low || asked > high ? low : asked;
      if (nextOffset !== asked)
        logger.error(
          { group, ...at, asked: String(asked), low: String(low), high: String(high) },
          'the offset to start from is not in the log, starting from its beginning',
        );
      return { ...at, nextOffset, highWatermark: high };
    }),
  );

/**
 * Keeps the ends of partitions true that are not fetched (paused, held, or forgotten by the library): their lag would
 * stand still otherwise. A fetch says the end of what it asks for, so usually nothing is asked here.
 */
export type PartitionEnds = {
  /** A fetch has said where this partition ends. */
  hear(at: TopicPartition): void;
  /** Asks for the ends that no fetch has said lately; once at a time, and without failing. */
  refresh(): Promise<void>;
};

const endAgeMsMax = 1_500;

export const createPartitionEnds = (admin: KafkajsAdmin, lanes: PartitionLanes): PartitionEnds => {
  const heardAt = new Map<string, number>();
  let asking = false;
  const hear = (at: TopicPartition): void => void heardAt.set(nameOf(at), performance.now());
  return {
    hear,
    refresh: async () => {
      if (asking) return;
      asking = true;
      const now = performance.now();
      const isOld = (at: TopicPartition) => now - (heardAt.get(nameOf(at)) ?? 0) > endAgeMsMax;
      const topics = new Set(
        lanes
          .progress()
          .filter(isOld)
          .map(({ topic }) => topic),
      );
      try {
        for (const topic of topics)
          for (const { partition, high } of await admin.fetchTopicOffsets(topic)) {
            hear({ topic, partition });
            lanes.mark({ topic, partition }, BigInt(high));
          }
      } catch {
        // The broker does not answer now: asked again at the next turn.
      }
      asking = false;
    },
  };
};
