import { type ChildProcess, spawn } from 'node:child_process';
import { newId } from '#platform/ids';
import { avroType, createAvroDecoder, encode } from '#platform/messaging/avro-codec';
import type { Broker, BrokerAdmin } from '#platform/messaging/broker';
import { deadLetterTopic } from '#platform/messaging/dead-letter';
import { createSchemaRegistry } from '#platform/messaging/schema-registry';
import { createDatabase } from '#platform/postgres/pool';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { testHost } from '#platform/testing/test-host';
import { type EventMap, records } from '#schemas/events';
import { topics } from '#schemas/topics';
import { type Published, published } from '../topic-sink.js';
import type { ShopEvent } from './shop-events.js';

/** The topics that the jobs read. */
export const readTopics = [topics.shopperActivity, topics.sales, topics.orders, topics.inventory] as const;

const ofWritten = new Set<string>(published.map((type) => records[type].topic));
const all = [...readTopics, ...Object.values(topics).filter(({ topic }) => ofWritten.has(topic))];

/**
 * Creates the topics of the jobs and their dead-letter topics with a prefix, and returns their names. `partitions` are
 * as on the platform if unset.
 */
export const createJobTopics = async (
  admin: BrokerAdmin,
  prefix: string,
  partitions?: number,
): Promise<string[]> => {
  const wanted = all.flatMap((of) => [
    { topic: prefix + of.topic, partitions: partitions ?? of.partitions },
    { topic: deadLetterTopic(prefix + of.topic), partitions: 1 },
  ]);
  await admin.createTopics(wanted);
  return wanted.map(({ topic }) => topic);
};

export type JobPlace = {
  /** What comes before the names of its topics. */
  prefix: string;
  group: string;
  database: string;
  redisUrl: string;
};

/**
 * The jobs as a process of their own on the shared engines: `command` are Node's arguments. Its logs are on `stdout`,
 * which somebody has to read.
 */
export const startJobProcess = (
  { prefix, group, database, redisUrl }: JobPlace,
  command: readonly string[],
  settings: Readonly<Record<string, string>> = {},
): ChildProcess => {
  const { kafka, schemaRegistryUrl, databaseUrl } = engines();
  return spawn(process.execPath, command, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      KAFKA_BROKERS: kafka.brokers.join(','),
      SCHEMA_REGISTRY_URL: schemaRegistryUrl,
      DATABASE_URL: databaseUrl,
      REDIS_URL: redisUrl,
      WINDOWS_PORT: '0',
      WINDOWS_GROUP: group,
      WINDOWS_TOPIC_PREFIX: prefix,
      WINDOWS_DATABASE: database,
      ...settings,
    },
  });
};

export type WrittenRows = { [T in Published]: EventMap[T][] };

/** Every row of the written topics by its event id, so that what the relay sent twice counts once. */
export const readWritten = async (broker: Broker, prefix: string): Promise<WrittenRows> => {
  const registry = createSchemaRegistry(engines().schemaRegistryUrl);
  const typeOf = new Map(published.map((type) => [prefix + records[type].topic, type]));
  const rows = new Map(published.map((type) => [type, new Map<string, unknown>()]));
  const decoder = createAvroDecoder(
    registry,
    published.map((type) => records[type].schema),
  );
  const wanted = await endsOf(broker, [...typeOf.keys()]);
  let left = wanted;
  const consumer = broker.consumer({ group: `${prefix}${newId()}`, topics: [...typeOf.keys()] });
  await consumer.run(async (batch) => {
    for (const { value } of batch.records) {
      const row = (await decoder.decode(value as Buffer)).value as { event_id: string };
      rows.get(typeOf.get(batch.topic) as Published)?.set(row.event_id, row);
      left -= 1;
    }
  });
  await eventually(() => left <= 0, { timeoutMs: 60_000, message: () => `${left} of ${wanted} rows read` });
  await consumer.close();
  return Object.fromEntries([...rows].map(([type, some]) => [type, [...some.values()]])) as WrittenRows;
};

/** How many records were written to topics so far. */
export const endsOf = async (broker: Broker, names: readonly string[]): Promise<number> => {
  const admin = await broker.admin();
  try {
    const ends = await Promise.all(names.map((topic) => admin.offsets(topic)));
    return ends.flat().reduce((sum, { high }) => sum + Number(high), 0);
  } finally {
    await admin.close();
  }
};

/** Sends shop events to the topics with the prefix, in their order. */
export const createShopProducer = async (broker: Broker, prefix: string) => {
  const registry = createSchemaRegistry(engines().schemaRegistryUrl);
  const ids = new Map<string, number>();
  for (const { subject, schema } of Object.values(records))
    ids.set(subject, await registry.register(subject, schema));
  const producer = await broker.producer();
  return {
    send: async (events: readonly ShopEvent[], partition?: number): Promise<void> => {
      for (let start = 0; start < events.length; start += 2_000)
        await producer.send(
          events.slice(start, start + 2_000).map(({ type, key, value, eventId, atMs }) => {
            const { topic, subject, schema } = records[type];
            return {
              topic: prefix + topic,
              key,
              value: encode(ids.get(subject) as number, avroType(schema), value),
              headers: { 'event-id': eventId, 'occurred-at': String(atMs) },
              ...(partition === undefined ? {} : { partition }),
            };
          }),
        );
    },
    close: producer.close,
  };
};

/** A name for the database of a group's windows. */
export const databaseOf = (group: string): string => group.replaceAll(/[^a-z0-9]/g, '_');

export const dropJobDatabase = async (database: string): Promise<void> => {
  const server = createDatabase(testHost(), { url: engines().databaseUrl });
  await server.query(`DROP DATABASE IF EXISTS cartstream_${database} WITH (FORCE)`);
  await server.stop();
};
