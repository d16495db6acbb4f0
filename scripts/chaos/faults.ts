import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { kafkajsSessionTimeoutMs } from '#platform/messaging/broker-options';
import { kafkaEnv } from '#platform/messaging/kafka-settings';
import { projectPath } from '#platform/project';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { sleep } from '#platform/waiting/sleep';
import { underIngestLoad } from '../../tests/running-platform.js';

/** A way in which a part of the running platform can go wrong. */
export type Fault = {
  name: string;
  /** Of a hundred random faults. */
  share: number;
  /** Resolves when what was hurt answers again. */
  happen(platform: FaultyPlatform): Promise<void>;
};

export type FaultyPlatform = {
  runFile: string;
  /** Rejects while the part of this name does not answer. */
  answers: Readonly<Record<string, () => Promise<unknown>>>;
};

const backMsMax = 60_000;
/** Longer than a member may be silent, so that its partitions go to nobody else, and it has lost them when it wakes. */
const pauseMs = kafkajsSessionTimeoutMs + 2_000;
const guestMsMax = 6_000;

const pidOf = ({ runFile }: FaultyPlatform, name: string): number | undefined =>
  (
    JSON.parse(readFileSync(runFile, 'utf8')) as { processes: { name: string; pid: number }[] }
  ).processes.find((each) => each.name === name)?.pid;

/** Ends a process, which its supervisor starts again. */
const end =
  (victim: string, signal: 'SIGKILL' | 'SIGTERM') =>
  async (platform: FaultyPlatform): Promise<void> => {
    const pid = pidOf(platform, victim);
    if (pid === undefined) throw new Error(`${victim} is not a process of this platform`);
    process.kill(pid, signal);
    await eventually(
      async () => {
        const next = pidOf(platform, victim);
        if (next === undefined || next === pid) return false;
        await platform.answers[victim]?.();
        return true;
      },
      { timeoutMs: backMsMax, everyMs: 20, message: `${victim} to be back` },
    );
  };

/** The ingest stands still for so long that Kafka takes its partitions away, and wakes up with a block in its hands. */
const pause = async (platform: FaultyPlatform): Promise<void> => {
  const pid = pidOf(platform, 'clickhouse-ingest');
  if (pid === undefined) throw new Error('clickhouse-ingest is not a process of this platform');
  process.kill(pid, 'SIGSTOP');
  await sleep(pauseMs);
  process.kill(pid, 'SIGCONT');
};

/** A second ingest joins the group, which shares the partitions anew, and leaves or dies a moment later. */
const rebalance = async ({ runFile }: FaultyPlatform): Promise<void> => {
  const urls = engines({ CARTSTREAM_RUN: runFile });
  const guest = spawn(process.execPath, [projectPath('dist/stream-jobs/clickhouse-ingest/main.js')], {
    env: {
      ...process.env,
      ...kafkaEnv(urls.kafka),
      ...underIngestLoad,
      SCHEMA_REGISTRY_URL: urls.schemaRegistryUrl,
      CLICKHOUSE_URL: urls.clickhouseUrl,
      CLICKHOUSE_INGEST_PORT: '0',
      LOG_LEVEL: 'fatal',
      ZIPKIN_URL: '',
    },
    stdio: 'ignore',
  });
  const exited = new Promise<void>((resolve) => guest.once('exit', () => resolve()));
  await sleep(1_000 + Math.random() * guestMsMax);
  if (guest.exitCode !== null) throw new Error(`the second ingest ended by itself with ${guest.exitCode}`);
  guest.kill(Math.random() < 0.5 ? 'SIGKILL' : 'SIGTERM');
  await exited;
};

export const faults: readonly Fault[] = [
  { name: 'ingest killed', share: 40, happen: end('clickhouse-ingest', 'SIGKILL') },
  { name: 'ingest restarted', share: 12, happen: end('clickhouse-ingest', 'SIGTERM') },
  { name: 'ingest paused', share: 4, happen: pause },
  { name: 'partitions moved', share: 18, happen: rebalance },
  { name: 'broker killed', share: 6, happen: end('kafka', 'SIGKILL') },
  { name: 'broker restarted', share: 6, happen: end('kafka', 'SIGTERM') },
  { name: 'ClickHouse killed', share: 6, happen: end('clickhouse', 'SIGKILL') },
  { name: 'registry killed', share: 4, happen: end('schema-registry', 'SIGKILL') },
  { name: 'services killed', share: 4, happen: end('gateway', 'SIGKILL') },
];

/** `count` faults, each kind in its share, in random order. */
export const planFaults = (count: number, random: () => number = Math.random): Fault[] => {
  const plan = faults.flatMap((fault) =>
    Array.from({ length: Math.floor((fault.share * count) / 100) }, () => fault),
  );
  for (let nth = 0; plan.length < count; nth += 1) plan.push(faults[nth % faults.length] as Fault);
  for (let at = plan.length - 1; at > 0; at -= 1) {
    const other = Math.floor(random() * (at + 1));
    [plan[at], plan[other]] = [plan[other] as Fault, plan[at] as Fault];
  }
  return plan;
};
