import type { KafkaSettings } from '#platform/messaging/kafka-settings';
import type { Logger } from '#platform/telemetry/logger';

export type BrokerOptions = Omit<KafkaSettings, 'client'> & {
  /** Sent to the broker, for its own logs. */
  clientId: string;
  logger: Logger;
};

/** The defaults of both implementations for settings that `ConsumerOptions` leaves out. */
export const consumerDefaults = {
  partitionsConcurrentlyMax: 1,
  fetchBytesPerPartitionMax: 1024 * 1024,
  fetchBytesMin: 1,
  // A fetch is answered as soon as there is a record; a long wait only makes a consumer ask less often. A partition that
  // is read again after a pause waits for the running fetch, so it is not longer.
  fetchWaitMs: 1_000,
  fetchSpacingMs: 0,
  // A process that is killed is given the records of so long again.
  lateCommitMs: 2_000,
  // Long enough for a slow machine or a process that is stopped for some seconds. After a process was killed the members
  // in the same place, and the next one there, remove its members: only after the loss of a machine the group waits this long.
  sessionTimeoutMs: 10_000,
};

/**
 * How long the group waits for a member to join again: a heartbeat, the batches in progress, and some time for a stall.
 */
export const rebalanceTimeoutMs = 10_000;

/**
 * A fetch of an idle kafkajs consumer waits so long instead of `fetchWaitMs`. Most of what an idle platform costs are these
 * requests. kafkajs sends its heartbeat between two fetches, so its session lasts four of them.
 */
export const idleFetchWaitMs = 5_000;

/** Of kafkajs's members, unless the consumer wants another. */
export const kafkajsSessionTimeoutMs = 4 * idleFetchWaitMs;

/** The answer to a heartbeat is how a member finds out that the group rebalances. */
export const heartbeatMs = 2_000;

/** How long a member that joins again waits for the batches in progress to be committed. */
export const handOverMsMax = 3_600;

/**
 * How long a consumer that closes waits for the batches in progress. Their handlers see at once that they are to stop. It is well
 * below what a process has to stop (8 s), so that the consumer leaves its group and what is behind it is stopped too.
 */
export const closeWaitMs = 4_000;

/** A send that takes longer has failed. */
export const sendTimeoutMs = 10_000;
