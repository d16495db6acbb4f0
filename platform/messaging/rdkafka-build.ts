import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * node-rdkafka is not a dependency: it compiles for two minutes, and a first `npm start` must not wait for that.
 * It is built on demand into a cache outside the checkout, once for its version and Node's binary interface.
 */
export const rdkafkaVersion = '3.6.1';

const cacheFolder = (): string =>
  join(
    process.env.CARTSTREAM_CACHE ||
      join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'cartstream'),
    'node-rdkafka',
    `${rdkafkaVersion}-node${process.versions.modules}-${process.platform}-${process.arch}`,
  );

const lockPollMs = 1_000;
const buildTimeoutMs = 15 * 60 * 1000;

/** The module when it has been built, else undefined. */
export const loadRdkafka = (): RdkafkaModule | undefined => {
  const folder = cacheFolder();
  if (!existsSync(join(folder, 'built'))) return undefined;
  return createRequire(join(folder, 'package.json'))('node-rdkafka') as RdkafkaModule;
};

/** The little of node-rdkafka's face that the broker uses; its own types are not installed with the project. */
export type RdkafkaModule = {
  KafkaConsumer: new (config: object, topicConfig: object) => RdkafkaConsumer;
  HighLevelProducer: unknown;
  Producer: new (config: object, topicConfig: object) => RdkafkaProducer;
  AdminClient: { create(config: object): RdkafkaAdmin };
  CODES: { ERRORS: Record<string, number> };
};

export type RdkafkaError = Error & { code?: number; isFatal?: boolean; isRetriable?: boolean };
export type RdkafkaAssignment = { topic: string; partition: number; offset?: number };
export type RdkafkaMessage = {
  topic: string;
  partition: number;
  offset: number;
  key: Buffer | string | null | undefined;
  value: Buffer | null;
  timestamp?: number;
  headers?: Record<string, Buffer | string>[];
  size: number;
};
type Done<T = void> = (error: RdkafkaError | null | undefined, result: T) => void;
type RdkafkaClient = {
  connect(options: { timeout?: number; allTopics?: boolean; topic?: string }, done: Done<unknown>): void;
  disconnect(done: Done<unknown>): void;
  on(event: string, listener: (...given: never[]) => void): void;
  getMetadata(
    options: { topic?: string; timeout?: number },
    done: Done<{ topics: { name: string; partitions: { id: number }[] }[] }>,
  ): void;
  queryWatermarkOffsets(
    topic: string,
    partition: number,
    timeoutMs: number,
    done: Done<{ lowOffset: number; highOffset: number }>,
  ): void;
};
export type RdkafkaConsumer = RdkafkaClient & {
  subscribe(topics: string[]): void;
  unsubscribe(): void;
  assign(partitions: RdkafkaAssignment[]): void;
  unassign(): void;
  consume(count: number, done: Done<RdkafkaMessage[]>): void;
  setDefaultConsumeTimeout(ms: number): void;
  setDefaultConsumeLoopTimeoutDelay?(ms: number): void;
  pause(partitions: RdkafkaAssignment[]): void;
  resume(partitions: RdkafkaAssignment[]): void;
  commitSync(partitions: RdkafkaAssignment[]): void;
  commit(partitions: RdkafkaAssignment[]): void;
  committed(partitions: RdkafkaAssignment[], timeoutMs: number, done: Done<RdkafkaAssignment[]>): void;
  getWatermarkOffsets(topic: string, partition: number): { lowOffset: number; highOffset: number };
  rebalanceProtocol?(): string;
};
export type RdkafkaProducer = RdkafkaClient & {
  produce(
    topic: string,
    partition: number | null,
    value: Buffer | null,
    key: Buffer | string | null,
    timestampMs: number | undefined,
    opaque: unknown,
    headers?: Record<string, string>[],
  ): void;
  setPollInterval(ms: number): void;
  setPollInBackground?(inBackground: boolean): void;
  flush(timeoutMs: number, done: Done): void;
};
export type RdkafkaAdmin = {
  createTopic(
    topic: {
      topic: string;
      num_partitions: number;
      replication_factor: number;
      config: Record<string, string>;
    },
    timeoutMs: number,
    done: Done,
  ): void;
  deleteTopic(topic: string, timeoutMs: number, done: Done): void;
  disconnect(): void;
};

/**
 * Builds it unless it is built, telling `report` what goes on, and returns the folder. Waits for a build that is
 * already running elsewhere. Throws, with the end of the compiler's output, when it cannot be built.
 */
export const buildRdkafka = async (report: (line: string) => void): Promise<string> => {
  const folder = cacheFolder();
  const lock = `${folder}.lock`;
  await mkdir(dirname(folder), { recursive: true });
  for (const deadline = Date.now() + buildTimeoutMs; !existsSync(join(folder, 'built')); ) {
    if (await takeLock(lock)) {
      try {
        await install(folder, report);
      } finally {
        await rm(lock, { force: true });
      }
    } else {
      if (Date.now() > deadline) throw new Error(`${lock} is held for too long`);
      await new Promise((resolve) => setTimeout(resolve, lockPollMs));
    }
  }
  return folder;
};

/** A file with the builder's process id; that of a dead one is taken over. */
const takeLock = async (lock: string): Promise<boolean> => {
  try {
    await writeFile(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const holder = Number(await readFile(lock, 'utf8').catch(() => ''));
  try {
    process.kill(holder, 0);
  } catch {
    await rm(lock, { force: true });
  }
  return false;
};

const install = async (folder: string, report: (line: string) => void): Promise<void> => {
  // Built in its place, since paths of it go into the binary; it counts only once the mark is there.
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await writeFile(
    join(folder, 'package.json'),
    JSON.stringify({
      private: true,
      dependencies: { 'node-rdkafka': rdkafkaVersion },
      allowScripts: { 'node-rdkafka': true },
    }),
  );
  const startedAt = performance.now();
  const seconds = () => Math.round((performance.now() - startedAt) / 1000);
  report(`building node-rdkafka ${rdkafkaVersion} (about two minutes)`);
  const ticking = setInterval(() => report(`  … ${seconds()} s`), 15_000);
  try {
    await runNpm(folder);
    createRequire(join(folder, 'package.json'))('node-rdkafka');
    await writeFile(join(folder, 'built'), '');
  } finally {
    clearInterval(ticking);
  }
  report(`built in ${seconds()} s`);
};

const outputCharsKept = 4_000;

const runNpm = (folder: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const npm = spawn('npm', ['install', '--no-audit', '--no-fund', '--foreground-scripts'], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      // Its makefile is not made for several jobs at once.
      env: { ...process.env, JOBS: '1', npm_config_ignore_scripts: 'false' },
    });
    let output = '';
    const keep = (chunk: Buffer) => {
      output = (output + chunk).slice(-outputCharsKept);
    };
    npm.stdout.on('data', keep);
    npm.stderr.on('data', keep);
    npm.on('error', reject);
    npm.on('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`npm install node-rdkafka ended with ${code}:\n${output}`)),
    );
  });

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const say = (line: string) => void process.stdout.write(`${line}\n`);
  try {
    say(`node-rdkafka is in ${await buildRdkafka(say)}`);
  } catch (error) {
    process.stderr.write(
      `${(error as Error).message}\nIt needs g++, make and python3: apt-get install g++ make python3\n`,
    );
    process.exitCode = 1;
  }
}
