import { isBrokenInvariant } from '#platform/assert';
import { PlatformError } from '#platform/errors';
import type { BatchControl, BatchHandler, RecordBatch, TopicPartition } from '#platform/messaging/broker';
import type { Logger } from '#platform/telemetry/logger';

/**
 * What both brokers do with the batches they fetch: one lane a partition, in which batches wait, are merged,
 * handled one after the other and delivered again after a failure, without holding up any other lane.
 *
 * Invariants: a lane never has two handlers at work, not even across a rebalance that gives the partition back
 * to this member; its records are handled in offset order; the offset committed for it only grows; a batch from
 * before a rebalance can neither be started nor committed after it.
 */
export type PartitionLanes = {
  /** Begins a new assignment: only batches of these partitions are taken, each from `nextOffset` on. */
  assign(partitions: readonly (TopicPartition & { nextOffset: bigint })[]): void;
  /** Takes a fetched batch; false when its partition is not (or no longer) ours. Never waits. */
  push(batch: RecordBatch, bytes: number): boolean;
  /**
   * Ends the assignment: starts nothing more, waits at most `waitMs` for the handlers at work (which may still
   * commit meanwhile), then makes what is left stale.
   */
  end(waitMs: number): Promise<void>;
};

export type LaneOptions = {
  group: string;
  handle: BatchHandler;
  partitionsConcurrentlyMax: number;
  /** A lane with this much waiting is paused until its handler takes it. */
  waitingBytesMax: number;
  pause(partition: TopicPartition): void;
  resume(partition: TopicPartition): void;
  commit(partition: TopicPartition, nextOffset: bigint): Promise<void>;
  /** The handler broke an invariant: nothing more is handled. */
  onBroken(error: unknown): void;
  logger: Logger;
};

const retryMsMin = 100;
const retryMsMax = 5_000;

type Lane = {
  at: TopicPartition;
  waiting: RecordBatch[];
  waitingBytes: number;
  /** To be delivered again before anything waiting. */
  failed: RecordBatch | undefined;
  failures: number;
  backingOff: boolean;
  paused: boolean;
  /** Below this offset all is handled or was never asked for. */
  nextOffset: bigint;
  timer: NodeJS.Timeout | undefined;
};

const nameOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

