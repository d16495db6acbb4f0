import { isBrokenInvariant } from '#platform/assert';
import { PlatformError } from '#platform/errors';
import type {
  BatchControl,
  BatchHandler,
  PartitionProgress,
  RecordBatch,
  TopicPartition,
} from '#platform/messaging/broker';
import type { Logger } from '#platform/telemetry/logger';
import { backoffMs } from '#platform/waiting/backoff';
import { endsWithin } from '#platform/waiting/deadline';

/**
 * How both brokers deliver the batches they fetch. Each partition has a lane, in which batches wait, are merged,
 * handled one after the other and delivered again after a failure, without delaying any other lane.
 *
 * Invariants: a lane never has two handlers running, not even across a rebalance that returns the partition to this
 * member; its records are handled in offset order; the offset committed for it only grows; a batch from before a
 * rebalance can neither be started nor committed after it.
 */
export type PartitionLanes = {
  /** Begins a new assignment: only batches of these partitions are accepted, each from `nextOffset` on. */
  assign(partitions: readonly (TopicPartition & { nextOffset: bigint; highWatermark?: bigint })[]): void;
  /**
   * Accepts a fetched batch; false when its partition is not (or no longer) assigned to this member. Never waits.
   * Offsets between the last record and `fetchedTo` (the offset after that record, if unset) hold no readable record
   * and count as handled.
   */
  push(batch: RecordBatch, bytes: number, fetchedTo?: bigint): boolean;
  /** The broker has reported the partition's end, and the offset up to which it can be read (the same, if unset). */
  mark(partition: TopicPartition, highWatermark: bigint, readableEnd?: bigint): void;
  /** The batch at `nextOffset` cannot be read because of `cause`; undefined when it can be read again. */
  setUnreadable(partition: TopicPartition, cause: string | undefined): void;
  /** True while the lane wants no more fetches, because enough batches wait in it. */
  isPaused(partition: TopicPartition): boolean;
  /** How long there has been no assignment. 0 while there is one. */
  readonly unassignedForMs: number;
  /**
   * `<topic>/<partition>@<offset>` of each partition that is idle although the broker has a record at this offset. That
   * is normal for as long as a fetch takes.
   */
  unfed(): string[];
  /** The progress in the current assignment, or in the last one. */
  progress(): PartitionProgress[];
  /**
   * Ends the assignment: starts no more handlers, waits at most `waitMs` for the running ones (which may still commit
   * meanwhile), then marks the remaining batches as stale.
   */
  end(waitMs: number): Promise<void>;
};

export type LaneOptions = {
  group: string;
  handle: BatchHandler;
  partitionsConcurrentlyMax: number;
  /** A lane in which this many bytes wait is paused until its handler takes them. */
  waitingBytesMax: number;
  pause(partition: TopicPartition): void;
  resume(partition: TopicPartition): void;
  commit(partition: TopicPartition, nextOffset: bigint): Promise<void>;
  /** The handler broke an invariant: nothing more is handled. */
  onBroken(error: unknown): void;
  logger: Logger;
};

const retry = { minMs: 100, maxMs: 5_000, jitter: 0.2 };

type Lane = {
  at: TopicPartition;
  waiting: RecordBatch[];
  waitingBytes: number;
  /** A batch that failed, to be delivered again before the waiting ones. */
  failed: RecordBatch | undefined;
  failures: number;
  cause: string | undefined;
  unreadable: string | undefined;
  backingOff: boolean;
  paused: boolean;
  /** All records before this offset were handled, or lie before the start. */
  nextOffset: bigint;
  /** The offset after everything fetched so far; once no batch waits, all before it is handled. */
  fetchedTo: bigint;
  highWatermark: bigint;
  readableEnd: bigint;
  /** When `nextOffset` last moved, or the first record after it arrived. */
  movedAt: number;
  timer: NodeJS.Timeout | undefined;
};

const nameOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

