import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { isDeepStrictEqual } from 'node:util';
import { Redis } from 'ioredis';
import { newId } from '#platform/ids';
import { avroType, createAvroDecoder, encode } from '#platform/messaging/avro-codec';
import type { Broker, BrokerAdmin } from '#platform/messaging/broker';
import { connectBroker } from '#platform/messaging/connect-broker';
import { deadLetterTopic } from '#platform/messaging/dead-letter';
import { createSchemaRegistry } from '#platform/messaging/schema-registry';
import { createDatabase } from '#platform/postgres/pool';
import { projectPath } from '#platform/project';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { testHost } from '#platform/testing/test-host';
import { cpuSeconds } from '../../benchmarks/ingest/engines.js';
import { writeResults } from '../../benchmarks/results.js';
import { table, thousands } from '../../benchmarks/terminal.js';
import { records, type Visit } from '../../schemas/events.js';
import { type LiveWindow, liveKeys } from '../../schemas/live-state.js';
import { topics } from '../../schemas/topics.js';
import { shopEvents } from '../../stream-jobs/windows/testing/shop-events.js';
import { flinkScript, installFlink, runFlink } from './local-flink.js';

const visitGapSeconds = 20;
const visitsAtATime = 50;
const eventsPerVisit = 8;
const waitMsMax = 300_000;

type Rows = { visits: Map<string, unknown>; visitors: Map<string, unknown>; money: Map<string, unknown> };
type Measured = { rows: Rows; cpuSeconds: number };

/** True when both have the same rows. Prints the CPU time of both without their starts: for Flink, that of an empty job. */
export const compareWithFlink = async (count: number): Promise<boolean> => {
  const flink = installFlink();
  const broker = connectBroker(testHost('compare'), engines().kafka);
  const admin = await broker.admin();
  const prefix = `flink-${newId()}-`;
  const emptyPrefix = `flink-${newId()}-`;
  const names = await createTopics(admin, [prefix, emptyPrefix]);
  try {
    const sent = await send(broker, prefix, count);
    const ours = await runOurs(broker, admin, prefix, sent);
    const theirs = await runTheirs(flink, prefix);
    const nothing = await runTheirs(flink, emptyPrefix);
    const isEqual = report(ours, theirs);
    const flinkCpuSeconds = theirs.cpuSeconds - nothing.cpuSeconds;
    console.log(
      table(
        [{ title: '' }, { title: 'CPU-s', right: true }, { title: 'events/CPU-s', right: true }],
        [
          [
            'stream-jobs/windows (all its jobs)',
            ours.cpuSeconds.toFixed(1),
            thousands(sent / ours.cpuSeconds),
          ],
          [
            'Flink SQL (live-metrics + visits)',
            flinkCpuSeconds.toFixed(1),
            thousands(sent / flinkCpuSeconds),
          ],
        ],
      ),
    );
    writeResults('flink', {
      events: sent,
      isEqual,
      cpuSeconds: { ours: ours.cpuSeconds, flink: flinkCpuSeconds },
    });
    return isEqual;
  } finally {
    await admin.deleteTopics(names);
    await admin.close();
  }
};

const createTopics = async (admin: BrokerAdmin, prefixes: readonly string[]): Promise<string[]> => {
  const { shopperActivity, sales, orders, inventory, visits, stockOuts, fraudSignals } = topics;
  const wanted = [shopperActivity, sales, orders, inventory, visits, stockOuts, fraudSignals].flatMap(
    ({ topic, partitions }) =>
      prefixes.flatMap((prefix) => [
        { topic: prefix + topic, partitions },
        { topic: deadLetterTopic(prefix + topic), partitions: 1 },
      ]),
  );
  await admin.createTopics(wanted);
  return wanted.map(({ topic }) => topic);
};

