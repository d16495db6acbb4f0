import { randomUUID } from 'node:crypto';
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Broker, BrokerAdmin } from '#platform/messaging/broker';
import { brokerContract } from '#platform/messaging/broker.contract';
import { createKafkajsBroker } from '#platform/messaging/kafkajs-broker';
import { batchBytesMax } from '#platform/messaging/kafkajs-codecs';
import { openConnection } from '#platform/messaging/kafkajs-connection';
import { PackCursor } from '#platform/messaging/record-pack';
import { createLogger } from '#platform/telemetry/logger';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { testLogger } from '#platform/testing/logged-errors';

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
