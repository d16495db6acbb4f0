/**
 * `npm run bench windows`: how many events the windowed jobs compute in a second and in a CPU-second of their process,
 * and how long they take to go on after a kill. The jobs read a topic of shopper activity that was written before: live
 * figures by 10 s and by minute, visits, searches and products by the hour are computed from every event, all with
 * checkpoints, as in production. The engines are those of the platform that CARTSTREAM_RUN names or that runs in
 * `.local`, or are started.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { newId } from '#platform/ids';
import type { BrokerAdmin } from '#platform/messaging/broker';
import { connectBroker } from '#platform/messaging/connect-broker';
import { createSchemaRegistry } from '#platform/messaging/schema-registry';
import { projectPath } from '#platform/project';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { testHost } from '#platform/testing/test-host';
import { records } from '#schemas/events';
import { topics } from '#schemas/topics';
import { jobs, memoryMiBOf, type Part } from '../services/table.js';
import {
  createJobTopics,
  databaseOf,
  dropJobDatabase,
  startJobProcess,
} from '../stream-jobs/windows/testing/windows-job.js';
import { findEngines } from '../tests/running-platform.js';
import { fillTopic } from './ingest/fill.js';
import { cpuSeconds } from './process-figures.js';
import { writeResults } from './results.js';
import { table, thousands } from './terminal.js';

const rows = Number(process.env.ROWS ?? 500_000);
const rounds = Number(process.env.ROUNDS ?? 3);
const runSecondsMax = 300;
const pollMs = 100;
/** As every process gets that runs the jobs alone. */
const { heapMax: heapMbMax } = memoryMiBOf(jobs.find(({ name }) => name === 'windows') as Part);

type Run = {
  round: number;
  eventsPerSecond: number;
  eventsPerCpuSecond: number;
  /** Open windows when the process was killed, and what loading them took. */
  restoredWindows: number;
  restoreMs: number;
  peakMb: number;
};

export const runWindowsBench = async (): Promise<void> => {
  const { runFile, stop } = await findEngines();
  process.env.CARTSTREAM_RUN = runFile;
  try {
    await measure();
  } finally {
    await stop();
  }
};

const measure = async (): Promise<void> => {
  const urls = engines();
  const broker = connectBroker(testHost('bench'), urls.kafka);
  const admin = await broker.admin();
  const prefix = `bench-${newId()}-`;
  const names = await createJobTopics(admin, prefix);
  const registry = createSchemaRegistry(urls.schemaRegistryUrl);
  for (const { subject, schema } of Object.values(records)) await registry.register(subject, schema);
  const { subject, schema } = records.ShopperActivity;
  const schemaId = await registry.idOf(subject, schema);
  await fillTopic(broker, prefix + topics.shopperActivity.topic, schemaId, rows);
  const runs: Run[] = [];
  try {
    for (let round = 1; round <= rounds; round += 1) runs.push(await runOnce(round, prefix, admin));
  } finally {
    await admin.deleteTopics(names);
    await admin.close();
  }
  console.log(
    table(
      [
        { title: 'round', right: true },
        { title: 'events/s', right: true },
        { title: 'events/CPU-s', right: true },
        { title: 'windows restored', right: true },
        { title: 'in ms', right: true },
        { title: 'peak MB', right: true },
      ],
      runs.map((run) => [
        `${run.round}`,
        thousands(run.eventsPerSecond),
        thousands(run.eventsPerCpuSecond),
        thousands(run.restoredWindows),
        thousands(run.restoreMs),
        thousands(run.peakMb),
      ]),
    ),
  );
  writeResults('windows', { rows, runs });
};

type Job = {
  process: ChildProcess;
  pid: number;
  restored: Promise<{ windowsOpen: number; tookMs: number }>;
};

/** The job as in production, on the topics with this prefix and on a database of its group's own. */
const startJob = (prefix: string, group: string): Job => {
  const redisUrl = new URL('/13', engines().redisUrl).toString();
  const child = startJobProcess({ prefix, group, database: databaseOf(group), redisUrl }, [
    `--max-old-space-size=${heapMbMax}`,
    projectPath('dist/stream-jobs/windows/main.js'),
  ]);
  const restored = new Promise<{ windowsOpen: number; tookMs: number }>((resolve) => {
    createInterface({ input: child.stdout as Readable }).on('line', (line) => {
      if (line.includes('windows restored')) resolve(JSON.parse(line));
    });
  });
  return { process: child, pid: child.pid as number, restored };
};

/** One process reads everything and is measured; another is killed half-way, and a third goes on. */
const runOnce = async (round: number, prefix: string, admin: BrokerAdmin): Promise<Run> => {
  const whole = `${prefix}${round}-whole`;
  const job = startJob(prefix, whole);
  await untilRead(admin, prefix, whole, 1);
  const begun = {
    atMs: performance.now(),
    events: await eventsRead(admin, prefix, whole),
    cpuSeconds: cpuSeconds(job.pid),
  };
  await untilRead(admin, prefix, whole, rows);
  const events = rows - begun.events;
  const seconds = (performance.now() - begun.atMs) / 1000;
  const used = cpuSeconds(job.pid) - begun.cpuSeconds;
  const peakMb = peakMbOf(job.pid);
  await end(job, 'SIGTERM', whole);

  const killed = `${prefix}${round}-killed`;
  const first = startJob(prefix, killed);
  await untilRead(admin, prefix, killed, rows / 2);
  first.process.kill('SIGKILL');
  await once(first.process, 'exit');
  const next = startJob(prefix, killed);
  const { windowsOpen, tookMs } = await next.restored;
  await end(next, 'SIGTERM', killed);
  return {
    round,
    eventsPerSecond: events / seconds,
    eventsPerCpuSecond: events / used,
    restoredWindows: windowsOpen,
    restoreMs: tookMs,
    peakMb,
  };
};

const eventsRead = async (admin: BrokerAdmin, prefix: string, group: string): Promise<number> =>
  (await admin.committedOffsets(group, prefix + topics.shopperActivity.topic)).reduce(
    (sum, { nextOffset }) => sum + Number(nextOffset ?? 0n),
    0,
  );

const untilRead = (admin: BrokerAdmin, prefix: string, group: string, events: number): Promise<unknown> =>
  eventually(async () => (await eventsRead(admin, prefix, group)) >= events, {
    timeoutMs: runSecondsMax * 1000,
    everyMs: pollMs,
    message: `${events} events read`,
  });

const end = async (job: Job, signal: NodeJS.Signals, group: string): Promise<void> => {
  job.process.kill(signal);
  await once(job.process, 'exit');
  await dropJobDatabase(databaseOf(group));
};

const peakMbOf = (pid: number): number =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
