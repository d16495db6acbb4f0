import { messageOf } from '#platform/errors';
import type { BatchControl, TopicPartition } from '#platform/messaging/broker';
import type { InsertingPipeline } from './block-insert.js';
import { PartitionMoved } from './partition-moved.js';

/** A wait of the partition's handler is interrupted so often to keep the partition alive. */
export const heartbeatMs = 1_000;

/** A partition for as long as this process has it from Kafka, and what holds it meanwhile. */
export type Assignment = InsertingPipeline & {
  /** False before the first batch, and from when the partition has moved or its pipeline has ended. */
  readonly isOurs: boolean;
  readonly isOver: boolean;
  /** The message of the failure that holds the partition; undefined if none does. */
  readonly heldBy: string | undefined;
  /** Blocks are committed by the control of the newest batch. */
  use(control: BatchControl): void;
  /** Reports to Kafka that this process still works on the partition; throws as `assertOurs` does. */
  keepAlive(): Promise<void>;
  end(): void;
};

export const createAssignment = ({ topic, partition }: TopicPartition): Assignment => {
  let control: BatchControl | undefined;
  let isOver = false;
  let heldBy: string | undefined;
  /** The greatest offset whose commit has begun. */
  let latest = -1n;
  const isOurs = (): boolean => !isOver && control?.isStale() === false;
  const assertOurs = (): void => {
    if (!isOurs()) throw new PartitionMoved(topic, partition);
  };
  const commit = async (nextOffset: bigint): Promise<void> => {
    if (nextOffset > latest) latest = nextOffset;
    try {
      await control?.commit(nextOffset);
    } catch (error) {
      // It is tried again: on a quiet partition nothing else would be committed for hours.
      if (nextOffset === latest && isOurs()) control?.commitSoon(nextOffset);
      throw error;
    }
  };
  return {
    get isOurs() {
      return isOurs();
    },
    get isOver() {
      return isOver;
    },
    get heldBy() {
      return heldBy;
    },
    use: (newest) => {
      control = newest;
    },
    assertOurs,
    keepAlive: async () => {
      assertOurs();
      await control?.heartbeat();
    },
    commit,
    onHeld: (cause) => {
      heldBy = cause === undefined ? undefined : messageOf(cause);
    },
    end: () => {
      isOver = true;
    },
  };
};
