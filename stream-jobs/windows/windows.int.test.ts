import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '#platform/ids';
import { avroType, createAvroDecoder, encode } from '#platform/messaging/avro-codec';
import type { Broker, OutgoingRecord, Producer } from '#platform/messaging/broker';
import { connectBroker } from '#platform/messaging/connect-broker';
import { createSchemaRegistry } from '#platform/messaging/schema-registry';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { testHost } from '#platform/testing/test-host';
import { type EventMap, type FraudSignal, records, type StockOut } from '#schemas/events';
import { type LiveWindow, liveKeys } from '#schemas/live-state';
import {
  recomputeLive,
  recomputePerformance,
  recomputeSearches,
  recomputeVisits,
  type ShopEvent,
  shopEvents,
} from './testing/shop-events.js';
import { createJobTopics, dropJobDatabase, readTopics, startJobProcess } from './testing/windows-job.js';
import type { published } from './topic-sink.js';

const { kafka, schemaRegistryUrl, redisUrl } = engines();
const prefix = `test-${newId()}-`;
const database = `test_${newId().replaceAll('-', '_')}`;
const ownRedis = new URL(redisUrl);
ownRedis.pathname = '/11';
const redis = new Redis(ownRedis.toString(), { lazyConnect: true });
const visitGapMs = 20_000;
const performanceWindowMs = 60_000;
let broker: Broker;
let producer: Producer;
let ids: Map<string, number>;
let names: string[];

beforeAll(async () => {
  broker = connectBroker(testHost(), kafka);
  const admin = await broker.admin();
  names = await createJobTopics(admin, prefix);
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
  await admin.deleteTopics(names);
  await admin.close();
  await producer.close();
  await redis.flushdb();
  redis.disconnect();
  await dropJobDatabase(database);
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
  const job = startJobProcess(
    { prefix, group: prefix, database, redisUrl: ownRedis.toString() },
    ['--conditions=source', '--import', 'tsx', 'stream-jobs/windows/main.ts'],
    {
      WINDOWS_VISIT_GAP_MS: String(visitGapMs),
      WINDOWS_PERFORMANCE_WINDOW_MS: String(performanceWindowMs),
      WINDOWS_CHECKPOINT_EVERY_MS: '50',
      WINDOWS_RECORDS_PER_CHECKPOINT_MAX: '500',
      LOG_LEVEL: 'warn',
    },
  );
  job.stdout?.pipe(process.stdout);
  return job;
};

const kill = async (job: ChildProcess, signal: NodeJS.Signals): Promise<void> => {
  const ended = once(job, 'exit');
  job.kill(signal);
  await ended;
};

const recordsIn = async (type: (typeof published)[number]): Promise<number> => {
  const admin = await broker.admin();
  const ends = await admin.offsets(prefix + records[type].topic);
  await admin.close();
  return ends.reduce((sum, { high, low }) => sum + Number(high - low), 0);
};

/** Every record of a written topic by its event id: the relay may send one twice. */
const rowsOf = async <T extends (typeof published)[number]>(type: T): Promise<EventMap[T][]> => {
  const topic = prefix + records[type].topic;
  const wanted = await recordsIn(type);
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

const inAnyOrder = (rows: readonly object[]): string[] =>
  rows.map((row) => JSON.stringify(Object.entries(row).toSorted(([a], [b]) => (a < b ? -1 : 1)))).toSorted();

describe('the windowed jobs, killed again and again', () => {
  it('write the same rows as a recomputation over all events', async () => {
    const events = shopEvents(20_000, Date.now() - 25 * 60_000);
    await send(events);
    // Repeats, as a relay that was killed sends them.
    await send(events.slice(-300));
    let job = startJob();
    const committed = async (): Promise<number> => {
      const admin = await broker.admin();
      const offsets = await Promise.all(
        readTopics.map(({ topic }) => admin.committedOffsets(prefix, prefix + topic)),
      );
      await admin.close();
      return offsets.flat().reduce((sum, { nextOffset }) => sum + Number(nextOffset ?? 0n), 0);
    };
    for (const share of [0.1, 0.6]) {
      await eventually(async () => (await committed()) > events.length * share, { timeoutMs: 60_000 });
      await kill(job, 'SIGKILL');
      job = startJob();
    }
    for (const [type, rows] of [
      ['Visit', recomputeVisits(events, visitGapMs)],
      ['Search', recomputeSearches(events, visitGapMs)],
      ['ProductPerformance', recomputePerformance(events, performanceWindowMs)],
    ] as const) {
      await eventually(async () => (await recordsIn(type)) >= rows.length, {
        timeoutMs: 90_000,
        message: `${rows.length} rows of ${type}`,
      });
      const found = (await rowsOf(type)).map(({ event_id: _, ...row }) => row);
      expect(inAnyOrder(found)).toEqual(inAnyOrder(rows));
    }
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
