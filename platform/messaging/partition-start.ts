import type { TopicPartition } from '#platform/messaging/broker';
import type { Losses } from '#platform/messaging/lost-records';
import type { Logger } from '#platform/telemetry/logger';

export type PartitionStart = TopicPartition & { nextOffset: bigint; highWatermark: bigint };

/**
 * Where to start, having been asked to start at `asked`: the log's beginning instead of an offset that is not in the log. What
 * Kafka deleted before it was read goes to `losses`; an offset past the end is logged.
 */
export const startWithin = (
  { low, high }: { low: bigint; high: bigint },
  at: TopicPartition,
  asked: bigint,
  { group, losses, logger }: { group: string; losses: Pick<Losses, 'look'>; logger: Pick<Logger, 'error'> },
): PartitionStart => {
  losses.look(at, asked, low);
  if (asked > high)
    logger.error(
      { group, ...at, asked: String(asked), low: String(low), high: String(high) },
      'the offset to start from is past the end of the log, starting from its beginning',
    );
  return { ...at, nextOffset: asked < low || asked > high ? low : asked, highWatermark: high };
};
