import type { Broker, BrokerAdmin } from '#platform/messaging/broker';
import type { BrokerOptions } from '#platform/messaging/broker-options';
import { brokerFault, openConnection } from '#platform/messaging/kafkajs-connection';
import { createKafkajsConsumer } from '#platform/messaging/kafkajs-consumer';
import { createKafkajsProducer } from '#platform/messaging/kafkajs-producer';

/** Kafka by kafkajs. Every producer, consumer and admin has connections of its own. */
export const createKafkajsBroker = (options: BrokerOptions): Broker => ({
  producer: async () => createKafkajsProducer(options),
  consumer: (wanted) => createKafkajsConsumer(options, wanted),
  admin: () => openAdmin(options),
});

const openAdmin = async (options: BrokerOptions): Promise<BrokerAdmin> => {
  const connection = openConnection(options, { initialRetryTime: 100, retries: 5, maxRetryTime: 1_000 });
  const admin = connection.kafka.admin();
  const attempt = async <T>(action: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw brokerFault(action, error);
    }
  };
  await attempt('connect', () => admin.connect());

  return {
    createTopics: (specs) =>
      attempt('create topics', async () => {
        const existing = new Set(await admin.listTopics());
        const missing = specs.filter(({ topic }) => !existing.has(topic));
        if (missing.length === 0) return;
        await admin.createTopics({
          waitForLeaders: true,
          topics: missing.map(({ topic, partitions, replicas, config }) => ({
            topic,
            numPartitions: partitions,
            replicationFactor: replicas ?? 1,
            configEntries: Object.entries(config ?? {}).map(([name, value]) => ({ name, value })),
          })),
        });
      }),
    offsets: (topic) =>
      attempt('offsets', async () =>
        (await admin.fetchTopicOffsets(topic)).map(({ partition, low, high }) => ({
          partition,
          low: BigInt(low),
          high: BigInt(high),
        })),
      ),
    committedOffsets: (group, topic) =>
      attempt('committed offsets', async () => {
        const [found] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
        return (found?.partitions ?? []).map(({ partition, offset }) => ({
          partition,
          nextOffset: BigInt(offset) < 0n ? null : BigInt(offset),
        }));
      }),
    deleteTopics: (topics) => attempt('delete topics', () => admin.deleteTopics({ topics: [...topics] })),
    close: () => admin.disconnect(),
  };
};
