import type { PartitionProgress, RecordBatch, TopicPartition } from '#platform/messaging/broker';
import {
  advance,
  close,
  endOf,
  enqueue,
  hasBatch,
  type Lane,
  type LaneStart,
  lacksRecords,
  mark,
  newLane,
  progressOf,
} from '#platform/messaging/lane';
import { createDelivery, type DeliveryOptions, type Staleness } from '#platform/messaging/lane-delivery';
import { createLateCommits } from '#platform/messaging/late-commits';
import { partitionName } from '#platform/messaging/partition-name';
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
  assign(partitions: readonly LaneStart[]): void;
  /**
   * Accepts a fetched batch; false when its partition is not (or no longer) assigned to this member. Never waits.
   * Offsets between the last record and `fetchedTo` (the offset after that record, if unset) hold no readable record
   * and count as handled.
   */
  push(batch: RecordBatch, bytes: number, fetchedTo?: bigint): boolean;
  /** The broker has reported the partition's end, and the offset up to which it can be read (the same, if unset). */
  mark(partition: TopicPartition, highWatermark: bigint, readableEnd?: bigint): void;
  /** The offset after everything that was fetched of the partition; undefined where it is not assigned. */
  fetchedTo(partition: TopicPartition): bigint | undefined;
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
   * meanwhile) and for the commits that were put off, then marks the remaining batches as stale.
   */
  end(waitMs: number): Promise<void>;
  /** The same for good: the running handlers see at once that they are to stop, and no assignment begins any more. */
  close(waitMs: number): Promise<void>;
};

export type LaneOptions = DeliveryOptions & {
  partitionsConcurrentlyMax: number;
  /** A lane in which this many bytes wait is paused until its handler takes them. */
  waitingBytesMax: number;
  lateCommitMs: number;
  pause(partition: TopicPartition): void;
};

type Assignment = Staleness & {
  /** In the order in which their turns come. */
  lanes: Map<string, Lane>;
  /** No handler starts and no batch is accepted any more; the lanes are only shown. */
  isOver: boolean;
};

// Over seventy lines: the lanes of one consumer, from one assignment to the next.
export const createPartitionLanes = (options: LaneOptions): PartitionLanes => {
  let current = newAssignment([], { isOver: true, isStale: true, isClosing: false }, options);
  let endedAt = performance.now();
  let broken = false;

  const onBroken = (error: unknown): void => {
    broken = true;
    outdate(current);
    options.onBroken(error);
  };
  const turns = createTurns({
    concurrentMax: options.partitionsConcurrentlyMax,
    assignment: () => (current.isOver || broken ? undefined : current),
    deliver: createDelivery({ ...options, onBroken }, () => turns.startReady()),
  });
  const accepting = (at: TopicPartition): Lane | undefined =>
    current.isOver ? undefined : current.lanes.get(partitionName(at));
  const isIdle = (lane: Lane): boolean => !hasBatch(lane) && !turns.isRunning(lane);
  const end = async (waitMs: number): Promise<void> => {
    const ending = current;
    if (!ending.isOver) endedAt = performance.now();
    ending.isOver = true;
    for (const lane of ending.lanes.values()) close(lane);
    const finished = turns.finished().then(() => ending.lateCommits.flush());
    await endsWithin(waitMs, finished);
    outdate(ending);
  };

  return {
    assign: (partitions) => {
      if (current.isClosing) return;
      outdate(current);
      current = newAssignment(partitions, { isOver: false, isStale: broken, isClosing: false }, options);
    },
    push: (batch, bytes, fetchedTo = endOf(batch)) => {
      const lane = accepting(batch);
      if (lane === undefined) return false;
      mark(lane, batch.highWatermark);
      if (fetchedTo > lane.fetchedTo) lane.fetchedTo = fetchedTo;
      if (!enqueue(lane, batch, bytes)) {
        if (isIdle(lane)) advance(lane, lane.fetchedTo);
        return true;
      }
      if (lane.waitingBytes >= options.waitingBytesMax && !lane.paused) {
        lane.paused = true;
        options.pause(lane.at);
      }
      turns.startReady();
      return true;
    },
    end,
    close: (waitMs) => {
      current.isClosing = true;
      return end(waitMs);
    },
    mark: (at, highWatermark, readableEnd = highWatermark) => {
      const lane = current.lanes.get(partitionName(at));
      if (lane !== undefined) mark(lane, highWatermark, readableEnd);
    },
    fetchedTo: (at) => accepting(at)?.fetchedTo,
    setUnreadable: (at, cause) => {
      const lane = current.lanes.get(partitionName(at));
      if (lane !== undefined) lane.unreadable = cause;
    },
    isPaused: (at) => accepting(at)?.paused === true,
    get unassignedForMs() {
      return current.isOver ? performance.now() - endedAt : 0;
    },
    unfed: () => (current.isOver ? [] : unfedOf(current, isIdle)),
    progress: () => [...current.lanes.values()].map(progressOf),
  };
};

const unfedOf = ({ lanes }: Assignment, isIdle: (lane: Lane) => boolean): string[] =>
  [...lanes]
    .filter(([, lane]) => isIdle(lane) && lacksRecords(lane))
    .map(([name, lane]) => `${name}@${lane.fetchedTo}`);

const newAssignment = (
  partitions: readonly LaneStart[],
  state: Pick<Assignment, 'isOver' | 'isStale' | 'isClosing'>,
  { commit, group, logger, lateCommitMs }: LaneOptions,
): Assignment => ({
  ...state,
  lanes: new Map(partitions.map((start) => [partitionName(start), newLane(start)])),
  lateCommits: createLateCommits({
    commit,
    delayMs: lateCommitMs,
    onFailure: (at, error) =>
      logger.debug({ err: error, group, ...at }, 'offset not committed, trying again'),
  }),
});

/** Nothing of the assignment is committed any more. */
const outdate = (assignment: Assignment): void => {
  assignment.isStale = true;
  assignment.lateCommits.drop();
};

/** Which lanes are delivered: each at most once at a time, `concurrentMax` together, and all in turn. */
const createTurns = (parts: {
  concurrentMax: number;
  /** Undefined while none may start. */
  assignment(): Assignment | undefined;
  deliver(lane: Lane, assignment: Assignment): Promise<void>;
}) => {
  /** Partitions with a running handler, also one left over from an assignment that has ended. */
  const running = new Map<string, Promise<void>>();

  const startReady = (): void => {
    const assignment = parts.assignment();
    if (assignment === undefined) return;
    for (const [name, lane] of assignment.lanes) {
      if (running.size >= parts.concurrentMax) return;
      if (lane.backingOff || running.has(name) || !hasBatch(lane)) continue;
      // Put it after the others, so that a busy partition does not starve them.
      assignment.lanes.delete(name);
      assignment.lanes.set(name, lane);
      const delivery = parts.deliver(lane, assignment).finally(() => {
        running.delete(name);
        startReady();
      });
      running.set(name, delivery);
    }
  };

  return {
    startReady,
    isRunning: (lane: Lane): boolean => running.has(partitionName(lane.at)),
    /** Resolves when the deliveries that run now have ended. */
    finished: () => Promise.all(running.values()),
  };
};
