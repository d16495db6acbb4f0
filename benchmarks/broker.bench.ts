import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { openBroker } from '#platform/messaging/open-broker';
import { loadRdkafka, rdkafkaVersion } from '#platform/messaging/rdkafka-module';
import { projectPath } from '#platform/project';
import { createLogger } from '#platform/telemetry/logger';
import { engines, runFileVariable } from '#platform/testing/engines';
import { startScratch } from '../tests/running-platform.js';
import type { ClientRun } from './broker/client.js';
import { median } from './figures.js';
import { writeResults } from './results.js';
import { progressLine, table, thousands } from './terminal.js';

const records = Number(process.env.RECORDS ?? 300_000);
const rounds = Number(process.env.ROUNDS ?? 5);
const partitions = 6;

type Contender = { title: string; client: 'kafkajs' | 'rdkafka'; task: string };

/** The first variant of each task is the one with which the others are compared. */
const contenders: readonly Contender[] = [
  { title: 'kafkajs, produce', client: 'kafkajs', task: 'produce' },
  { title: 'rdkafka, produce', client: 'rdkafka', task: 'produce' },
  { title: 'kafkajs, consume', client: 'kafkajs', task: 'consume' },
  { title: 'rdkafka, consume', client: 'rdkafka', task: 'consume' },
  { title: 'kafkajs, consume packed', client: 'kafkajs', task: 'consume-packed' },
];

type Run = ClientRun & { title: string; round: number };

export const runBrokerBench = async (): Promise<void> => {
  if (loadRdkafka() === undefined)
    throw new Error('node-rdkafka is not built on this machine: npm run build:rdkafka');
  console.log(`broker: ${thousands(records)} records of 150 B, ${partitions} partitions, ${rounds} rounds`);
  const given = process.env[runFileVariable];
  const { runFile, stop } = given
    ? { runFile: given, stop: async () => {} }
    : await startScratch(['--engines-only']);
  try {
    report(await measureAll(runFile));
  } finally {
    await stop();
  }
};

const measureAll = async (runFile: string): Promise<Run[]> => {
  const { kafka } = engines({ [runFileVariable]: runFile });
  const logger = createLogger('bench', { level: 'fatal' });
  const admin = await openBroker(kafka, { clientId: 'bench', logger }).admin();
  const topics: string[] = [];
  const newTopic = async (): Promise<string> => {
    const topic = `bench-broker-${randomUUID()}`;
    await admin.createTopics([{ topic, partitions }]);
    topics.push(topic);
    return topic;
  };
  const runs: Run[] = [];
  const progress = progressLine('rounds');
  const written = await newTopic();
  await runClient(runFile, contenders[0] as Contender, written);
  for (let round = 1; round <= rounds; round += 1) {
    // Every other round has the reverse order, because later runs find warmer caches.
    const order = round % 2 === 1 ? contenders : [...contenders].reverse();
    for (const each of order) {
      const topic = each.task === 'produce' ? await newTopic() : written;
      runs.push({ title: each.title, round, ...(await runClient(runFile, each, topic)) });
      progress.update(runs.length / (rounds * contenders.length), each.title);
    }
  }
  progress.done(`${runs.length} runs`);
  await admin.deleteTopics(topics);
  await admin.close();
  return runs;
};

const runClient = async (runFile: string, { client, task }: Contender, topic: string): Promise<ClientRun> => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [projectPath('dist/benchmarks/broker/client.js')],
    {
      timeout: 300_000,
      env: {
        ...process.env,
        [runFileVariable]: runFile,
        KAFKA_CLIENT: client,
        BENCH_TASK: task,
        BENCH_TOPIC: topic,
        BENCH_RECORDS: String(records),
      },
    },
  );
  return JSON.parse(stdout) as ClientRun;
};

const report = (runs: readonly Run[]): void => {
  const perSecond = (run: Run) => run.records / run.seconds;
  const perCpuSecond = (run: Run) => run.records / run.cpuSeconds;
  const runsOf = (title: string) => runs.filter((run) => run.title === title);
  const peerOf = ({ task }: Contender): Contender =>
    contenders.find((each) => each.task === (task === 'produce' ? 'produce' : 'consume')) as Contender;
  const ratio = (each: Contender, pick: (run: Run) => number): number => {
    const peers = runsOf(peerOf(each).title);
    return median(
      runsOf(each.title).map(
        (run) => pick(run) / pick(peers.find(({ round }) => round === run.round) as Run),
      ),
    );
  };
  const summaries = contenders.map((each) => ({
    title: each.title,
    recordsPerSecond: median(runsOf(each.title).map(perSecond)),
    recordsPerCpuSecond: median(runsOf(each.title).map(perCpuSecond)),
    ratioToKafkajs: { perSecond: ratio(each, perSecond), perCpuSecond: ratio(each, perCpuSecond) },
  }));
  console.log('');
  console.log(
    table(
      [
        { title: `median of ${rounds}` },
        { title: 'records/s', right: true },
        { title: 'records/CPU-s', right: true },
        { title: '× kafkajs', right: true },
        { title: '× per CPU-s', right: true },
      ],
      summaries.map((each) => [
        each.title,
        thousands(each.recordsPerSecond),
        thousands(each.recordsPerCpuSecond),
        each.ratioToKafkajs.perSecond.toFixed(2),
        each.ratioToKafkajs.perCpuSecond.toFixed(2),
      ]),
    ),
  );
  writeResults('broker', { rdkafka: rdkafkaVersion, records, partitions, summaries, runs });
};
