import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ClickHouse, createClickHouse } from '#platform/clickhouse/client';
import { ensureClickHouseDatabase, migrateClickHouse } from '#platform/clickhouse/migrate';
import type { Broker, BrokerAdmin } from '#platform/messaging/broker';
import { kafkaEnv } from '#platform/messaging/kafka-settings';
import { openBroker } from '#platform/messaging/open-broker';
import { createSchemaRegistry } from '#platform/messaging/schema-registry';
import { projectPath } from '#platform/project';
import { createLogger } from '#platform/telemetry/logger';
import { engines, runFilePath } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { sleep } from '#platform/waiting/sleep';
import { records } from '#schemas/events';
import {
  differencesFrom,
  endOffsets,
  hasReached,
  letterDifferences,
  readTruth,
  rollupDifferences,
  schemaIdsOf,
  startIngestLoad,
  type Truth,
} from './ingest-load.js';

/** A small `npm run chaos`: topics, a database and an ingest process of its own on the engines under test. */

const killsOfIngest = 3;
const suffix = randomUUID().slice(0, 8);
const topicPrefix = `once-${suffix}-`;
const topics = { shopperActivity: `${topicPrefix}shopper-activity`, sales: `${topicPrefix}sales` };
const idle = `${topicPrefix}products`;
const group = `once-${suffix}`;
const fromTheBeginning = new Map(Array.from({ length: 6 }, (_, partition) => [partition, 0n] as const));

let broker: Broker;
let admin: BrokerAdmin;
let clickhouse: ClickHouse;
let url: URL;

const ingestEnv = (): NodeJS.ProcessEnv => {
  const urls = engines();
  return {
    ...process.env,
    ...kafkaEnv(urls.kafka),
    SCHEMA_REGISTRY_URL: urls.schemaRegistryUrl,
    CLICKHOUSE_URL: url.href,
    CLICKHOUSE_INGEST_PORT: '0',
    CLICKHOUSE_INGEST_GROUP: group,
    CLICKHOUSE_INGEST_TOPIC_PREFIX: topicPrefix,
    CLICKHOUSE_INGEST_TABLES: 'shopper_activity,sales',
    LOG_LEVEL: process.env.ONCE_LOG ?? 'fatal',
    ZIPKIN_URL: '',
    NODE_OPTIONS: '',
  };
};

