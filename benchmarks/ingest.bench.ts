/**
 * `npm run bench ingest`: the same events from Kafka into the same tables with the same rollups, in turn by
 *   ours   clickhouse-ingest as in production, exactly once
 *   two    two instances of it, which share the partitions
 *   kafka  ClickHouse's own Kafka engine with AvroConfluent and a materialized view, at least once
 *   naive  a consumer that decodes each message and inserts JSON, at least once
 * in one engine process, from one broker; and once the two halves of the work by themselves, which is the least that it
 * can cost (`ingest/limit.ts`). What is claimed, and how it is measured: benchmarks/README.md.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { cpus } from 'node:os';
import type { ClickHouse } from '#platform/clickhouse/client';
import type { Broker, BrokerAdmin } from '#platform/messaging/broker';
import { createKafkajsBroker } from '#platform/messaging/kafkajs-broker';
import { createSchemaRegistry } from '#platform/messaging/schema-registry';
import { projectPath } from '#platform/project';
import { createLogger } from '#platform/telemetry/logger';
import { eventually } from '#platform/testing/eventually';
import { scratchClickHouse } from '#platform/testing/scratch-clickhouse';
import { records } from '#schemas/events';
import { topics } from '#schemas/topics';
import { median } from './figures.js';
import { type BenchEngines, startEngines } from './ingest/engines.js';
import { type Filled, fillTopic } from './ingest/fill.js';
import { type ClaimedBlock, type Limit, measureLimit } from './ingest/limit.js';
import { cpuSeconds, residentBytes } from './process-figures.js';
import { writeResults } from './results.js';
import { bar, progressLine, table, thousands } from './terminal.js';

const rows = Number(process.env.ROWS ?? 2_000_000);
const rounds = Number(process.env.ROUNDS ?? 3);
const only = process.env.ONLY?.split(',');
const partitions = 6;
const runSecondsMax = 300;
const pollMs = 50;
const restMs = 2_000;

const names = ['ours', 'two', 'kafka', 'naive'] as const;
type Name = (typeof names)[number];

const titles: Record<Name, string> = {
  ours: 'clickhouse-ingest (exactly once)',
  two: 'the same, two instances',
  kafka: "ClickHouse's Kafka engine (AvroConfluent)",
  naive: 'kafkajs, avsc, JSONEachRow',
};

type Run = {
  name: Name;
  round: number;
  /** Of the rows after the first ones were seen, over the time after that. */
  rowsPerSecond: number;
  rowsPerCpuSecond: number;
  /** From the command to start until the last row. */
  totalSeconds: number;
  clientCpuSeconds: number;
  engineCpuSeconds: number;
  brokerCpuSeconds: number;
  /** The most memory of a client process. */
  clientBytesMax: number;
  exact: boolean;
  check: Check;
  /** The blocks that clickhouse-ingest made. */
  blocks: readonly ClaimedBlock[];
};

type Check = { rows: number; different: number; occurredAtSum: string; rolledUp: number };

type Drain = {
  /** Empty where the engine itself is the client. */
  pids: readonly number[];
  ended(): boolean;
  stop(): Promise<void>;
};

export const runIngestBench = async (): Promise<void> => {
  console.log(`ingest: ${thousands(rows)} events, ${partitions} partitions, ${rounds} rounds`);
  const starting = progressLine('starting engines');
  const engines = await startEngines();
  starting.done('up');
  try {
    await bench(engines);
  } finally {
    await engines.stop();
  }
};

