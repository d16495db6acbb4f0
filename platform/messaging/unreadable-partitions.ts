import { messageOf } from '#platform/errors';
import type { TopicPartition } from '#platform/messaging/broker';
import type { PartitionLanes } from '#platform/messaging/partition-lanes';
import { partitionName } from '#platform/messaging/partition-name';
import type { Logger } from '#platform/telemetry/logger';
import { backoffMs } from '#platform/waiting/backoff';

/**
 * Partitions whose next batch cannot be read (an unknown codec, damage, a size beyond the bound). Each is paused alone,
 * reported, and tried again from time to time. A newer release may be able to read the batch, or an operator may move
 * the group's offset past it.
 */
export type UnreadablePartitions = {
  hold(at: TopicPartition, offset: bigint, cause: unknown): void;
  isHeld(at: TopicPartition): boolean;
  /** The partition can be read (again). */
  forget(at: TopicPartition): void;
  stop(): void;
};

const again = { minMs: 1_000, maxMs: 30_000, jitter: 0.2 };

export const createUnreadablePartitions = (options: {
  group: string;
  logger: Logger;
  lanes: PartitionLanes;
  pause(at: TopicPartition): void;
  resume(at: TopicPartition): void;
}): UnreadablePartitions => {
  const { group, logger, lanes } = options;
  const held = new Map<string, { failures: number; timer: NodeJS.Timeout | undefined }>();
  return {
    hold: ({ topic, partition }, offset, cause) => {
      const at = { topic, partition };
      const known = held.get(partitionName(at));
      // This comes from a fetch that was in flight when the partition was paused.
      if (known?.timer !== undefined) return;
      const failures = (known?.failures ?? 0) + 1;
      const message = messageOf(cause);
      const delayMs = backoffMs(again, failures);
      const level = failures === 1 || failures % 10 === 0 ? 'error' : 'debug';
      logger[level](
        { err: cause, group, ...at, offset: String(offset), failures, delayMs },
        'batch cannot be read, its partition waits',
      );
      lanes.setUnreadable(at, `the batch at offset ${offset} cannot be read: ${message}`);
      options.pause(at);
      const entry = { failures, timer: undefined as NodeJS.Timeout | undefined };
      entry.timer = setTimeout(() => {
        entry.timer = undefined;
        options.resume(at);
      }, delayMs);
      held.set(partitionName(at), entry);
    },
    isHeld: (at) => held.get(partitionName(at))?.timer !== undefined,
    forget: (at) => {
      const entry = held.get(partitionName(at));
      if (entry === undefined) return;
      clearTimeout(entry.timer);
      held.delete(partitionName(at));
      lanes.setUnreadable(at, undefined);
    },
    stop: () => {
      for (const { timer } of held.values()) clearTimeout(timer);
    },
  };
};
