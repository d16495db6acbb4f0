import type { Admin } from 'kafkajs';
import type { Broker, BrokerAdmin, TopicSpec } from '#platform/messaging/broker';
import type { BrokerOptions } from '#platform/messaging/broker-options';
import { brokerFault, openConnection } from '#platform/messaging/kafkajs-connection';
import { createKafkajsConsumer } from '#platform/messaging/kafkajs-consumer';
import { createKafkajsProducer } from '#platform/messaging/kafkajs-producer';
import { onceLed } from '#platform/messaging/leader-wait';
import { createAdmission } from '#platform/waiting/admission';
import { sleep } from '#platform/waiting/sleep';

const leadersMsMax = 15_000;
const leadersPollMs = 50;
const clustersDefault = -1;

/** Kafka by kafkajs. Every producer, consumer and admin has connections of its own. */
export const createKafkajsBroker = (options: BrokerOptions): Broker => ({
  producer: async () => createKafkajsProducer(options),
  consumer: (wanted) => createKafkajsConsumer(options, wanted),
  admin: () => openAdmin(options),
});

const openAdmin = async (options: BrokerOptions): Promise<BrokerAdmin> => {
  const connection = openConnection(options, { initialRetryTime: 100, retries: 5, maxRetryTime: 1_000 });
  let admin = connection.kafka.admin();
  // kafkajs's admin keeps the topics of the current call in one shared list, which a concurrent call would change.
  const oneByOne = createAdmission(1);
  const attempt = async <T>(action: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await oneByOne.run(work);
    } catch (error) {
      if (isTopicGone(error)) await oneByOne.run(renew).catch(() => {});
      throw brokerFault(action, error);
    }
  };
  /** kafkajs's admin asks for every topic it has used, and fails at each call from when one of them is deleted. */
  const renew = async (): Promise<void> => {
    const spent = admin;
    admin = connection.kafka.admin();
    await Promise.all([spent.disconnect(), admin.connect()]);
  };
  await attempt('connect', () => admin.connect());

  return {
    createTopics: (specs) => attempt('create topics', () => createMissing(admin, specs)),
    offsets: (topic) =>
      attempt('offsets', async () =>
        (await onceLed(() => admin.fetchTopicOffsets(topic))).map(({ partition, low, high }) => ({
          partition,
          low: BigInt(low),
          high: BigInt(high),
        })),
      ),
    offsetsSince: (topic, sinceMs) =>
      attempt('offsets since', async () =>
        (await onceLed(() => admin.fetchTopicOffsetsByTimestamp(topic, sinceMs))).map(
          ({ partition, offset }) => ({ partition, offset: BigInt(offset) }),
        ),
      ),
    committedOffsets: (group, topic) =>
      attempt('committed offsets', async () => {
        const [found] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
        return (found?.partitions ?? []).map(({ partition, offset }) => ({
          partition,
          nextOffset: BigInt(offset) < 0n ? null : BigInt(offset),
        }));
      }),
    deleteTopics: (topics) => attempt('delete topics', () => deleteAll(admin, topics)),
    close: () => admin.disconnect(),
  };
};

/** Also where kafkajs has wrapped the broker's answer after its last try. */
const isTopicGone = (error: unknown): boolean => {
  const { type, cause } = error as { type?: string; cause?: unknown };
  return type === 'UNKNOWN_TOPIC_OR_PARTITION' || (cause instanceof Error && isTopicGone(cause));
};

const createMissing = async (admin: Admin, specs: readonly TopicSpec[]): Promise<void> => {
  const existing = new Set(await admin.listTopics());
  const missing = specs.filter(({ topic }) => !existing.has(topic));
  if (missing.length === 0) return;
  await admin.createTopics({
    waitForLeaders: false,
    topics: missing.map(({ topic, partitions, replicas, config }) => ({
      topic,
      numPartitions: partitions,
      replicationFactor: replicas ?? clustersDefault,
      configEntries: Object.entries(config ?? {}).map(([name, value]) => ({ name, value })),
    })),
  });
  await leadersOf(admin, missing);
};

const deleteAll = async (admin: Admin, topics: readonly string[]): Promise<void> => {
  try {
    await admin.deleteTopics({ topics: [...topics] });
  } catch (error) {
    // A busy broker answers kafkajs's next try, after it has deleted them at the first.
    if (!isTopicGone(error)) throw error;
    const left = new Set(await admin.listTopics());
    const rest = topics.filter((topic) => left.has(topic));
    if (rest.length > 0) await admin.deleteTopics({ topics: rest });
  }
};

/** kafkajs's own wait gives up where a busy broker has accepted the topic but does not list it yet. */
const leadersOf = async (admin: Admin, specs: readonly TopicSpec[]): Promise<void> => {
  const topics = specs.map(({ topic }) => topic);
  const deadlineMs = performance.now() + leadersMsMax;
  for (;;) {
    try {
      const { topics: found } = await admin.fetchTopicMetadata({ topics });
      const led = new Map(
        found.map(({ name, partitions }) => [name, partitions.filter(({ leader }) => leader >= 0).length]),
      );
      if (specs.every(({ topic, partitions }) => (led.get(topic) ?? 0) >= partitions)) return;
    } catch (error) {
      if (performance.now() > deadlineMs) throw error;
    }
    await sleep(leadersPollMs);
    if (performance.now() > deadlineMs) throw new Error(`no leader yet of ${topics.join(', ')}`);
  }
};