const bench = async (engines: BenchEngines): Promise<void> => {
  const suffix = randomUUID().slice(0, 8);
  const topic = `bench-${suffix}-${topics.shopperActivity.topic}`;
  const idle = `bench-idle-${suffix}`;
  const broker = createKafkajsBroker({
    brokers: [engines.kafka],
    clientId: 'bench',
    logger: createLogger('bench', { level: 'fatal' }),
  });
  const admin = await broker.admin();
  await admin.createTopics([
    { topic, partitions },
    { topic: idle, partitions: 1 },
  ]);
  const registry = createSchemaRegistry(engines.schemaRegistry);
  const schemaId = await registry.register(`${topic}-value`, records.ShopperActivity.schema);
  const filled = await fillTopic(broker, topic, schemaId, rows);
  // The first group makes the broker create its offsets topic and load it, so this is done before any measured run.
  await eventually(
    async () => {
      const first = broker.consumer({ group: `bench-first-${suffix}`, topics: [idle] });
      await first.run(async () => {}).finally(() => first.close());
    },
    { timeoutMs: 60_000 },
  );

  const runs: Run[] = [];
  let limit: Limit | undefined;
  for (let round = 1; round <= rounds; round += 1)
    for (const name of orderOf(round).filter((each) => only?.includes(each) ?? true)) {
      const run = await measure(name, round, { engines, admin, topic, idle, filled });
      runs.push(run);
      if (name === 'ours') limit ??= await measureHalves(broker, topic, filled, engines, run.blocks);
    }

  report(runs, filled, limit);
  await admin.deleteTopics([topic, idle]);
  await admin.close();
};

/** Every round begins with another one. */
const orderOf = (round: number): Name[] =>
  names.map((_, at) => names[(at + round - 1) % names.length] as Name);

type Setting = { engines: BenchEngines; admin: BrokerAdmin; topic: string; idle: string; filled: Filled };

const measureHalves = async (
  broker: Broker,
  topic: string,
  filled: Filled,
  engines: BenchEngines,
  blocks: readonly ClaimedBlock[],
): Promise<Limit> => {
  const progress = progressLine('the two halves by themselves');
  const { clickhouse, drop } = await scratchClickHouse(engines.clickhouse);
  try {
    const limit = await measureLimit({
      broker,
      topic,
      rows: filled.rows,
      schema: records.ShopperActivity.schema,
      blocks,
      clickhouse,
      enginePid: engines.pidOf('clickhouse'),
    });
    progress.done(`${blocks.length} blocks`);
    return limit;
  } finally {
    await drop();
  }
};

const measure = async (name: Name, round: number, setting: Setting): Promise<Run> => {
  const { engines, filled } = setting;
  const { clickhouse, url, drop } = await scratchClickHouse(engines.clickhouse);
  const cpu = (pids: readonly number[]) => ({
    client: pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0),
    engine: cpuSeconds(engines.pidOf('clickhouse')),
    broker: cpuSeconds(engines.pidOf('kafka')),
  });
  const count = async (): Promise<number> =>
    (await clickhouse.query<{ n: number }>('SELECT count() AS n FROM shopper_activity'))[0]?.n ?? 0;

  const progress = progressLine(`round ${round}: ${name}`);
  const startedAt = performance.now();
  const drain = await starts[name](setting, clickhouse, url);
  try {
    let seen = 0;
    let clientBytesMax = 0;
    let first: { at: number; rows: number; cpu: ReturnType<typeof cpu> } | undefined;
    while (seen < filled.rows) {
      await new Promise((done) => setTimeout(done, pollMs));
      seen = await count();
      if (seen > 0) first ??= { at: performance.now(), rows: seen, cpu: cpu(drain.pids) };
      for (const pid of drain.pids) clientBytesMax = Math.max(clientBytesMax, residentBytes(pid));
      progress.update(seen / filled.rows, thousands(seen));
      if (drain.ended()) throw new Error(`${name} ended after ${thousands(seen)} rows`);
      if (performance.now() - startedAt > runSecondsMax * 1000) throw new Error(`${name} did not finish`);
    }
    const endedAt = performance.now();
    const before = first?.cpu ?? cpu(drain.pids);
    const after = cpu(drain.pids);
    const counted = filled.rows - (first?.rows ?? 0);
    if (counted < filled.rows / 4)
      throw new Error(`${name}: most rows came in one piece, which cannot be timed; ROWS is too small`);
    const seconds = (endedAt - (first?.at ?? startedAt)) / 1000;
    const client = after.client - before.client;
    const engine = after.engine - before.engine;
    await drain.stop();
    const check = await checkRows(clickhouse);
    const run: Run = {
      name,
      round,
      rowsPerSecond: counted / seconds,
      rowsPerCpuSecond: counted / (client + engine),
      totalSeconds: (endedAt - startedAt) / 1000,
      clientCpuSeconds: client,
      engineCpuSeconds: engine,
      brokerCpuSeconds: after.broker - before.broker,
      clientBytesMax,
      exact:
        check.rows === filled.rows &&
        check.different === filled.rows &&
        check.rolledUp === filled.rows &&
        check.occurredAtSum === String(filled.occurredAtSum),
      check,
      blocks: await clickhouse.query<ClaimedBlock>(
        `SELECT partition, first_offset AS firstOffset, last_offset AS lastOffset, gathered FROM ingest_blocks
         WHERE rows > 0 ORDER BY partition, firstOffset`,
      ),
    };
    progress.done(
      `${thousands(run.rowsPerSecond)} rows/s, ${thousands(run.rowsPerCpuSecond)} per CPU-second, ${run.exact ? 'exact' : 'NOT EXACT'}`,
    );
    return run;
  } finally {
    await drain.stop();
    await drop();
    await new Promise((done) => setTimeout(done, restMs));
  }
};

