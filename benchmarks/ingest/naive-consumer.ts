/**
 * What most people would write: kafkajs, decode each message with the schema registry's client, insert the objects
 * as JSONEachRow, commit. At least once.
 */
import { createClient } from '@clickhouse/client';
import { SchemaRegistry } from '@kafkajs/confluent-schema-registry';
import kafkajs from 'kafkajs';
import '#platform/messaging/kafkajs-connection';

const {
  NAIVE_KAFKA = '',
  NAIVE_REGISTRY = '',
  NAIVE_CLICKHOUSE = '',
  NAIVE_TOPIC = '',
  NAIVE_GROUP = '',
} = process.env;
const registry = new SchemaRegistry({ host: NAIVE_REGISTRY });
const clickhouse = createClient({
  url: NAIVE_CLICKHOUSE,
  clickhouse_settings: { async_insert: 0 },
  log: { level: 127 },
});
const kafka = new kafkajs.Kafka({ brokers: NAIVE_KAFKA.split(','), logLevel: kafkajs.logLevel.ERROR });
const consumer = kafka.consumer({ groupId: NAIVE_GROUP, maxBytesPerPartition: 4 * 1024 * 1024 });

await consumer.connect();
await consumer.subscribe({ topics: [NAIVE_TOPIC], fromBeginning: true });
await consumer.run({
  partitionsConsumedConcurrently: 3,
  eachBatch: async ({ batch, heartbeat }) => {
    const rows: object[] = [];
    for (const { value, offset } of batch.messages) {
      const event = (await registry.decode(value as Buffer)) as { occurred_at: number };
      rows.push({
        ...event,
        occurred_at: new Date(event.occurred_at).toISOString().replace('T', ' ').replace('Z', ''),
        kafka_partition: batch.partition,
        kafka_offset: offset,
      });
    }
    await clickhouse.insert({ table: 'shopper_activity', values: rows, format: 'JSONEachRow' });
    await heartbeat();
  },
});
