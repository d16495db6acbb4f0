import { randomUUID } from 'node:crypto';
import kafkajs from 'kafkajs';
import type { ClickHouse, Insert } from '#platform/clickhouse/client';
import { systemClock } from '#platform/clock';
import { PlatformError } from '#platform/errors';
import { newId } from '#platform/ids';
import { avroType, encode } from '#platform/messaging/avro-codec';
import type { Broker, IncomingRecord, OutgoingRecord } from '#platform/messaging/broker';
import { connectBroker } from '#platform/messaging/connect-broker';
import { createDeadLetters, deadLetterTopic } from '#platform/messaging/dead-letter';
import { openConnection } from '#platform/messaging/kafkajs-connection';
import { createProgressWatch } from '#platform/messaging/progress-watch';
import { createSchemaRegistry, type SchemaRegistry } from '#platform/messaging/schema-registry';
import type { RunnableHost } from '#platform/service-host';
import { engines } from '#platform/testing/engines';
import { scratchClickHouse } from '#platform/testing/scratch-clickhouse';
import { testHost } from '#platform/testing/test-host';
import { endsWithin } from '#platform/waiting/deadline';
import { records, type Sale, type ShopperActivity } from '#schemas/events';
import { activityOf } from '#schemas/shopper-activity/testing/activity';
import { topics } from '#schemas/topics';
import { type BackfillOptions, backfill } from '../backfill/backfill.js';
import { nextDatabaseOf } from '../backfill/next-tables.js';
import { createBlockClaims } from '../block-claims.js';
import { type Feed, feeds } from '../feeds.js';
import { createIngest } from '../ingest.js';
import { ingestTelemetry } from '../ingest-telemetry.js';
import { createStoredRows } from '../stored-rows.js';

/** Answers like a registry node that lags behind another one. */
const lagging = (
  registry: Pick<SchemaRegistry, 'schemaById'>,
  { id, record, afterIds }: { id: number; record: { schema: object }; afterIds: number },
): Pick<SchemaRegistry, 'schemaById'> => {
  const asked = new Set<number>();
  return {
    schemaById: async (wanted) => {
      const isLearned = asked.size >= afterIds;
      asked.add(wanted);
      if (wanted !== id) return registry.schemaById(wanted);
      if (isLearned) return record.schema;
      throw new PlatformError('schema_unknown', `no schema ${id} yet`, { retriable: true });
    },
  };
};

type StartOptions = {
  /** 2 MB if unset. */
  gatheredBytesMax?: number;
  /** `shopper_activity`, `sales` and `products` if unset. */
  tables?: readonly string[];
  owner?: string;
  gateClosedMsMax?: number;
  /** In place of ClickHouse's own insert. */
  insertBlock?: (block: Insert, insert: ClickHouse['insert']) => Promise<void>;
  onFatal?: (error: unknown) => void;
  /** A schema that the registry has under this id only after lookups of this many ids. */
  learnLater?: { id: number; record: { schema: object }; afterIds: number };
  /** True to behave as if ClickHouse had been started a moment ago. */
  afterRestart?: boolean;
};

export type RigTopic = 'shopperActivity' | 'sales' | 'products' | 'orders';

/** The shared parts of a rig. */
type Parts = {
  topic: Readonly<Record<RigTopic, string>>;
  /** Those that exist. */
  created: readonly RigTopic[];
  group: string;
  clickhouse: ClickHouse;
  clickhouseUrl: string;
  host: RunnableHost;
  broker: Broker;
  registry: SchemaRegistry;
};

/** Topics, a database and schemas of its own on the shared engines, and ingests to run on them. */
export type IngestRig = Awaited<ReturnType<typeof openIngestRig>>;