/** Fills the sales anew beside the running ingest; resolves to what was printed. Killed with -9 at `killAt`, if it is given. */
const fillSalesAnew = async (killAt?: string): Promise<string> => {
  const main = projectPath('dist/stream-jobs/clickhouse-ingest/backfill/main.js');
  const child = spawn(process.execPath, [main, '--table', 'sales', '--drop-old'], {
    env: ingestEnv(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  child.stdout.on('data', (text: Buffer) => {
    printed += text.toString();
    if (killAt !== undefined && printed.includes(killAt)) child.kill('SIGKILL');
  });
  await new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return printed;
};

/** Runs ingest and, as the launcher does, starts it again when it dies. */
const superviseIngest = () => {
  let child: ChildProcess;
  let wanted = true;
  let exited: Promise<void>;
  const start = (): void => {
    child = spawn(process.execPath, [projectPath('dist/stream-jobs/clickhouse-ingest/main.js')], {
      env: ingestEnv(),
      stdio: ['ignore', process.env.ONCE_LOG ? 'inherit' : 'ignore', 'inherit'],
    });
    exited = new Promise((resolve) =>
      child.once('exit', () => {
        if (wanted) setTimeout(start, 100);
        resolve();
      }),
    );
  };
  start();
  return {
    kill: () => child.kill('SIGKILL'),
    stop: async () => {
      wanted = false;
      child.kill('SIGTERM');
      await exited;
    },
  };
};

const pause = (msMax: number) => sleep(Math.random() * msMax);

beforeAll(async () => {
  const urls = engines();
  url = new URL(urls.clickhouseUrl);
  url.pathname = `/once_${suffix}`;
  broker = openBroker(urls.kafka, {
    clientId: 'once-test',
    logger: createLogger('once-test', { level: 'fatal' }),
  });
  admin = await broker.admin();
  await admin.createTopics([
    ...Object.values(topics).flatMap((topic) => [
      { topic, partitions: 6 },
      { topic: `${topic}.dead-letter`, partitions: 1 },
    ]),
    { topic: idle, partitions: 1 },
  ]);
  await ensureClickHouseDatabase(url.href);
  clickhouse = createClickHouse({ url: url.href });
  await migrateClickHouse(clickhouse, projectPath('clickhouse/migrations'));
});

afterAll(async () => {
  for (const database of [`once_${suffix}`, `once_${suffix}__next_sales`])
    await clickhouse?.command(`DROP DATABASE IF EXISTS ${database}`).catch(() => {});
  await clickhouse?.stop();
  await admin?.deleteTopics([
    ...Object.values(topics),
    ...Object.values(topics).map((t) => `${t}.dead-letter`),
    idle,
  ]);
  await admin?.close();
});

it('every record is a row exactly once, whoever is killed with -9 while it is under way', async () => {
  const schemaIds = await schemaIdsOf(createSchemaRegistry(engines().schemaRegistryUrl), topics);
  const ingest = superviseIngest();
  try {
    const load = await startIngestLoad({
      broker,
      topics,
      schemaIds,
      activityPerSecond: 2_000,
      salesPerSecond: 400,
      poisonPerMille: 2,
    });
    const reached = async (ends: Map<number, bigint>, topic: string) => hasReached(admin, group, topic, ends);
    await eventually(async () => reached(new Map([[0, 1n]]), topics.sales), { timeoutMs: 20_000 });
    // Begun again at once: the one that was killed holds the ingest back, until another ends or 20 s have passed.
    const filling = fillSalesAnew('exchanging').then(async (killed) => [killed, await fillSalesAnew()]);
    for (let kill = 0; kill < killsOfIngest; kill += 1) {
      await pause(1_000);
      ingest.kill();
      // Progress shows that the process worked between two kills, not only that it ran.
      const ends = await endOffsets(admin, topics.sales);
      if (kill < killsOfIngest - 1)
        await eventually(async () => reached(ends, topics.sales), { timeoutMs: 60_000, everyMs: 100 });
    }
    const [killed, whole] = await filling;
    expect(killed).not.toContain('sales has');
    expect(whole).toMatch(/sales has \d+ rows/);
    await pause(500);
    const { processes } = JSON.parse(readFileSync(runFilePath(), 'utf8')) as {
      processes: { name: string; pid: number }[];
    };
    const front = processes.find(({ name }) => name === 'clickhouse');
    if (front !== undefined) process.kill(front.pid, 'SIGKILL');
    await pause(1_000);
    await load.stop();

    const last = {
      shopperActivity: await endOffsets(admin, topics.shopperActivity),
      sales: await endOffsets(admin, topics.sales),
    };
    await eventually(
      async () =>
        (await reached(last.shopperActivity, topics.shopperActivity)) &&
        (await reached(last.sales, topics.sales)),
      { timeoutMs: 60_000, everyMs: 100, message: 'the backlog to be gone' },
    );

    const truthOf = (
      topic: string,
      schemaId: number,
      { schema }: { schema: object },
      to: typeof last.sales,
    ) => readTruth(broker, topic, schemaId, schema, fromTheBeginning, to);
    const [activity, sales] = await Promise.all([
      truthOf(topics.shopperActivity, schemaIds.activity, records.ShopperActivity, last.shopperActivity),
      truthOf(topics.sales, schemaIds.sale, records.Sale, last.sales),
    ]);
    for (const { poison } of [activity, sales]) expect(poison.size).toBeGreaterThan(0);
    expect(sales.repeated).toBeGreaterThan(0);
    const lettersOf = (topic: string, truth: Truth) =>
      letterDifferences(broker, admin, { topic, group }, truth, fromTheBeginning);
    expect([
      ...(await differencesFrom(clickhouse, 'shopper_activity', activity, fromTheBeginning)),
      ...(await differencesFrom(clickhouse, 'sales', sales, fromTheBeginning)),
      ...(await rollupDifferences(clickhouse)),
      ...(await lettersOf(topics.shopperActivity, activity)),
      ...(await lettersOf(topics.sales, sales)),
    ]).toEqual([]);
  } finally {
    await ingest.stop();
  }
}, 180_000);