const checkRows = async (clickhouse: ClickHouse): Promise<Check> => {
  const [raw] = await clickhouse.query<Omit<Check, 'rolledUp'>>(
    `SELECT count() AS rows, uniqExact(kafka_partition, kafka_offset) AS different,
       toString(sum(toInt128(toUnixTimestamp64Milli(occurred_at)))) AS occurredAtSum FROM shopper_activity`,
  );
  const [rollup] = await clickhouse.query<{ events: number }>(
    'SELECT sum(events) AS events FROM shopper_activity_per_minute',
  );
  return { ...(raw as Omit<Check, 'rolledUp'>), rolledUp: rollup?.events ?? 0 };
};

const starts: Record<Name, (setting: Setting, clickhouse: ClickHouse, url: string) => Promise<Drain>> = {
  ours: async ({ engines, topic }, _clickhouse, url) =>
    ourDrain(engines, topic, url, `bench-ours-${randomUUID()}`),
  two: async ({ engines, topic }, _clickhouse, url) => {
    const group = `bench-two-${randomUUID()}`;
    const both = [0, 1].map(() => ourDrain(engines, topic, url, group));
    return {
      pids: both.flatMap(({ pids }) => pids),
      ended: () => both.some((each) => each.ended()),
      stop: async () => {
        await Promise.all(both.map((each) => each.stop()));
      },
    };
  },
  naive: async ({ engines, topic }, _clickhouse, url) =>
    processDrain([projectPath('dist/benchmarks/ingest/naive-consumer.js')], {
      NAIVE_KAFKA: engines.kafka,
      NAIVE_REGISTRY: engines.schemaRegistry,
      NAIVE_CLICKHOUSE: url,
      NAIVE_TOPIC: topic,
      NAIVE_GROUP: `bench-naive-${randomUUID()}`,
    }),
  kafka: async ({ engines, topic }, clickhouse) => {
    await clickhouse.command(`CREATE TABLE source
      (event_id String, type String, visit_id String, user_id Nullable(String), product_id Nullable(String),
       query Nullable(String), position Nullable(Int32), recommendation_id Nullable(String), occurred_at DateTime64(3, 'UTC'))
      ENGINE = Kafka SETTINGS kafka_broker_list = '${engines.kafka}', kafka_topic_list = '${topic}',
        kafka_group_name = 'bench-kafka-${randomUUID()}', kafka_format = 'AvroConfluent',
        format_avro_schema_registry_url = '${engines.schemaRegistry}',
        kafka_num_consumers = ${Math.min(cpus().length, partitions)}, kafka_thread_per_consumer = 1,
        kafka_max_block_size = 262144, kafka_poll_max_batch_size = 65536`);
    await clickhouse.command(`CREATE MATERIALIZED VIEW source_mv TO shopper_activity AS
      SELECT _partition AS kafka_partition, _offset AS kafka_offset, * FROM source`);
    let stopped = false;
    return {
      pids: [],
      ended: () => false,
      stop: async () => {
        if (stopped) return;
        stopped = true;
        await clickhouse.command('DROP TABLE source_mv SYNC');
        await clickhouse.command('DROP TABLE source SYNC');
      },
    };
  },
};