/** Sends activity and sales: orders are on a topic of several types, which Flink's format does not read. */
const send = async (broker: Broker, prefix: string, count: number): Promise<number> => {
  const registry = createSchemaRegistry(engines().schemaRegistryUrl);
  const ids = new Map<string, number>();
  for (const { subject, schema } of Object.values(records))
    ids.set(subject, await registry.register(subject, schema));
  const events = shopEvents(count, Date.now() - 20 * 60_000, {
    visits: visitsAtATime,
    eventsPerVisit,
  }).filter(({ type }) => type === 'ShopperActivity' || type === 'Sale');
  const producer = await broker.producer();
  for (let start = 0; start < events.length; start += 2_000)
    await producer.send(
      events.slice(start, start + 2_000).map(({ type, key, value, eventId, atMs }) => ({
        topic: prefix + records[type].topic,
        key,
        value: encode(ids.get(records[type].subject) as number, avroType(records[type].schema), value),
        headers: { 'event-id': eventId, 'occurred-at': String(atMs) },
      })),
    );
  await producer.close();
  return events.length;
};

const runOurs = async (
  broker: Broker,
  admin: BrokerAdmin,
  prefix: string,
  sent: number,
): Promise<Measured> => {
  const { kafka, schemaRegistryUrl, databaseUrl, redisUrl } = engines();
  const ownRedis = new URL('/14', redisUrl).toString();
  const redis = new Redis(ownRedis);
  await redis.flushdb();
  const database = prefix.replaceAll(/[^a-z0-9]/g, '_');
  const job = spawn(process.execPath, [projectPath('dist/stream-jobs/windows/main.js')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      KAFKA_BROKERS: kafka.brokers.join(','),
      SCHEMA_REGISTRY_URL: schemaRegistryUrl,
      DATABASE_URL: databaseUrl,
      REDIS_URL: ownRedis,
      WINDOWS_PORT: '0',
      WINDOWS_GROUP: prefix,
      WINDOWS_TOPIC_PREFIX: prefix,
      WINDOWS_DATABASE: database,
      WINDOWS_VISIT_GAP_MS: String(visitGapSeconds * 1000),
    },
  });
  let startCpuSeconds = 0;
  createInterface({ input: job.stdout }).on('line', (line) => {
    if (line.includes('windows restored')) startCpuSeconds = cpuSeconds(job.pid as number);
  });
  const offsetsOf = async (topic: string): Promise<number> =>
    (await admin.offsets(prefix + topic)).reduce((sum, { high }) => sum + Number(high), 0);
  const read = async (): Promise<number> =>
    (
      await Promise.all(
        [topics.shopperActivity, topics.sales].map(({ topic }) =>
          admin.committedOffsets(prefix, prefix + topic),
        ),
      )
    )
      .flat()
      .reduce((sum, { nextOffset }) => sum + Number(nextOffset ?? 0n), 0);
  await eventually(async () => (await read()) >= sent, { timeoutMs: waitMsMax, everyMs: 200 });
  const used = cpuSeconds(job.pid as number) - startCpuSeconds;
  // The last visits close by the clock, some seconds after the last event was read.
  let before = -1;
  await eventually(
    async () => {
      const now = await offsetsOf(topics.visits.topic);
      const isStill = now > 0 && now === before;
      before = now;
      return isStill;
    },
    { timeoutMs: waitMsMax, everyMs: 8_000 },
  );
  const rows: Rows = { visits: await visitsOf(broker, prefix, before), ...(await liveOf(redis)) };
  job.kill('SIGTERM');
  await once(job, 'exit');
  redis.disconnect();
  const server = createDatabase(testHost('compare'), { url: databaseUrl });
  await server.query(`DROP DATABASE IF EXISTS cartstream_${database} WITH (FORCE)`);
  await server.stop();
  return { rows, cpuSeconds: used };
};

const visitsOf = async (broker: Broker, prefix: string, count: number): Promise<Map<string, unknown>> => {
  const decoder = createAvroDecoder(createSchemaRegistry(engines().schemaRegistryUrl), [
    records.Visit.schema,
  ]);
  const rows = new Map<string, unknown>();
  let received = 0;
  const consumer = broker.consumer({ group: `${prefix}rows`, topics: [prefix + topics.visits.topic] });
  await consumer.run(async (batch) => {
    for (const { value } of batch.records) {
      const { event_id, path, orders, abandoned, ...row } = (await decoder.decode(value as Buffer))
        .value as Visit;
      rows.set(`${row.visit_id} ${row.started_at}`, row);
      received += 1;
    }
  });
  await eventually(() => received >= count, { timeoutMs: waitMsMax });
  await consumer.close();
  return rows;
};

