import type { Broker } from '#platform/messaging/broker';
import type { BrokerOptions } from '#platform/messaging/broker-options';
import { openRdkafkaAdmin } from '#platform/messaging/rdkafka-admin';
import { createRdkafkaConsumer } from '#platform/messaging/rdkafka-consumer';
import type { RdkafkaModule } from '#platform/messaging/rdkafka-module';
import { createRdkafkaProducer } from '#platform/messaging/rdkafka-producer';

/**
 * Kafka through librdkafka. `rdkafka` is the module from `loadRdkafka`. Every producer, consumer and admin has a client
 * of its own.
 */
export const createRdkafkaBroker = (rdkafka: RdkafkaModule, options: BrokerOptions): Broker => ({
  producer: async () => createRdkafkaProducer(rdkafka, options),
  consumer: (wanted) => createRdkafkaConsumer(rdkafka, options, wanted),
  admin: () => openRdkafkaAdmin(rdkafka, options),
});
