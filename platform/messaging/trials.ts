import { isBrokenInvariant } from '#platform/assert';
import { isRetriable, PlatformError } from '#platform/errors';
import type { IncomingRecord, TopicPartition } from '#platform/messaging/broker';
import type { DeadLetters } from '#platform/messaging/dead-letter';
import { partitionName } from '#platform/messaging/partition-name';

/** How often a record is tried that fails with an unexpected error: a bug may depend on timing. */
const attemptsMax = 3;

/**
 * Decides what happens with a record that cannot be handled. A retriable fault holds its partition until the fault has
 * passed. A fault that is not retriable sends the record to the dead-letter topic at once, any other error after three
 * tries. A broken invariant is never parked. The number of tries is kept until the partition has moved past the record.
 */
export type Trials = {
  /**
   * True when the record is in the dead-letter topic, now or from before: continue without it. False when the record
   * has to be tried again: rethrow the error. Rejects when the dead-letter topic cannot accept it now; then try again,
   * too.
   */
  park(at: TopicPartition, record: IncomingRecord, error: unknown): Promise<boolean>;
  isParked(at: TopicPartition, record: IncomingRecord): boolean;
  /** How often the record has failed so far. */
  failuresOf(at: TopicPartition, record: IncomingRecord): number;
  /** The offset of the record that last held the partition, if a single record did. */
  heldBy(at: TopicPartition): bigint | undefined;
  /** The partition continues at `nextOffset`: earlier records will not be tried again. */
  movedTo(at: TopicPartition, nextOffset: bigint): void;
};

/** `attempts` are those that count towards the dead-letter topic, `failures` are all. */
type Tried = {
  attempts: Map<bigint, number>;
  failures: Map<bigint, number>;
  parked: Set<bigint>;
  heldBy: bigint | undefined;
};

export const createTrials = (deadLetters: DeadLetters, group: string): Trials => {
  /** By partition; bounded by the batches in progress. */
  const partitions = new Map<string, Tried>();
  const triedOf = (at: TopicPartition): Tried => {
    const name = partitionName(at);
    const known = partitions.get(name) ?? {
      attempts: new Map(),
      failures: new Map(),
      parked: new Set(),
      heldBy: undefined,
    };
    partitions.set(name, known);
    return known;
  };
  return {
    park: async (at, record, error) => {
      const tried = triedOf(at);
      const { offset } = record;
      if (tried.parked.has(offset)) return true;
      tried.heldBy = offset;
      tried.failures.set(offset, (tried.failures.get(offset) ?? 0) + 1);
      if (isRetriable(error) || isBrokenInvariant(error)) return false;
      const attempts = (tried.attempts.get(offset) ?? 0) + 1;
      tried.attempts.set(offset, attempts);
      if (!(error instanceof PlatformError) && attempts < attemptsMax) return false;
      await deadLetters.park({ ...at, record, group, cause: error, attempts });
      tried.parked.add(offset);
      tried.heldBy = undefined;
      return true;
    },
    isParked: (at, record) => partitions.get(partitionName(at))?.parked.has(record.offset) === true,
    failuresOf: (at, record) => partitions.get(partitionName(at))?.failures.get(record.offset) ?? 0,
    heldBy: (at) => partitions.get(partitionName(at))?.heldBy,
    movedTo: (at, nextOffset) => {
      const tried = partitions.get(partitionName(at));
      if (tried === undefined) return;
      for (const counts of [tried.attempts, tried.failures])
        for (const offset of counts.keys()) if (offset < nextOffset) counts.delete(offset);
      for (const offset of tried.parked) if (offset < nextOffset) tried.parked.delete(offset);
      if (tried.heldBy !== undefined && tried.heldBy < nextOffset) tried.heldBy = undefined;
    },
  };
};
