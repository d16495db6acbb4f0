import type { KafkaSettings } from '#platform/messaging/kafka-settings';
import type { Logger } from '#platform/telemetry/logger';

export type BrokerOptions = Omit<KafkaSettings, 'client'> & {
  /** Named to the broker, for its own logs. */
  clientId: string;
  logger: Logger;
};

/** What both implementations take where `ConsumerOptions` leaves a setting out. */
export const consumerDefaults = {
  partitionsConcurrentlyMax: 1,
  fetchBytesPerPartitionMax: 1024 * 1024,
  fetchBytesMin: 1,
  fetchWaitMs: 100,
  // Room for a machine that crawls or a process that is stopped. It costs nothing when a process is killed: whoever
  // joins next in the same place dismisses its members. Only for a machine that is lost the group waits this long.
  sessionTimeoutMs: 10_000,
};

/** How long the group waits for a member to join again: a heartbeat, the batches in hand, and room for a stall. */
export const rebalanceTimeoutMs = 10_000;

/** A member learns by its heartbeats that the group rebalances. */
export const heartbeatMs = 2_000;

/** How long a member that joins again waits for the batches in hand to be committed. */
export const handOverMsMax = 3_600;

/** How long a consumer that leaves waits for the batches in hand. */
export const closeWaitMs = 10_000;

/** A send that takes longer has failed. */
export const sendTimeoutMs = 10_000;
