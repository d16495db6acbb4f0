import { PlatformError } from '#platform/errors';
import type { Broker } from '#platform/messaging/broker';
import type { BrokerOptions } from '#platform/messaging/broker-options';
import type { KafkaSettings } from '#platform/messaging/kafka-settings';
import { createKafkajsBroker } from '#platform/messaging/kafkajs-broker';
import { createRdkafkaBroker } from '#platform/messaging/rdkafka-broker';
import { loadRdkafka, type RdkafkaModule } from '#platform/messaging/rdkafka-module';

/**
 * Kafka through the client that the settings choose. Opens no connection yet. Throws `configuration_invalid` where the
 * settings choose node-rdkafka and it has not been built.
 */
export const openBroker = (
  { client, ...where }: KafkaSettings,
  who: Pick<BrokerOptions, 'clientId' | 'logger'>,
): Broker =>
  client === 'kafkajs'
    ? createKafkajsBroker({ ...where, ...who })
    : createRdkafkaBroker(builtRdkafka(), { ...where, ...who });

const builtRdkafka = (): RdkafkaModule => {
  const rdkafka = loadRdkafka();
  if (rdkafka !== undefined) return rdkafka;
  throw new PlatformError(
    'configuration_invalid',
    'KAFKA_CLIENT=rdkafka: node-rdkafka is not built on this machine; `npm run build:rdkafka` builds it',
    { retriable: false },
  );
};
