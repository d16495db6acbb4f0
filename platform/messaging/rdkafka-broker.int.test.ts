import { randomUUID } from 'node:crypto';
import kafkajs from 'kafkajs';
import { describe, expect, test } from 'vitest';
import type { Broker } from '#platform/messaging/broker';
import { brokerContract } from '#platform/messaging/broker.contract';
import { createKafkajsBroker } from '#platform/messaging/kafkajs-broker';
import { openConnection } from '#platform/messaging/kafkajs-connection';
import { createRdkafkaBroker } from '#platform/messaging/rdkafka-broker';
import { called, disconnectRdkafka, rdkafkaConfig } from '#platform/messaging/rdkafka-connection';
import { loadRdkafka, type RdkafkaModule } from '#platform/messaging/rdkafka-module';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { testLogger } from '#platform/testing/logged-errors';

const who = { clientId: 'contract', logger: testLogger('contract') };
const rdkafka = loadRdkafka();

if (rdkafka === undefined) {
  test('rdkafka keeps the broker contract', ({ skip }) =>
    skip('node-rdkafka is not built here: npm run build:rdkafka'));
} else {
  brokerContract('rdkafka', {
    open: async () => createRdkafkaBroker(rdkafka, { ...engines().kafka, ...who }),
    openNowhere: async () => createRdkafkaBroker(rdkafka, { brokers: ['127.0.0.1:1'], ...who }),
  });
  clientsReadEachOther(rdkafka);
}

function clientsReadEachOther(native: RdkafkaModule): void {
  const rows = Array.from({ length: 50 }, (_, index) => `row ${index} ${'of the ledger '.repeat(20)}`);
  const options = () => ({ ...engines().kafka, ...who });

  const readBack = async (reader: Broker, write: (topic: string) => Promise<void>): Promise<string[]> => {
    const admin = await reader.admin();
    const topic = `codecs-${randomUUID()}`;
    await admin.createTopics([{ topic, partitions: 1 }]);
    await write(topic);
    const read: string[] = [];
    const consumer = reader.consumer({ group: `codecs.${randomUUID()}`, topics: [topic] });
    await consumer.run(async ({ records }) => {
      read.push(...records.map(({ value }) => String(value)));
    });
    await eventually(() => read.length >= rows.length);
    await consumer.close();
    await admin.deleteTopics([topic]);
    await admin.close();
    return read;
  };

  describe.each(['gzip', 'snappy', 'lz4'])('in %s', (codec) => {
    test('kafkajs reads what librdkafka writes', async () => {
      const read = await readBack(createKafkajsBroker(options()), async (topic) => {
        const producer = new native.Producer(
          { ...rdkafkaConfig(options()), 'compression.codec': codec, 'linger.ms': 50, dr_cb: true },
          {},
        );
        await called((done) => producer.connect({}, done));
        for (const row of rows) producer.produce(topic, 0, Buffer.from(row), 'k', undefined, null);
        await called<void>((done) => producer.flush(5_000, done));
        await disconnectRdkafka(producer);
      });
      expect(read).toEqual(rows);
    });

    test('librdkafka reads what kafkajs writes', async () => {
      const read = await readBack(createRdkafkaBroker(native, options()), async (topic) => {
        const { kafka } = openConnection(options(), {});
        const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
        await producer.connect();
        const types = {
          gzip: kafkajs.CompressionTypes.GZIP,
          snappy: kafkajs.CompressionTypes.Snappy,
          lz4: kafkajs.CompressionTypes.LZ4,
        };
        await producer.send({
          topic,
          compression: types[codec as keyof typeof types],
          messages: rows.map((value) => ({ key: 'k', value })),
        });
        await producer.disconnect();
      });
      expect(read).toEqual(rows);
    });
  });
}
