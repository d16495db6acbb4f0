import type { Broker } from '#platform/messaging/broker';
import type { Logger } from '#platform/telemetry/logger';

export type BrokerOptions = {
  /** `host:port` of some of the cluster's brokers. */
  brokers: readonly string[];
  /** Told to the broker, for its own logs. */
  clientId: string;
  logger: Logger;
};

export const createKafkajsBroker = (_options: BrokerOptions): Broker => {
  throw new Error('not yet');
};