export const createPartitionLanes = (options: LaneOptions): PartitionLanes => {
  const { logger, group } = options;
  let lanes = new Map<string, Lane>();
  let stale = { value: true };
  let taking = false;
  let broken = false;
  /** Partitions with a handler at work, also one left over from an assignment that has ended. */
  const atWork = new Map<string, Promise<void>>();

  const isReady = (name: string, lane: Lane): boolean =>
    !lane.backingOff && !atWork.has(name) && (lane.failed !== undefined || lane.waiting.length > 0);

  const startReady = (): void => {
    if (!taking || broken) return;
    for (const [name, lane] of lanes) {
      if (atWork.size >= options.partitionsConcurrentlyMax) return;
      if (!isReady(name, lane)) continue;
      // Behind the others, so that a busy partition does not starve them.
      lanes.delete(name);
      lanes.set(name, lane);
      const work = deliver(lane, stale).finally(() => {
        atWork.delete(name);
        startReady();
      });
      atWork.set(name, work);
    }
  };

  const deliver = async (lane: Lane, staleness: { value: boolean }): Promise<void> => {
    const batch = take(lane);
    const startedAt = lane.nextOffset;
    const control: BatchControl = {
      isStale: () => staleness.value,
      heartbeat: async () => {
        if (staleness.value) throw moved(lane.at);
      },
      commit: async (nextOffset) => {
        if (staleness.value) throw moved(lane.at);
        await options.commit(lane.at, nextOffset);
        if (nextOffset > lane.nextOffset) lane.nextOffset = nextOffset;
      },
    };
    try {
      await options.handle(batch, control);
      lane.failures = 0;
      const last = batch.records.at(-1);
      if (last !== undefined && last.offset >= lane.nextOffset) lane.nextOffset = last.offset + 1n;
    } catch (error) {
      if (staleness.value) return;
      if (isBrokenInvariant(error)) return breakDown(error);
      if (lane.nextOffset > startedAt) lane.failures = 0;
      redeliverLater(lane, batch, error);
    }
  };

  const take = (lane: Lane): RecordBatch => {
    const again = lane.failed;
    if (again !== undefined) {
      lane.failed = undefined;
      return again;
    }
    const batch = merge(lane.waiting);
    lane.waiting = [];
    lane.waitingBytes = 0;
    if (lane.paused) {
      lane.paused = false;
      options.resume(lane.at);
    }
    return batch;
  };

  const redeliverLater = (lane: Lane, batch: RecordBatch, error: unknown): void => {
    const records = batch.records.filter((record) => record.offset >= lane.nextOffset);
    if (records.length > 0) lane.failed = { ...batch, records };
    lane.failures += 1;
    lane.backingOff = true;
    const delayMs = Math.min(retryMsMin * 2 ** (lane.failures - 1), retryMsMax) * (0.8 + Math.random() * 0.4);
    const level = lane.failures === 1 || lane.failures % 10 === 0 ? 'warn' : 'debug';
    logger[level](
      { err: error, group, ...lane.at, failures: lane.failures, delayMs },
      'batch failed, to be delivered again',
    );
    lane.timer = setTimeout(() => {
      lane.backingOff = false;
      startReady();
    }, delayMs);
  };

  const breakDown = (error: unknown): void => {
    broken = true;
    stale.value = true;
    options.onBroken(error);
  };

  return {
    assign: (partitions) => {
      stale.value = true;
      stale = { value: broken };
      lanes = new Map(
        partitions.map(({ topic, partition, nextOffset }) => {
          const at = { topic, partition };
          return [nameOf(at), { ...emptyLane, at, waiting: [], nextOffset }];
        }),
      );
      taking = true;
    },
    push: (batch, bytes) => {
      const lane = lanes.get(nameOf(batch));
      if (lane === undefined || !taking) return false;
      const before =
        lane.waiting.at(-1)?.records.at(-1)?.offset ?? lane.failed?.records.at(-1)?.offset ?? -1n;
      const from = before >= lane.nextOffset ? before + 1n : lane.nextOffset;
      const records =
        (batch.records[0]?.offset ?? from) >= from
          ? batch.records
          : batch.records.filter((record) => record.offset >= from);
      if (records.length === 0) return true;
      lane.waiting.push(records === batch.records ? batch : { ...batch, records });
      lane.waitingBytes += bytes;
      if (lane.waitingBytes >= options.waitingBytesMax && !lane.paused) {
        lane.paused = true;
        options.pause(lane.at);
      }
      startReady();
      return true;
    },
    end: async (waitMs) => {
      const ending = stale;
      taking = false;
      for (const lane of lanes.values()) clearTimeout(lane.timer);
      lanes = new Map();
      await atMost(waitMs, Promise.all(atWork.values()));
      ending.value = true;
    },
  };
};

const emptyLane = {
  waitingBytes: 0,
  failed: undefined,
  failures: 0,
  backingOff: false,
  paused: false,
  timer: undefined,
};

const merge = (batches: readonly RecordBatch[]): RecordBatch => {
  const last = batches.at(-1) as RecordBatch;
  return batches.length === 1 ? last : { ...last, records: batches.flatMap((batch) => batch.records) };
};

/** Waits for `work`, but no longer than `waitMs`. */
export const atMost = async (waitMs: number, work: Promise<unknown>): Promise<void> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, waitMs);
  });
  await Promise.race([work.catch(() => {}), late]);
  clearTimeout(timer);
};

const moved = ({ topic, partition }: TopicPartition) =>
  new PlatformError('broker_unavailable', `${topic}/${partition} has moved to another member`, {
    retriable: true,
  });