export const createPartitionLanes = (options: LaneOptions): PartitionLanes => {
  const { logger, group } = options;
  let lanes = new Map<string, Lane>();
  /** The same lanes, but kept after the assignment has ended: only for `progress`. */
  let shown = lanes;
  let stale = { value: true };
  let taking = false;
  let endedAt = performance.now();
  let broken = false;
  /** Partitions with a running handler, also one left over from an assignment that has ended. */
  const atWork = new Map<string, Promise<void>>();

  const isIdle = (lane: Lane): boolean =>
    lane.waiting.length === 0 && lane.failed === undefined && !atWork.has(nameOf(lane.at));

  const isReady = (name: string, lane: Lane): boolean =>
    !lane.backingOff && !atWork.has(name) && (lane.failed !== undefined || lane.waiting.length > 0);

  const startReady = (): void => {
    if (!taking || broken) return;
    for (const [name, lane] of lanes) {
      if (atWork.size >= options.partitionsConcurrentlyMax) return;
      if (!isReady(name, lane)) continue;
      // Put it after the others, so that a busy partition does not starve them.
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
        advance(lane, nextOffset);
      },
    };
    try {
      await options.handle(batch, control);
      lane.failures = 0;
      lane.cause = undefined;
      advance(lane, endOf(batch));
      if (lane.waiting.length === 0) advance(lane, lane.fetchedTo);
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
    lane.cause = error instanceof Error ? error.message : String(error);
    lane.backingOff = true;
    const delayMs = backoffMs(retry, lane.failures);
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
      lanes = new Map(partitions.map((start) => [nameOf(start), newLane(start)]));
      shown = lanes;
      taking = true;
    },
    push: (batch, bytes, fetchedTo = endOf(batch)) => {
      const lane = lanes.get(nameOf(batch));
      if (lane === undefined || !taking) return false;
      mark(lane, batch.highWatermark);
      if (fetchedTo > lane.fetchedTo) lane.fetchedTo = fetchedTo;
      const before =
        lane.waiting.at(-1)?.records.at(-1)?.offset ?? lane.failed?.records.at(-1)?.offset ?? -1n;
      const from = before >= lane.nextOffset ? before + 1n : lane.nextOffset;
      const records =
        (batch.records[0]?.offset ?? from) >= from
          ? batch.records
          : batch.records.filter((record) => record.offset >= from);
      if (records.length === 0) {
        if (isIdle(lane)) advance(lane, lane.fetchedTo);
        return true;
      }
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
      if (taking) endedAt = performance.now();
      taking = false;
      for (const lane of lanes.values()) {
        clearTimeout(lane.timer);
        lane.waiting = [];
        lane.failed = undefined;
      }
      lanes = new Map();
      await endsWithin(waitMs, Promise.all(atWork.values()));
      ending.value = true;
    },
    mark: (at, highWatermark, readableEnd = highWatermark) => {
      const lane = shown.get(nameOf(at));
      if (lane === undefined) return;
      mark(lane, highWatermark);
      if (readableEnd > lane.readableEnd) lane.readableEnd = readableEnd;
    },
    setUnreadable: (at, cause) => {
      const lane = shown.get(nameOf(at));
      if (lane !== undefined) lane.unreadable = cause;
    },
    isPaused: (at) => lanes.get(nameOf(at))?.paused === true,
    get unassignedForMs() {
      return taking ? 0 : performance.now() - endedAt;
    },
    unfed: () =>
      [...lanes]
        .filter(([, lane]) => isIdle(lane) && lane.unreadable === undefined)
        .filter(([, lane]) => lane.readableEnd > lane.fetchedTo)
        .map(([name, lane]) => `${name}@${lane.fetchedTo}`),
    progress: () => [...shown.values()].map(progressOf),
  };
};

const newLane = (start: TopicPartition & { nextOffset: bigint; highWatermark?: bigint }): Lane => ({
  at: { topic: start.topic, partition: start.partition },
  waiting: [],
  waitingBytes: 0,
  failed: undefined,
  failures: 0,
  cause: undefined,
  unreadable: undefined,
  backingOff: false,
  paused: false,
  nextOffset: start.nextOffset,
  fetchedTo: start.nextOffset,
  highWatermark: start.highWatermark ?? start.nextOffset,
  readableEnd: start.nextOffset,
  movedAt: performance.now(),
  timer: undefined,
});

const advance = (lane: Lane, nextOffset: bigint): void => {
  if (nextOffset <= lane.nextOffset) return;
  lane.nextOffset = nextOffset;
  lane.movedAt = performance.now();
};

const mark = (lane: Lane, highWatermark: bigint): void => {
  if (highWatermark <= lane.highWatermark) return;
  if (lane.highWatermark <= lane.nextOffset) lane.movedAt = performance.now();
  lane.highWatermark = highWatermark;
};

const progressOf = (lane: Lane): PartitionProgress => {
  const { at, nextOffset, highWatermark, failures, unreadable, cause, movedAt } = lane;
  const isBehind = highWatermark > nextOffset;
  return {
    ...at,
    nextOffset,
    highWatermark: isBehind ? highWatermark : nextOffset,
    stalledForMs: isBehind ? performance.now() - movedAt : 0,
    failures: unreadable === undefined ? failures : failures + 1,
    cause: unreadable ?? cause,
  };
};

const endOf = (batch: RecordBatch): bigint => (batch.records.at(-1)?.offset ?? -1n) + 1n;

const merge = (batches: readonly RecordBatch[]): RecordBatch => {
  const last = batches.at(-1) as RecordBatch;
  return batches.length === 1 ? last : { ...last, records: batches.flatMap((batch) => batch.records) };
};

const moved = ({ topic, partition }: TopicPartition) =>
  new PlatformError('broker_unavailable', `${topic}/${partition} has moved to another member`, {
    retriable: true,
  });
