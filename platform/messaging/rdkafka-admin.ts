import type { BrokerAdmin, TopicSpec } from '#platform/messaging/broker';
import type { BrokerOptions } from '#platform/messaging/broker-options';
import { onceLed } from '#platform/messaging/leader-wait';
import {
  called,
  connectRdkafka,
  disconnectRdkafka,
  rdkafkaConfig,
  rdkafkaFault,
  requestTimeoutMs,
} from '#platform/messaging/rdkafka-connection';
import type {
  RdkafkaAdmin,
  RdkafkaAssignment,
  RdkafkaClient,
  RdkafkaError,
  RdkafkaMetadata,
  RdkafkaModule,
} from '#platform/messaging/rdkafka-module';
import { sleep } from '#platform/waiting/sleep';

const leadersMsMax = 15_000;
const leadersPollMs = 20;
const clustersDefault = -1;

export const openRdkafkaAdmin = async (
  rdkafka: RdkafkaModule,
  options: BrokerOptions,
): Promise<BrokerAdmin> => {
  const config = rdkafkaConfig(options);
  const client = new rdkafka.Producer(config, {});
  await connectRdkafka(client, 'connect', options);
  const admin = rdkafka.AdminClient.create(config);

  const create = async ({
    topic,
    partitions,
    replicas = clustersDefault,
    config: settings = {},
  }: TopicSpec) => {
    const spec = {
      topic,
      num_partitions: partitions,
      replication_factor: replicas,
      config: { ...settings },
    };
    await called((done) => admin.createTopic(spec, requestTimeoutMs, done)).catch((error: RdkafkaError) => {
      if (error.code !== rdkafka.CODES.ERRORS.ERR_TOPIC_ALREADY_EXISTS) throw error;
    });
    const deadlineMs = performance.now() + leadersMsMax;
    while ((await partitionsOf(client, topic)).length === 0) {
      if (performance.now() > deadlineMs) throw new Error(`no leader yet of ${topic}`);
      await sleep(leadersPollMs);
    }
  };

  return {
    createTopics: (specs) =>
      asFault('create topics', async () => {
        for (const spec of specs) await create(spec);
      }),
    offsets: (topic) =>
      asFault('offsets', async () =>
        Promise.all(
          (await partitionsOf(client, topic)).map(async (partition) => ({
            partition,
            ...(await watermarksOf(client, topic, partition)),
          })),
        ),
      ),
    offsetsSince: (topic, sinceMs) =>
      asFault('offsets since', async () =>
        Promise.all(
          (await partitionsOf(client, topic)).map(async (partition) => ({
            partition,
            offset: await offsetSince(client, { topic, partition, offset: sinceMs }),
          })),
        ),
      ),
    committedOffsets: (group, topic) =>
      asFault('committed offsets', async () => {
        const partitions = await partitionsOf(client, topic);
        return committedBy(rdkafka, options, group, topic, partitions);
      }),
    deleteTopics: (topics) =>
      asFault('delete topics', async () => {
        for (const topic of topics) await deleteTopic(admin, topic);
      }),
    close: async () => {
      admin.disconnect();
      await disconnectRdkafka(client);
    },
  };
};

/** `UNKNOWN_TOPIC_OR_PART`, as the broker answers it. */
const unknownTopic = 3;

const deleteTopic = async (admin: RdkafkaAdmin, topic: string): Promise<void> => {
  try {
    await called((done) => admin.deleteTopic(topic, requestTimeoutMs, done));
  } catch (error) {
    if ((error as { code?: number }).code !== unknownTopic) throw error;
  }
};

const asFault = async <T>(action: string, work: () => Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    throw rdkafkaFault(action, error);
  }
};

const partitionsOf = async (client: RdkafkaClient, topic: string): Promise<number[]> => {
  const { topics } = await called<RdkafkaMetadata>((done) =>
    client.getMetadata({ topic, timeout: requestTimeoutMs }, done),
  );
  return (topics.find(({ name }) => name === topic)?.partitions ?? [])
    .map(({ id }) => id)
    .sort((a, b) => a - b);
};

const watermarksOf = async (
  client: RdkafkaClient,
  topic: string,
  partition: number,
): Promise<{ low: bigint; high: bigint }> => {
  const { lowOffset, highOffset } = await onceLed(() =>
    called<{ lowOffset: number; highOffset: number }>((done) =>
      client.queryWatermarkOffsets(topic, partition, requestTimeoutMs, done),
    ),
  );
  return { low: BigInt(lowOffset), high: BigInt(highOffset) };
};

/** `at.offset` is a time, as librdkafka wants it; it answers a negative offset where no record is so late. */
const offsetSince = async (client: RdkafkaClient, at: RdkafkaAssignment): Promise<bigint> => {
  const [found] = await onceLed(() =>
    called<RdkafkaAssignment[]>((done) => client.offsetsForTimes([at], requestTimeoutMs, done)),
  );
  return found?.offset === undefined || found.offset < 0
    ? (await watermarksOf(client, at.topic, at.partition)).high
    : BigInt(found.offset);
};

/** Reads a group's committed offsets without joining the group. */
const committedBy = async (
  rdkafka: RdkafkaModule,
  options: BrokerOptions,
  group: string,
  topic: string,
  partitions: readonly number[],
): ReturnType<BrokerAdmin['committedOffsets']> => {
  const member = new rdkafka.KafkaConsumer({ ...rdkafkaConfig(options), 'group.id': group }, {});
  await connectRdkafka(member, 'connect', options);
  try {
    const found = await called<RdkafkaAssignment[]>((done) =>
      member.committed(
        partitions.map((partition) => ({ topic, partition })),
        requestTimeoutMs,
        done,
      ),
    );
    return found.map(({ partition, offset }) => ({
      partition,
      nextOffset: offset === undefined || offset < 0 ? null : BigInt(offset),
    }));
  } finally {
    await disconnectRdkafka(member);
  }
};
