import { randomUUID } from 'node:crypto';
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Broker, BrokerAdmin } from '#platform/messaging/broker';
import { brokerContract } from '#platform/messaging/broker.contract';
import { connectBroker } from '#platform/messaging/connect-broker';
import { createKafkajsBroker } from '#platform/messaging/kafkajs-broker';
import { batchBytesMax } from '#platform/messaging/kafkajs-codecs';
import { openConnection } from '#platform/messaging/kafkajs-connection';
import { PackCursor } from '#platform/messaging/record-pack';
import { createLogger } from '#platform/telemetry/logger';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { testLogger } from '#platform/testing/logged-errors';
import { testHost } from '#platform/testing/test-host';

const who = { clientId: 'contract', logger: testLogger('contract') };
const quiet = { clientId: 'contract', logger: createLogger('test', { level: 'silent' }) };

brokerContract('kafkajs', {
  open: async () => createKafkajsBroker({ ...engines().kafka, ...who }),
  openNowhere: async () => createKafkajsBroker({ brokers: ['127.0.0.1:1'], ...who }),
});

const { CompressionCodecs, CompressionTypes } = kafkajs;

/** A zstd frame of blocks that are not compressed, which is as good a frame as any. */
const frameOf = (data: Buffer): Buffer => {
  const parts: Buffer[] = [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58])];
  const blockBytesMax = 100_000;
  for (let at = 0; at === 0 || at < data.length; at += blockBytesMax) {
    const block = data.subarray(at, at + blockBytesMax);
    const header = Buffer.alloc(3);
    header.writeUIntLE((block.length << 3) | (at + blockBytesMax >= data.length ? 1 : 0), 0, 3);
    parts.push(header, block);
  }
  return Buffer.concat(parts);
};

describe.each([false, true])('a consumer of kafkajs, packed: %s', (packed) => {
  let broker: Broker;
  let admin: BrokerAdmin;
  const topics: string[] = [];
  beforeAll(async () => {
    broker = createKafkajsBroker({ ...engines().kafka, ...quiet });
    admin = await broker.admin();
    CompressionCodecs[CompressionTypes.ZSTD] = () => ({
      compress: async ({ buffer }: { buffer: Buffer }) => frameOf(buffer),
    });
  });
  afterAll(async () => {
    await admin.deleteTopics(topics);
    await admin.close();
  });

  const newTopic = async (partitions: number): Promise<string> => {
    const topic = `kafkajs-${randomUUID()}`;
    await admin.createTopics([{ topic, partitions }]);
    topics.push(topic);
    return topic;
  };
  const write = async (
    topic: string,
    partition: number,
    compression: number,
    values: (string | Buffer)[],
  ) => {
    const producer = openConnection({ ...engines().kafka, ...quiet }, {}).kafka.producer();
    await producer.connect();
    const messages = values.map((value) => ({ key: 'k', value, partition }));
    await producer.send({ topic, compression, messages });
    await producer.disconnect();
  };
  const consume = async (topic: string) => {
    const read: string[] = [];
    const consumer = broker.consumer({ group: `kafkajs.${randomUUID()}`, topics: [topic], packed });
    await consumer.run(async ({ partition, records }) => {
      for (const record of records) {
        if (record.pack === undefined) read.push(`${partition} ${record.value}`);
        else
          for (const cursor = new PackCursor(record.pack); cursor.next(); )
            read.push(`${partition} ${cursor.record().value}`);
      }
    });
    return { read, consumer };
  };

  test('reads batches of every codec of Kafka', async () => {
    const topic = await newTopic(1);
    const { None, GZIP, Snappy, LZ4, ZSTD } = CompressionTypes;
    for (const codec of [None, GZIP, Snappy, LZ4, ZSTD])
      await write(topic, 0, codec, [`${codec} a`, `${codec} ${'b'.repeat(250_000)}`]);
    const { read, consumer } = await consume(topic);
    await eventually(() => read.length === 10);
    expect(read.filter((_, at) => at % 2 === 0)).toEqual([0, 1, 2, 3, 4].map((codec) => `0 ${codec} a`));
    expect(read.every((text, at) => at % 2 === 0 || text.length === 4 + 250_000)).toBe(true);
    await eventually(() => consumer.progress().partitions[0]?.nextOffset === 10n);
    await consumer.close();
  });

  test('holds and reports the partition whose batch cannot be read, and goes on with the others', async () => {
    const topic = await newTopic(2);
    await write(topic, 0, CompressionTypes.None, ['before']);
    await write(topic, 0, CompressionTypes.GZIP, [Buffer.alloc(batchBytesMax + 1)]);
    await write(topic, 0, CompressionTypes.None, ['behind']);
    await write(topic, 1, CompressionTypes.None, ['beside']);
    const { read, consumer } = await consume(topic);
    await eventually(() => read.length === 2);
    expect(read.sort()).toEqual(['0 before', '1 beside']);
    const held = () => consumer.progress().partitions.find(({ partition }) => partition === 0);
    await eventually(() => (held()?.failures ?? 0) > 0);
    expect(held()).toMatchObject({ nextOffset: 1n, highWatermark: 3n });
    expect(held()?.cause).toContain('the batch at offset 1 cannot be read');
    await write(topic, 1, CompressionTypes.None, ['beside, later']);
    await eventually(() => read.length === 3, { timeoutMs: 5_000 });
    expect(read).not.toContain('0 behind');
    expect(consumer.progress().restarts).toBe(0);
    await consumer.close();
  });
});

