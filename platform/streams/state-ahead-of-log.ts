import { PlatformError } from '#platform/errors';
import type { TopicPartition } from '#platform/messaging/broker';
import { partitionName } from '#platform/messaging/partition-name';

const cause = 'the topic was made anew or cut off';

/**
 * The fault of a log that is shorter than what was read of it: what is appended now would be taken for what is known.
 * `state` is in words what has taken `nextOffset` records.
 */
export const stateAheadOfLog = (
  state: string,
  at: TopicPartition,
  { nextOffset, high }: { nextOffset: bigint | number; high: bigint },
  { retriable }: { retriable: boolean },
): PlatformError =>
  new PlatformError(
    'state_ahead_of_log',
    `${state} took ${nextOffset} records of ${partitionName(at)}, which has ${high}: ${cause} (see docs/run-book.md)`,
    { retriable },
  );