const ourDrain = (engines: BenchEngines, topic: string, url: string, group: string): Drain =>
  processDrain(
    [...(process.env.NODE_ARGS?.split(' ') ?? []), projectPath('dist/stream-jobs/clickhouse-ingest/main.js')],
    {
      KAFKA_BROKERS: engines.kafka,
      SCHEMA_REGISTRY_URL: engines.schemaRegistry,
      CLICKHOUSE_URL: url,
      CLICKHOUSE_INGEST_PORT: '0',
      CLICKHOUSE_INGEST_GROUP: group,
      CLICKHOUSE_INGEST_TOPIC_PREFIX: topic.slice(0, -topics.shopperActivity.topic.length),
      CLICKHOUSE_INGEST_TABLES: 'shopper_activity',
      LOG_LEVEL: 'warn',
      ZIPKIN_URL: '',
    },
  );

const processDrain = (args: string[], env: Record<string, string>): Drain => {
  const child: ChildProcess = spawn(process.execPath, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    pids: child.pid === undefined ? [] : [child.pid],
    ended: () => child.exitCode !== null || child.signalCode !== null,
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
};

type Summary = ReturnType<typeof summariesOf>[number];

const summariesOf = (runs: readonly Run[]) =>
  names.flatMap((name) => {
    const own = runs.filter((run) => run.name === name);
    if (own.length === 0) return [];
    const middle = (pick: (run: Run) => number) => median(own.map(pick));
    return [
      {
        name,
        title: titles[name],
        rowsPerSecond: middle((run) => run.rowsPerSecond),
        rowsPerCpuSecond: middle((run) => run.rowsPerCpuSecond),
        clientCpuSeconds: middle((run) => run.clientCpuSeconds),
        engineCpuSeconds: middle((run) => run.engineCpuSeconds),
        brokerCpuSeconds: middle((run) => run.brokerCpuSeconds),
        clientBytesMax: Math.max(...own.map((run) => run.clientBytesMax)),
        totalSeconds: middle((run) => run.totalSeconds),
        exactRuns: own.filter((run) => run.exact).length,
        runs: own.length,
      },
    ];
  });

/** The median of the rounds' ratios, because a disturbance of a round affects both sides. */
const ratioOf = (runs: readonly Run[], name: Name, pick: (run: Run) => number): number =>
  median(
    runs
      .filter((run) => run.name === 'ours')
      .flatMap((ours) => {
        const other = runs.find((run) => run.name === name && run.round === ours.round);
        return other === undefined ? [] : [pick(ours) / pick(other)];
      }),
  );

const ratiosOf = (runs: readonly Run[]) =>
  Object.fromEntries(
    (['kafka', 'naive'] as const)
      .filter((name) => runs.some((run) => run.name === name))
      .map((name) => [
        name,
        {
          rowsPerSecond: ratioOf(runs, name, (run) => run.rowsPerSecond),
          rowsPerCpuSecond: ratioOf(runs, name, (run) => run.rowsPerCpuSecond),
        },
      ]),
  );

const printSummaries = (summaries: readonly Summary[], ratios: ReturnType<typeof ratiosOf>): void => {
  const fastest = Math.max(...summaries.map((each) => each.rowsPerSecond));
  console.log('');
  console.log(
    table(
      [
        { title: `median of ${rounds}` },
        { title: 'rows/s', right: true },
        { title: 'rows/CPU-s', right: true },
        { title: 'client CPU s', right: true },
        { title: 'engine CPU s', right: true },
        { title: '(broker)', right: true },
        { title: 'client MiB', right: true },
        { title: 'start to end s', right: true },
        { title: 'exact', right: true },
      ],
      summaries.map((each) => [
        each.title,
        thousands(each.rowsPerSecond),
        thousands(each.rowsPerCpuSecond),
        each.clientCpuSeconds.toFixed(1),
        each.engineCpuSeconds.toFixed(1),
        each.brokerCpuSeconds.toFixed(1),
        each.clientBytesMax === 0 ? '-' : (each.clientBytesMax / 1024 / 1024).toFixed(0),
        each.totalSeconds.toFixed(1),
        `${each.exactRuns}/${each.runs}`,
      ]),
    ),
  );
  console.log('');
  for (const each of summaries)
    console.log(
      `  ${each.name.padEnd(6)} ${bar(each.rowsPerSecond / fastest, 50).padEnd(50)} ${thousands(each.rowsPerSecond)}`,
    );
  console.log('');
  for (const [name, { rowsPerSecond, rowsPerCpuSecond }] of Object.entries(ratios))
    console.log(
      `  ours is ${rowsPerSecond.toFixed(2)} × ${name} in rows/s, ${rowsPerCpuSecond.toFixed(2)} × in rows per CPU-second (median of the rounds' ratios)`,
    );
};

const report = (runs: readonly Run[], filled: Filled, limit: Limit | undefined): void => {
  const summaries = summariesOf(runs);
  const ratios = ratiosOf(runs);
  printSummaries(summaries, ratios);
  const reached = limit === undefined ? undefined : shareOf(limit, summaries);
  if (limit !== undefined && reached !== undefined) printLimit(limit, reached);
  writeResults('ingest', {
    events: { rows: filled.rows, valueBytesMean: filled.valueBytes / filled.rows, partitions },
    ratios,
    limit: limit === undefined ? null : { ...limit, reached },
    summaries,
    runs: runs.map(({ blocks, ...run }) => ({ ...run, blocks: blocks.length })),
  });
  const inexact = runs.filter(({ name, exact }) => (name === 'ours' || name === 'two') && !exact);
  if (inexact.length > 0) {
    const which = inexact.map(({ name, round }) => `${name} in round ${round}`).join(', ');
    console.error(`clickhouse-ingest was not exact: ${which}`);
    process.exitCode = 1;
  }
};

const microsOf = ({ drain, insert }: Limit): number =>
  drain.clientMicrosPerRow + insert.clientMicrosPerRow + insert.engineMicrosPerRow;

/** The share of the limit that ours reaches per CPU-second; 1 would be the cost of reading and inserting alone. */
const shareOf = (
  limit: Limit,
  summaries: readonly { name: Name; rowsPerCpuSecond: number }[],
): number | undefined => {
  const ours = summaries.find(({ name }) => name === 'ours');
  return ours === undefined ? undefined : (microsOf(limit) / 1_000_000) * ours.rowsPerCpuSecond;
};

const printLimit = (limit: Limit, reached: number): void => {
  const { drain, insert } = limit;
  console.log(
    table(
      [
        { title: 'the two halves by themselves' },
        { title: 'client CPU µs/row', right: true },
        { title: 'engine CPU µs/row', right: true },
      ],
      [
        ['the topic read by the client alone', drain.clientMicrosPerRow.toFixed(2), '-'],
        [
          'the same blocks inserted without Kafka',
          insert.clientMicrosPerRow.toFixed(2),
          insert.engineMicrosPerRow.toFixed(2),
        ],
      ],
    ),
  );
  console.log(
    `  together ${thousands(1_000_000 / microsOf(limit))} rows per CPU-second; ours reaches ${(reached * 100).toFixed(0)} % of that`,
  );
};
