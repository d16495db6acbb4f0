import { setImmediate as nextTurn } from 'node:timers/promises';
import { isRetriable } from '#platform/errors';
import type { BatchHandler, IncomingRecord, TopicPartition } from '#platform/messaging/broker';
import { eventIdOf, type ReceivedEvent } from '#platform/messaging/events';
import { partitionName } from '#platform/messaging/partition-name';
import type { Host } from '#platform/service-host';
import { createRecentIds, type RecentIds } from '#platform/streams/recent-ids';
import { repeatsOn } from '#schemas/repeats';
import { topics, visitsTogetherHeader } from '#schemas/topics';
import type { Model } from './model.js';
import type { Places } from './snapshot-store.js';

/** Learning gives other work a turn after so long. */
const turnMs = 2;

/** How far each partition was learned, and the gate that holds learning while that is written. */
export const createProgress = () => {
  const nextOffsets = new Map<string, bigint>();
  /** The partitions of which the ids before the next offset are known, so that no record is read again for them. */
  const remembered = new Set<string>();
  let pause: Promise<void> | undefined;
  return {
    next: (topic: string, partition: number) => nextOffsets.get(partitionName({ topic, partition })),
    /** The ids of the records before `next` are known. */
    readAgain: (topic: string, partition: number, next: bigint): void => {
      const name = partitionName({ topic, partition });
      if (next >= (nextOffsets.get(name) ?? 0n)) remembered.add(name);
    },
    learned: (topic: string, partition: number, next: bigint): void => {
      const name = partitionName({ topic, partition });
      nextOffsets.set(name, next);
      remembered.add(name);
    },
    /**
     * After a start from a little before what is learned next: repeats of those records are recognised, too. Undefined where
     * nothing was learned.
     */
    readFrom: (topic: string, partition: number): bigint | undefined => {
      const name = partitionName({ topic, partition });
      const next = nextOffsets.get(name);
      if (next === undefined || remembered.has(name)) return next;
      return next - BigInt(repeatsOn(topic).recordsMax);
    },
    places: (): Places =>
      Object.fromEntries([...nextOffsets].map(([name, offset]) => [name, offset.toString()])),
    restore: (places: Places): void => {
      for (const [name, offset] of Object.entries(places)) nextOffsets.set(name, BigInt(offset));
    },
    /** Waits while somebody reads the state; undefined while nobody does. */
    gate: () => pause,
    paused: async (run: () => Promise<void>): Promise<void> => {
      const running = run();
      pause = running.then(
        () => {},
        () => {},
      );
      await running.finally(() => {
        pause = undefined;
      });
    },
  };
};

/**
 * Without a snapshot at most so many of the newest records of a partition with shoppers' events are learned: the models
 * forget older ones anyway. What they do not forget is read whole: the catalogue, who was erased, and which model is live.
 */
const rereadMax = 300_000n;
const fading: readonly string[] = [topics.shopperActivity.topic, topics.orders.topic];

/** Where a partition is read from, `readFrom` where that is known. */
export const firstToRead = (
  topic: string,
  readFrom: bigint | undefined,
  { low, high }: { low: bigint; high: bigint },
): bigint => {
  const wanted = readFrom ?? (fading.includes(topic) ? high - rereadMax : low);
  return wanted > low ? wanted : low;
};

type Progress = ReturnType<typeof createProgress>;

type Read = (at: TopicPartition, record: IncomingRecord) => Promise<ReceivedEvent | null>;

type Learning = {
  read: Read;
  take: Model['take'];
  progress: Progress;
};

/**
 * A record that cannot be read is passed over: the reactions and jobs have parked it. One that was learned already is too,
 * and so is an event that is sent again, as far as `repeatsOn` says.
 */
export const learning = (
  { logger }: Pick<Host, 'logger'>,
  { read, take, progress }: Learning,
): BatchHandler => {
  const recentIds = new Map<string, RecentIds>();
  const recentIdsOf = (name: string, idsMax: number): RecentIds => {
    const ids = recentIds.get(name) ?? createRecentIds(idsMax);
    recentIds.set(name, ids);
    return ids;
  };

  return async ({ topic, partition, records: batch }, control) => {
    const { mayRepeat, idsMax } = repeatsOn(topic);
    const recent = recentIdsOf(partitionName({ topic, partition }), idsMax);
    const learn = async (record: IncomingRecord): Promise<void> => {
      try {
        const event = await read({ topic, partition }, record);
        for (let gate = progress.gate(); gate !== undefined; gate = progress.gate()) await gate;
        if (event !== null && !(mayRepeat(event.eventId) && recent.seen(event.eventId)))
          take(event, record.timestampMs, Number(record.headers[visitsTogetherHeader]) || 1);
      } catch (error) {
        if (isRetriable(error)) throw error;
        logger.debug({ err: error, topic, partition }, 'nothing to learn');
      }
      progress.learned(topic, partition, record.offset + 1n);
    };
    const readAgain = (record: IncomingRecord): void => {
      const id = eventIdOf(record);
      if (id !== undefined && mayRepeat(id)) recent.add(id);
      progress.readAgain(topic, partition, record.offset + 1n);
    };
    let turnEndsAtMs = performance.now() + turnMs;
    for (const record of batch) {
      if (record.offset < (progress.next(topic, partition) ?? 0n)) readAgain(record);
      else await learn(record);
      if (performance.now() < turnEndsAtMs) continue;
      await nextTurn();
      if (control.isStale()) return;
      turnEndsAtMs = performance.now() + turnMs;
    }
    const last = batch.at(-1);
    if (last !== undefined) control.commitSoon(last.offset + 1n);
  };
};