/** Creating and deleting topics takes a good part of a test's time: `created` says which ones it needs. */
export const openIngestRig = async (
  created: readonly RigTopic[] = ['shopperActivity', 'sales', 'products'],
) => {
  const urls = engines();
  const suffix = randomUUID().slice(0, 8);
  const topic = {
    shopperActivity: `ingest-test-activity-${suffix}`,
    sales: `ingest-test-sales-${suffix}`,
    products: `ingest-test-products-${suffix}`,
    orders: `ingest-test-orders-${suffix}`,
  };
  const group = `ingest-test-${suffix}`;
  const { clickhouse, url, drop } = await scratchClickHouse();
  // Every parked record is an error in the log, and here they are parked by the thousand.
  const host = testHost('clickhouse-ingest', { logLevel: 'fatal' });
  const broker = connectBroker(host, urls.kafka);
  const admin = await broker.admin();
  await admin.createTopics(
    created.flatMap((name) => [
      { topic: topic[name], partitions: 2 },
      { topic: deadLetterTopic(topic[name]), partitions: 1 },
    ]),
  );
  const producer = await broker.producer();
  const registry = createSchemaRegistry(urls.schemaRegistryUrl, { unknownHeldMs: 300 });
  const parts: Parts = { topic, created, group, clickhouse, clickhouseUrl: url, host, broker, registry };
  const closing: (() => Promise<void>)[] = [];

  return {
    topic,
    group,
    clickhouse,
    host,
    admin,
    producer,
    registry,
    to: recordsOf,
    ...(await openWriters(parts)),
    start: (options: StartOptions = {}) => startIngest(parts, options),
    backfill: (options: Partial<BackfillOptions> & Pick<BackfillOptions, 'request'>) =>
      backfill({
        again: false,
        feeds: feedsOf(parts, [options.request.table]),
        logger: host.logger,
        onProgress: () => {},
        ...parts,
        ...options,
      }),
    deadLetters: (name: string, count: number) => readDeadLetters(parts, name, count),
    transactionalProducer: () => openTransactionalProducer(parts, closing),
    deleteBefore: (name: string, offset: number) => deleteBefore(parts, name, offset),
    /** Gives a topic so many partitions in all. */
    raisePartitions: (topic: string, count: number) =>
      administer(parts, 'operator', (operator) =>
        operator.createPartitions({ topicPartitions: [{ topic, count }] }),
      ),
    /** The next offset to be written to partition 0. */
    endOf: async (name: string): Promise<bigint> => {
      const partitions = await admin.offsets(name);
      return partitions.find(({ partition }) => partition === 0)?.high ?? 0n;
    },
    send: (name: string, values: readonly (Buffer | null)[], partition?: number) =>
      producer.send(recordsOf(name, values, partition)),
    count: async (table: string): Promise<number> =>
      (await clickhouse.query<{ n: number }>(`SELECT count() AS n FROM ${table}`))[0]?.n ?? 0,
    close: async () => {
      await Promise.all(closing.map((each) => each()));
      await producer.close();
      for (const table of ['sales', 'shopper_activity'])
        await clickhouse.command(
          `DROP DATABASE IF EXISTS ${nextDatabaseOf(clickhouse.database, table)} SYNC`,
        );
      await admin.deleteTopics(created.flatMap((name) => [topic[name], deadLetterTopic(topic[name])]));
      await admin.close();
      await drop();
    },
  };
};

/** What every `rig.product` says, where a test says nothing else. */
export const lamp = {
  productId: 'p',
  version: 1,
  name: 'Lamp',
  description: '',
  category: 'home',
  priceMinor: 100,
  currency: 'EUR',
  brand: null,
  tags: ['x', 'y'],
  groupId: null,
  active: true,
  initialStock: 3,
  createdAt: 1,
  occurredAt: 1,
};

/** Registers the schemas of the rig's topics and writes records with them. */
const openWriters = async ({ topic, registry }: Pick<Parts, 'topic' | 'registry'>) => {
  const writerOf = async (name: string, { schema }: { schema: object }) => ({
    schemaId: await registry.register(`${name}-value`, schema),
    type: avroType(schema),
  });
  const [activityWriter, saleWriter, productWriter] = await Promise.all([
    writerOf(topic.shopperActivity, records.ShopperActivity),
    writerOf(topic.sales, records.Sale),
    writerOf(topic.products, records.ProductCreated),
  ]);
  const writers = { activity: activityWriter, sale: saleWriter, product: productWriter };
  const activity = (changes: Partial<ShopperActivity> = {}): Buffer =>
    encode(
      writers.activity.schemaId,
      writers.activity.type,
      activityOf({ event_id: newId(), product_id: 'product-1', occurred_at: Date.now(), ...changes }),
    );
  const sale = (changes: Partial<Sale> = {}): Buffer =>
    encode(writers.sale.schemaId, writers.sale.type, {
      event_id: newId(),
      order_id: newId(),
      line: 0,
      product_id: 'product-1',
      category: 'home/lighting',
      user_id: null,
      quantity: 2,
      amount_minor: 1_998,
      currency: 'EUR',
      kind: 'sale',
      occurred_at: Date.now(),
      ...changes,
    });
  const product = (changes: Partial<typeof lamp> = {}): Buffer =>
    encode(writers.product.schemaId, writers.product.type, { ...lamp, ...changes });
  return { writers, activity, sale, product };
};

const recordsOf = (name: string, values: readonly (Buffer | null)[], partition?: number): OutgoingRecord[] =>
  values.map((value, at) => ({
    topic: name,
    key: `key-${at}`,
    value,
    ...(partition === undefined ? {} : { partition }),
  }));

