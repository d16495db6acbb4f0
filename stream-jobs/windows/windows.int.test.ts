import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '#platform/ids';
import { avroType, createAvroDecoder, encode } from '#platform/messaging/avro-codec';
import type { Broker, OutgoingRecord, Producer } from '#platform/messaging/broker';
import { connectBroker } from '#platform/messaging/connect-broker';
import { deadLetterTopic } from '#platform/messaging/dead-letter';
import { createSchemaRegistry } from '#platform/messaging/schema-registry';
import { createDatabase } from '#platform/postgres/pool';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { testHost } from '#platform/testing/test-host';
import { type EventMap, type FraudSignal, records, type StockOut, type Visit } from '#schemas/events';
import { type LiveWindow, liveKeys } from '#schemas/live-state';
import { topics } from '#schemas/topics';
import { recomputeLive, recomputeVisits, type ShopEvent, shopEvents } from './testing/shop-events.js';

const { kafka, schemaRegistryUrl, redisUrl, databaseUrl } = engines();
const prefix = `test-${newId()}-`;
const database = `test_${newId().replaceAll('-', '_')}`;
const ownRedis = new URL(redisUrl);
ownRedis.pathname = '/11';
const redis = new Redis(ownRedis.toString(), { lazyConnect: true });
const read = [topics.shopperActivity, topics.sales, topics.orders, topics.inventory];
const written = [topics.visits, topics.stockOuts, topics.fraudSignals];
const visitGapMs = 20_000;
let broker: Broker;
let producer: Producer;
let ids: Map<string, number>;

beforeAll(async () => {
  broker = connectBroker(testHost(), kafka);
  const admin = await broker.admin();
  await admin.createTopics(
    [...read, ...written].flatMap(({ topic, partitions }) => [
      { topic: prefix + topic, partitions },
      { topic: deadLetterTopic(prefix + topic), partitions: 1 },
    ]),
  );
  await admin.close();
  producer = await broker.producer();
  const registry = createSchemaRegistry(schemaRegistryUrl);
  ids = new Map();
  for (const [type, { subject, schema }] of Object.entries(records))
    ids.set(type, await registry.register(subject, schema));
  await redis.connect();
  await redis.flushdb();
});
afterAll(async () => {
  const admin = await broker.admin();
  await admin.deleteTopics(
    [...read, ...written].flatMap(({ topic }) => [prefix + topic, deadLetterTopic(prefix + topic)]),
  );
  await admin.close();
  await producer.close();
  await redis.flushdb();
  redis.disconnect();
  const server = createDatabase(testHost(), { url: databaseUrl });
  await server.query(`DROP DATABASE IF EXISTS cartstream_${database} WITH (FORCE)`);
  await server.stop();
});

const toRecord = ({ type, key, value, atMs, eventId }: ShopEvent): OutgoingRecord => ({
  topic: prefix + records[type].topic,
  key,
  value: encode(ids.get(type) as number, avroType(records[type].schema), value),
  headers: { 'event-id': eventId, 'occurred-at': String(atMs) },
});

const send = async (events: readonly ShopEvent[]): Promise<void> => {
  for (let start = 0; start < events.length; start += 2_000)
    await producer.send(events.slice(start, start + 2_000).map(toRecord));
};

/** The job as its own process, so that it can be killed. */
const startJob = (): ChildProcess => {
  const job = spawn(
    process.execPath,
    ['--conditions=source', '--import', 'tsx', 'stream-jobs/windows/main.ts'],
    {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: {
        ...process.env,
        KAFKA_BROKERS: kafka.brokers.join(','),
        SCHEMA_REGISTRY_URL: schemaRegistryUrl,
        DATABASE_URL: databaseUrl,
        REDIS_URL: ownRedis.toString(),
        WINDOWS_PORT: '0',
        WINDOWS_GROUP: prefix,
        WINDOWS_TOPIC_PREFIX: prefix,
        WINDOWS_DATABASE: database,
        WINDOWS_VISIT_GAP_MS: String(visitGapMs),
        WINDOWS_CHECKPOINT_EVERY_MS: '50',
        WINDOWS_RECORDS_PER_CHECKPOINT_MAX: '500',
        LOG_LEVEL: 'warn',
      },
    },
  );
  return job;
};

const kill = async (job: ChildProcess, signal: NodeJS.Signals): Promise<void> => {
  const ended = once(job, 'exit');
  job.kill(signal);
  await ended;
};

