import { isBrokenInvariant } from '#platform/assert';
import { PlatformError } from '#platform/errors';
import type { BatchControl, BatchHandler, RecordBatch, TopicPartition } from '#platform/messaging/broker';
import { advance, complete, fail, type Lane, takeBatch } from '#platform/messaging/lane';
import type { LateCommits } from '#platform/messaging/late-commits';
import type { Logger } from '#platform/telemetry/logger';
import { backoffMs } from '#platform/waiting/backoff';

export type DeliveryOptions = {
  group: string;
  handle: BatchHandler;
  resume(partition: TopicPartition): void;
  commit(partition: TopicPartition, nextOffset: bigint): Promise<void>;
  /** The handler broke an invariant: nothing more is handled. */
  onBroken(error: unknown): void;
  logger: Logger;
};

export type Staleness = {
  /** The assignment has ended for its handlers too: they may no longer commit. */
  isStale: boolean;
  /** The consumer closes: handlers are to stop, and may commit what they have done. */
  isClosing: boolean;
  lateCommits: LateCommits;
};

const retry = { minMs: 100, maxMs: 5_000, jitter: 0.2 };

/**
 * Delivers a lane's next batch to the handler. Never rejects: a batch that fails waits in its lane, and `onDue` is
 * called when it may be delivered again.
 */
export const createDelivery = (options: DeliveryOptions, onDue: () => void) => {
  const next = (lane: Lane): RecordBatch => {
    const batch = takeBatch(lane);
    if (lane.paused && lane.waiting.length === 0) {
      lane.paused = false;
      options.resume(lane.at);
    }
    return batch;
  };

  const redeliverLater = (lane: Lane, batch: RecordBatch, error: unknown): void => {
    fail(lane, batch, error);
    const { failures } = lane;
    const delayMs = backoffMs(retry, failures);
    const level = failures === 1 || failures % 10 === 0 ? 'warn' : 'debug';
    options.logger[level](
      { err: error, group: options.group, ...lane.at, failures, delayMs },
      'batch failed, to be delivered again',
    );
    lane.backingOff = true;
    lane.timer = setTimeout(() => {
      lane.backingOff = false;
      onDue();
    }, delayMs);
  };

  return async (lane: Lane, assignment: Staleness): Promise<void> => {
    const batch = next(lane);
    const startedAt = lane.nextOffset;
    try {
      await options.handle(batch, controlOf(lane, assignment, options.commit));
      complete(lane, batch);
    } catch (error) {
      if (assignment.isStale) return;
      if (isBrokenInvariant(error)) return options.onBroken(error);
      if (assignment.isClosing) return;
      if (lane.nextOffset > startedAt) lane.failures = 0;
      redeliverLater(lane, batch, error);
    }
  };
};

const controlOf = (lane: Lane, assignment: Staleness, commit: DeliveryOptions['commit']): BatchControl => ({
  isStale: () => assignment.isStale || assignment.isClosing,
  heartbeat: async () => {
    if (assignment.isStale) throw moved(lane.at);
  },
  commit: async (nextOffset) => {
    if (assignment.isStale) throw moved(lane.at);
    assignment.lateCommits.forget(lane.at, nextOffset);
    await commit(lane.at, nextOffset);
    advance(lane, nextOffset);
  },
  commitSoon: (nextOffset) => {
    if (assignment.isStale) throw moved(lane.at);
    assignment.lateCommits.note(lane.at, nextOffset);
    advance(lane, nextOffset);
  },
});

const moved = ({ topic, partition }: TopicPartition) =>
  new PlatformError('broker_unavailable', `${topic}/${partition} has moved to another member`, {
    retriable: true,
  });