const liveOf = async (redis: Redis): Promise<Pick<Rows, 'visitors' | 'money'>> => {
  const rows: Pick<Rows, 'visitors' | 'money'> = { visitors: new Map(), money: new Map() };
  for (const text of await redis.hvals(liveKeys.windows('tenSeconds'))) {
    const window = JSON.parse(text.slice(text.indexOf(' ') + 1)) as LiveWindow;
    if (window.visitors > 0) rows.visitors.set(`${window.fromMs}`, window.visitors);
    const amountOf = (amounts: LiveWindow['gmv'], of: string): number =>
      amounts.find(({ currency }) => currency === of)?.amountMinor ?? 0;
    for (const { currency } of [...window.gmv, ...window.refunds])
      rows.money.set(`${window.fromMs} ${currency}`, {
        gmv: amountOf(window.gmv, currency),
        refunds: amountOf(window.refunds, currency),
      });
  }
  return rows;
};

const runTheirs = async (flink: string, prefix: string): Promise<Measured> => {
  const { kafka, schemaRegistryUrl } = engines();
  const out = mkdtempSync(join(tmpdir(), 'cartstream-twin-'));
  let used = 0;
  try {
    for (const job of ['live-metrics', 'visits']) {
      const script = flinkScript(job, {
        brokers: kafka.brokers.join(','),
        schemaRegistryUrl,
        topicPrefix: prefix,
        visitGapSeconds,
        isBounded: true,
        sinkOf: (name) => `'connector' = 'filesystem', 'path' = 'file://${out}/${name}', 'format' = 'json'`,
      });
      const { cpuSeconds: of, output } = await runFlink(flink, script, 1_024).ended;
      if (/\[ERROR\]|Exception/.test(output)) throw new Error(output.slice(-3_000));
      used += of;
    }
    return { rows: twinRows(out), cpuSeconds: used };
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
};

type TwinRow = Record<string, string | number | null>;

const twinRows = (folder: string): Rows => {
  const read = (name: string): TwinRow[] => {
    const inside = join(folder, name);
    try {
      return readdirSync(inside, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .flatMap((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8').split('\n'))
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as TwinRow);
    } catch {
      return [];
    }
  };
  const msOf = (time: unknown): number => Date.parse(`${String(time).replace(' ', 'T')}Z`);
  return {
    visits: new Map(
      read('visits').map((row) => {
        const visit = { ...row, started_at: msOf(row.started_at), occurred_at: msOf(row.occurred_at) };
        return [`${row.visit_id} ${visit.started_at}`, visit];
      }),
    ),
    visitors: new Map(read('visitors').map((row) => [`${msOf(row.window_start)}`, row.visitors])),
    money: new Map(
      read('money').map(({ window_start: start, currency, gmv, refunds }) => [
        `${msOf(start)} ${currency}`,
        { gmv, refunds },
      ]),
    ),
  };
};

const report = (ours: Measured, theirs: Measured): boolean => {
  let isEqual = true;
  for (const name of ['visits', 'visitors', 'money'] as const) {
    const [mine, twin] = [ours.rows[name], theirs.rows[name]];
    const different = [...new Set([...mine.keys(), ...twin.keys()])].filter(
      (key) => !isDeepStrictEqual(sorted(mine.get(key)), sorted(twin.get(key))),
    );
    console.log(
      `${name}: ${thousands(mine.size)} rows, of Flink ${thousands(twin.size)}, ${different.length} differ`,
    );
    for (const key of different.slice(0, 3)) console.log(`  ${key}`, mine.get(key), twin.get(key));
    isEqual &&= different.length === 0 && mine.size > 0;
  }
  return isEqual;
};

const sorted = (row: unknown): unknown =>
  typeof row === 'object' && row !== null
    ? Object.fromEntries(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)))
    : row;
