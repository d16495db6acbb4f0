import type { Broker } from '#platform/messaging/broker';
import { createKafkajsBroker } from '#platform/messaging/kafkajs-broker';
import type { Host } from '#platform/service-host';

/**
 * The broker a service uses, with its traffic counted. Neither this nor `producer()` needs Kafka to be up;
 * `send` and `run` do.
 */
export const connectBroker = (
  host: Pick<Host, 'service' | 'logger' | 'metrics'>,
  kafkaBrokers: readonly string[],
): Broker => createKafkajsBroker({ brokers: kafkaBrokers, clientId: host.service, logger: host.logger });
