import type { Kafka } from 'kafkajs';
import type { ConsumerOptions, TopicPartition } from '#platform/messaging/broker';
import { idleFetchWaitMs } from '#platform/messaging/broker-options';
import type { Losses } from '#platform/messaging/lost-records';
import type { PartitionLanes } from '#platform/messaging/partition-lanes';
import { partitionName } from '#platform/messaging/partition-name';
import { type PartitionStart, startWithin } from '#platform/messaging/partition-start';
import type { Logger } from '#platform/telemetry/logger';
import { backoffMs } from '#platform/waiting/backoff';
import { within } from '#platform/waiting/deadline';
import { sleep } from '#platform/waiting/sleep';

export type KafkajsAdmin = ReturnType<Kafka['admin']>;

/** The committed offset, the first offset and the end of each partition of the topics of `assigned`. */
type Offsets = {
  committed: ReadonlyMap<string, bigint>;
  kept: ReadonlyMap<string, { low: bigint; high: bigint }>;
};

const readOffsets = async (
  admin: KafkajsAdmin,
  groupId: string,
  assigned: readonly TopicPartition[],
): Promise<Offsets> => {
  const topics = [...new Set(assigned.map(({ topic }) => topic))];
  const committed = new Map<string, bigint>();
  const kept = new Map<string, { low: bigint; high: bigint }>();
  if (topics.length === 0) return { committed, kept };
  // Not before the group has taken us in: connected to a broker that takes connections and does not answer, kafkajs' admin
  // does not find back when it answers again.
  await admin.connect();
  for (const { topic, partitions } of await admin.fetchOffsets({ groupId, topics }))
    for (const { partition, offset } of partitions)
      if (BigInt(offset) >= 0n) committed.set(partitionName({ topic, partition }), BigInt(offset));
  const bounds = await Promise.all(topics.map((topic) => admin.fetchTopicOffsets(topic)));
  for (const [nth, topic] of topics.entries())
    for (const { partition, low, high } of bounds[nth] ?? [])
      kept.set(partitionName({ topic, partition }), { low: BigInt(low), high: BigInt(high) });
  return { committed, kept };
};

const startsOf = (
  { settings: { group, startFrom }, options: { logger }, losses }: Beginning,
  assigned: readonly TopicPartition[],
  { committed, kept }: Offsets,
): Promise<PartitionStart[]> =>
  Promise.all(
    assigned.map(async (at) => {
      const bounds = kept.get(partitionName(at)) ?? { low: 0n, high: 0n };
      const asked = (await startFrom?.(at, bounds)) ?? committed.get(partitionName(at)) ?? bounds.low;
      return startWithin(bounds, at, asked, { group, losses, logger });
    }),
  );

type Beginning = {
  settings: Pick<ConsumerOptions, 'group' | 'startFrom' | 'onAssigned'>;
  options: { logger: Logger };
  losses: Losses;
  admin: KafkajsAdmin;
  /** True once there is another assignment, or the member is over. */
  isPast(): boolean;
  onTrouble(error: unknown): void;
  /** Called when the broker does not return the offsets: the member cannot be used. */
  giveUp(reason: unknown): void;
};

const beginAgain = { minMs: 100, maxMs: 1_000 };
const offsetsMsMax = 15_000;

/**
 * Decides where each partition starts before anything is fetched from it, and retries until that succeeds: the owner's
 * `onAssigned` and `startFrom` may wait for another engine. Without this, kafkajs would take the offsets from a cache,
 * and might deliver records that were fetched under the previous assignment.
 */
export const beginAssignment = async (
  assigned: readonly TopicPartition[],
  beginning: Beginning,
  begin: (starts: readonly PartitionStart[]) => void,
): Promise<void> => {
  const { settings, options, admin, isPast, onTrouble, giveUp } = beginning;
  for (let failures = 1; !isPast(); failures += 1) {
    try {
      await settings.onAssigned?.(assigned);
      const offsets = await within(offsetsMsMax, readOffsets(admin, settings.group, assigned)).catch(giveUp);
      // kafkajs has tried several times, and its admin does not find back to a broker that did not answer for long.
      if (offsets === undefined) return;
      const starts = await startsOf(beginning, assigned, offsets);
      if (!isPast()) begin(starts);
      return;
    } catch (error) {
      onTrouble(error);
      const level = failures % 10 === 1 ? 'warn' : 'debug';
      options.logger[level](
        { err: error, group: settings.group, failures },
        'assignment not begun, trying again',
      );
      await sleep(backoffMs(beginAgain, failures));
    }
  }
};

/**
 * Keeps the ends of partitions current that are not being fetched (paused, held, or forgotten by the library):
 * otherwise their lag would not grow. A fetch reports the ends of its partitions, so usually no request is needed here.
 */
export type PartitionEnds = {
  /** A fetch has reported where the partition begins and ends, and the offset up to which it can be read. */
  note(at: TopicPartition, bounds: { low: bigint; high: bigint; readableEnd: bigint }): void;
  /** Requests the ends that no fetch has reported lately. One request at a time; never rejects. */
  refresh(): Promise<void>;
};

const endAgeMsMax = 1_500;

/** While every partition is being fetched: the broker holds a fetch for as long as the ends stay. */
const fetchedEndAgeMsMax = idleFetchWaitMs + 1_000;

export const createPartitionEnds = (
  admin: KafkajsAdmin,
  { lanes, losses }: { lanes: PartitionLanes; losses: Losses },
  isPaused: () => boolean,
): PartitionEnds => {
  const heardAt = new Map<string, number>();
  let asking = false;
  const mark: PartitionEnds['note'] = (at, { low, high, readableEnd }) => {
    heardAt.set(partitionName(at), performance.now());
    lanes.mark(at, high, readableEnd);
    losses.look(at, lanes.fetchedTo(at) ?? low, low);
  };
  return {
    note: mark,
    refresh: async () => {
      if (asking || lanes.unassignedForMs > 0) return;
      asking = true;
      const oldestMs = performance.now() - (isPaused() ? endAgeMsMax : fetchedEndAgeMsMax);
      const isOld = (at: TopicPartition) => (heardAt.get(partitionName(at)) ?? 0) < oldestMs;
      const topics = new Set(
        lanes
          .progress()
          .filter(isOld)
          .map(({ topic }) => topic),
      );
      try {
        for (const topic of topics)
          for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
            const end = BigInt(high);
            mark({ topic, partition }, { low: BigInt(low), high: end, readableEnd: end });
          }
      } catch {
        // The broker does not answer now. The next turn repeats the request.
      }
      asking = false;
    },
  };
};