/** Every record of a written topic by its event id: the relay may send one twice. */
const rowsOf = async <T extends 'Visit' | 'StockOut' | 'FraudSignal'>(type: T): Promise<EventMap[T][]> => {
  const topic = prefix + records[type].topic;
  const admin = await broker.admin();
  const ends = await admin.offsets(topic);
  await admin.close();
  const wanted = ends.reduce((sum, { high, low }) => sum + Number(high - low), 0);
  const decoder = createAvroDecoder(createSchemaRegistry(schemaRegistryUrl), [records[type].schema]);
  const rows = new Map<string, EventMap[T]>();
  let count = 0;
  if (wanted === 0) return [];
  const consumer = broker.consumer({ group: `${prefix}${newId()}`, topics: [topic] });
  await consumer.run(async (batch) => {
    for (const { value } of batch.records) {
      const row = (await decoder.decode(value as Buffer)).value as EventMap[T];
      rows.set(row.event_id, row);
      count += 1;
    }
  });
  await eventually(() => count >= wanted, { timeoutMs: 20_000 });
  await consumer.close();
  return [...rows.values()];
};

const liveWindows = async (size: 'tenSeconds' | 'minute'): Promise<LiveWindow[]> =>
  Object.values(await redis.hgetall(liveKeys.windows(size)))
    .map((text) => JSON.parse(text.slice(text.indexOf(' ') + 1)) as LiveWindow)
    .sort((a, b) => a.fromMs - b.fromMs);

const byId = <T extends { visit_id: string; started_at: number }>(rows: readonly T[]): T[] =>
  rows.toSorted((a, b) =>
    a.visit_id < b.visit_id ? -1 : a.visit_id > b.visit_id ? 1 : a.started_at - b.started_at,
  );

describe('the windowed jobs, killed again and again', () => {
  it('write the same live figures, visits, stock-outs and signals as a recomputation over all events', async () => {
    const events = shopEvents(20_000, Date.now() - 20 * 60_000);
    await send(events);
    // Repeats, as a relay that was killed sends them.
    await send(events.slice(-300));
    let job = startJob();
    const committed = async (): Promise<number> => {
      const admin = await broker.admin();
      const offsets = await Promise.all(
        read.map(({ topic }) => admin.committedOffsets(prefix, prefix + topic)),
      );
      await admin.close();
      return offsets.flat().reduce((sum, { nextOffset }) => sum + Number(nextOffset ?? 0n), 0);
    };
    for (const share of [0.1, 0.4, 0.7]) {
      await eventually(async () => (await committed()) > events.length * share, { timeoutMs: 60_000 });
      await kill(job, 'SIGKILL');
      job = startJob();
    }
    const visits = recomputeVisits(events, visitGapMs);
    await eventually(
      async () => {
        const admin = await broker.admin();
        const ends = await admin.offsets(prefix + topics.visits.topic);
        await admin.close();
        return ends.reduce((sum, { high }) => sum + Number(high), 0) >= visits.length;
      },
      { timeoutMs: 90_000, message: `${visits.length} visits` },
    );
    const found = (await rowsOf('Visit')) as Visit[];
    expect(byId(found.map(({ event_id: _, ...row }) => row))).toEqual(byId(visits));
    for (const [size, sizeMs] of [
      ['tenSeconds', 10_000],
      ['minute', 60_000],
    ] as const)
      expect(await liveWindows(size)).toEqual(recomputeLive(events, sizeMs).slice(-liveKeys.windowsKeptMax));

    const refused = events.filter(({ type }) => type === 'StockRejected');
    const stockOuts = (await rowsOf('StockOut')) as StockOut[];
    const last = new Map(
      stockOuts
        .toSorted((a, b) => a.revision - b.revision)
        .map((row) => [row.order_id, [row.requested, row.lost_minor]]),
    );
    expect(last).toEqual(
      new Map(
        refused.map(({ key, value }) => {
          const placed = events.find((one) => one.type === 'OrderPlaced' && one.key === key)?.value as
            | EventMap['OrderPlaced']
            | undefined;
          const [line] = (value as EventMap['StockRejected']).lines;
          return [key, [line?.requested, (line?.requested ?? 0) * (placed?.lines[0]?.unitPriceMinor ?? 0)]];
        }),
      ),
    );
    const signals = (await rowsOf('FraudSignal')) as FraudSignal[];
    expect(new Set(signals.map(({ kind }) => kind))).toEqual(
      new Set(['velocity', 'amount', 'mismatch', 'declines']),
    );
    await kill(job, 'SIGTERM');
  }, 240_000);
});
