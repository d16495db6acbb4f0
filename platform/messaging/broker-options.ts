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
  sessionTimeoutMs: 6_000,
};

/** How long a consumer that leaves waits for the batches in hand. */
export const closeWaitMs = 10_000;

/** A send that takes longer has failed. */
export const sendTimeoutMs = 10_000;
