import { randomUUID } from 'node:crypto';
import kafkajs from 'kafkajs';
import { describe, expect, test } from 'vitest';
import type { Broker } from '#platform/messaging/broker';
import { brokerContract } from '#platform/messaging/broker.contract';
import { createKafkajsBroker } from '#platform/messaging/kafkajs-broker';
import { createRdkafkaBroker } from '#platform/messaging/rdkafka-broker';
import { buildRdkafka, loadRdkafka, type RdkafkaModule } from '#platform/messaging/rdkafka-build';
import { createLogger } from '#platform/telemetry/logger';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';

const logger = createLogger('test', { level: 'error' });

const available = async (): Promise<RdkafkaModule | string> => {
  try {
    await buildRdkafka((line) => process.stderr.write(`${line}\n`));
    return loadRdkafka() ?? 'node-rdkafka was built but is not there';
  } catch (error) {
    return (error as Error).message;
  }
};

const rdkafka = await available();

if (typeof rdkafka === 'string') {
  process.stderr.write(`node-rdkafka cannot be built here, its contract is not checked: ${rdkafka}\n`);
  test.skip('rdkafka keeps the broker contract (node-rdkafka cannot be built here)', () => {});
} else {
  const open = (brokers: string[]) => createRdkafkaBroker(rdkafka, { brokers, clientId: 'contract', logger });
  brokerContract('rdkafka', {
    open: async () => open(engines().kafkaBrokers),
    openNowhere: async () => open(['127.0.0.1:1']),
    kafkaBrokers: () => engines().kafkaBrokers,
  });
  clientsReadEachOther(rdkafka, open);
}

function clientsReadEachOther(native: RdkafkaModule, open: (brokers: string[]) => Broker): void {
  const rows = Array.from({ length: 50 }, (_, index) => `row ${index} ${'of the ledger '.repeat(20)}`);

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
      const brokers = engines().kafkaBrokers;
      const reader = createKafkajsBroker({ brokers, clientId: 'codecs', logger });
      const read = await readBack(reader, async (topic) => {
        const producer = new native.Producer(
          {
            'metadata.broker.list': brokers.join(),
            'compression.codec': codec,
            'linger.ms': 50,
            dr_cb: true,
          },
          {},
        );
        await new Promise((done) => producer.connect({}, done));
        for (const row of rows) producer.produce(topic, 0, Buffer.from(row), 'k', undefined, null);
        await new Promise<void>((done) => producer.flush(5_000, () => done()));
        await new Promise((done) => producer.disconnect(done));
      });
      expect(read).toEqual(rows);
    });

    test('librdkafka reads what kafkajs writes', async () => {
      const brokers = engines().kafkaBrokers;
      const read = await readBack(open(brokers), async (topic) => {
        const kafka = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING });
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