test('a consumer that closes before its assignment has begun does not wait as long as a fetch may', async () => {
  const broker = createKafkajsBroker({ ...engines().kafka, ...quiet });
  const admin = await broker.admin();
  const topic = `closes-${randomUUID()}`;
  await admin.createTopics([{ topic, partitions: 2 }]);
  const { promise: untilClosed, resolve } = Promise.withResolvers<null>();
  const consumer = broker.consumer({
    group: `closes.${randomUUID()}`,
    topics: [topic],
    fetchWaitMs: 10_000,
    startFrom: () => untilClosed,
  });
  await consumer.run(async () => {});
  const startedAtMs = performance.now();
  await consumer.close();
  expect(performance.now() - startedAtMs).toBeLessThan(2_000);
  resolve(null);
  await admin.deleteTopics([topic]);
  await admin.close();
});

describe('records that Kafka deleted before they were read', () => {
  const broker = createKafkajsBroker({ ...engines().kafka, ...quiet });
  const connection = openConnection({ ...engines().kafka, ...quiet }, {});
  const retention = connection.kafka.admin();
  const topics: string[] = [];
  let admin: BrokerAdmin;
  beforeAll(async () => {
    await retention.connect();
    admin = await broker.admin();
  });
  afterAll(async () => {
    await admin.deleteTopics(topics);
    await Promise.all([admin.close(), retention.disconnect()]);
  });

  const newTopic = async (): Promise<string> => {
    const topic = `lost-${randomUUID()}`;
    await admin.createTopics([{ topic, partitions: 1 }]);
    topics.push(topic);
    return topic;
  };
  const send = async (topic: string, count: number, bytes = 1): Promise<void> => {
    const producer = await broker.producer();
    for (let nth = 0; nth < count; nth += 1)
      await producer.send([{ topic, key: 'k', value: Buffer.alloc(bytes) }]);
    await producer.close();
  };
  const deleteBefore = async (topic: string, offset: number): Promise<void> => {
    // kafkajs finds the partition's leader only in metadata that was requested before.
    await retention.fetchTopicOffsets(topic);
    await retention.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(offset) }] });
  };

  test('are counted by the group that had come to them, and not those that it wants again, or a new group', async () => {
    const topic = await newTopic();
    await send(topic, 10);
    await deleteBefore(topic, 7);
    const asked: bigint[] = [];
    const startAt =
      (nextOffset: bigint | null) =>
      async (_at: object, { low }: { low: bigint }) => {
        asked.push(low);
        return nextOffset;
      };
    const lostFrom = async (nextOffset: bigint | null) => {
      const read: bigint[] = [];
      const group = `lost.${randomUUID()}`;
      const consumer = broker.consumer({ group, topics: [topic], startFrom: startAt(nextOffset) });
      await consumer.run(async ({ records }) => void read.push(...records.map(({ offset }) => offset)));
      await eventually(() => read.length >= 3);
      const { lost } = consumer.progress();
      await consumer.close();
      expect(read).toEqual([7n, 8n, 9n]);
      return lost;
    };
    expect(await lostFrom(3n)).toEqual([{ topic, partition: 0, records: 4n }]);
    expect(await lostFrom(7n)).toEqual([]);
    expect(await lostFrom(null)).toEqual([]);
    expect(asked).toEqual([7n, 7n, 7n]);
  });

  test('are counted from what the group has committed', async () => {
    const topic = await newTopic();
    const group = `lost.${randomUUID()}`;
    await send(topic, 2);
    const first = broker.consumer({ group, topics: [topic] });
    await first.run(async ({ records }, control) => control.commit((records.at(-1)?.offset ?? -1n) + 1n));
    await eventually(async () => (await admin.committedOffsets(group, topic))[0]?.nextOffset === 2n);
    await first.close();
    await send(topic, 5);
    await deleteBefore(topic, 6);
    const host = testHost('lost', { logLevel: 'fatal' });
    const second = connectBroker(host, engines().kafka).consumer({ group, topics: [topic] });
    await second.run(async () => {});
    await eventually(() => second.progress().partitions[0]?.nextOffset === 7n);
    expect(second.progress().lost).toEqual([{ topic, partition: 0, records: 4n }]);
    // Each time that it is asked.
    for (const _ of [1, 2])
      expect(await host.metrics.render()).toMatch(
        new RegExp(
          `^kafka_consumer_records_lost_total\\{topic="${topic}",partition="0",group="${group}"\\} 4$`,
          'm',
        ),
      );
    await second.close();
  });

  test('are counted too while a record before them holds the partition', async () => {
    const topic = await newTopic();
    const bytes = 2_000;
    await send(topic, 1, bytes);
    const held = Promise.withResolvers<void>();
    const read: bigint[] = [];
    const consumer = broker.consumer({
      group: `lost.${randomUUID()}`,
      topics: [topic],
      fetchBytesPerPartitionMax: bytes,
    });
    await consumer.run(async ({ records }) => {
      read.push(...records.map(({ offset }) => offset));
      await held.promise;
    });
    await eventually(() => read.length === 1);
    await send(topic, 20, bytes);
    // What waits in memory is not lost.
    await deleteBefore(topic, 20);
    const lost = () => consumer.progress().lost[0]?.records ?? 0n;
    await eventually(() => lost() > 0n, { timeoutMs: 15_000 });
    const told = lost();
    held.resolve();
    await eventually(() => read.at(-1) === 20n, { timeoutMs: 15_000 });
    expect(BigInt(read.length) + lost()).toBe(21n);
    expect(lost()).toBe(told);
    await consumer.close();
  });
});