/** Another client that writes in transactions, all to partition 0. */
const openTransactionalProducer = async ({ host }: Pick<Parts, 'host'>, closing: (() => Promise<void>)[]) => {
  const { kafka, sever } = openConnection(
    { ...engines().kafka, clientId: 'transactional', logger: host.logger },
    { retries: 5 },
  );
  const transactional = kafka.producer({
    transactionalId: randomUUID(),
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  });
  await transactional.connect();
  closing.push(async () => {
    await transactional.disconnect();
    sever();
  });
  return {
    begin: async () => {
      const transaction = await transactional.transaction();
      return {
        send: async (name: string, values: readonly Buffer[]) => {
          await transaction.send({
            topic: name,
            messages: values.map((value) => ({ partition: 0, key: 'key', value })),
          });
        },
        commit: () => transaction.commit(),
        abort: () => transaction.abort(),
      };
    },
  };
};

const feedsOf = ({ topic, created }: Pick<Parts, 'topic' | 'created'>, tables: readonly string[]): Feed[] =>
  feeds.flatMap((feed) => {
    const own = created.find((name) => topics[name].topic === feed.topic);
    return tables.includes(feed.table) && own !== undefined ? [{ ...feed, topic: topic[own] }] : [];
  });

const startIngest = async (parts: Parts, options: StartOptions) => {
  const { group, clickhouse, host, broker, registry } = parts;
  const { insertBlock } = options;
  const stored = createStoredRows(clickhouse);
  const deadLetterProducer = await broker.producer();
  const ingest = createIngest({
    group,
    feeds: feedsOf(parts, options.tables ?? ['shopper_activity', 'sales', 'products']),
    limits: {
      blockBytesMax: 1_000_000,
      blockRowsMax: 10_000,
      gatheredBytesMax: options.gatheredBytesMax ?? 2_000_000,
      inFlightBytesMax: 8_000_000,
      insertsConcurrentlyMax: 2,
      fetchBytesPerPartitionMax: 1_000_000,
      fetchSpacingMs: 0,
    },
    broker,
    registry: options.learnLater === undefined ? registry : lagging(registry, options.learnLater),
    clickhouse:
      insertBlock === undefined
        ? clickhouse
        : { ...clickhouse, insert: (block) => insertBlock(block, clickhouse.insert) },
    claims: createBlockClaims(
      clickhouse,
      options.owner ?? newId(),
      options.gateClosedMsMax === undefined ? {} : { gateClosedMsMax: options.gateClosedMsMax },
    ),
    stored: {
      ...stored,
      ...(options.afterRestart ? { serverStartedAtMs: async () => Date.now() } : {}),
    },
    deadLetters: createDeadLetters(host, deadLetterProducer),
    clock: systemClock,
    logger: host.logger,
    telemetry: ingestTelemetry(host, group),
    watch: (progress) => createProgressWatch(host, group, progress),
    onFatal:
      options.onFatal ??
      ((error) => {
        throw error;
      }),
  });
  await ingest.start();
  return {
    health: async () => ingest.checkHealth?.(),
    consumers: () => ingest.consumers?.() ?? [],
    stop: async () => {
      await ingest.stop();
      await deadLetterProducer.close();
    },
  };
};

const readDeadLetters = async (
  { broker, group }: Pick<Parts, 'broker' | 'group'>,
  name: string,
  count: number,
): Promise<IncomingRecord[]> => {
  const found: IncomingRecord[] = [];
  const consumer = broker.consumer({ group: `${group}-${randomUUID()}`, topics: [deadLetterTopic(name)] });
  let enough: () => void = () => {};
  const reached = new Promise<void>((resolve) => {
    enough = resolve;
  });
  await consumer.run(async (batch) => {
    found.push(...batch.records);
    if (found.length >= count) enough();
  });
  await endsWithin(10_000, reached);
  await consumer.close();
  return found;
};

/** Deletes the records of partition 0 before `offset`, as retention does. */
const deleteBefore = (parts: Parts, name: string, offset: number): Promise<void> =>
  administer(parts, 'retention', async (retention) => {
    // kafkajs finds the partition's leader only in metadata that was requested before.
    await retention.fetchTopicOffsets(name);
    await retention.deleteTopicRecords({
      topic: name,
      partitions: [{ partition: 0, offset: String(offset) }],
    });
  });

/** What an operator does to a topic by other tools. */
const administer = async (
  { host }: Parts,
  clientId: string,
  work: (admin: kafkajs.Admin) => Promise<unknown>,
): Promise<void> => {
  const { kafka, sever } = openConnection(
    { ...engines().kafka, clientId, logger: host.logger },
    { retries: 5 },
  );
  const admin = kafka.admin();
  await admin.connect();
  await work(admin);
  await admin.disconnect();
  sever();
};
