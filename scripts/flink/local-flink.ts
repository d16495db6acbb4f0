import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cpuSeconds } from '../../benchmarks/process-figures.js';
import { cacheDir } from '../../local/software/cache.js';
import { flinkConnectors, flinkFile, flinkVersion } from './jobs.js';

/** Flink in one JVM: its SQL client runs a script with a cluster of its own inside. */

const distribution = {
  file: `apache_flink_libraries-${flinkVersion}.tar.gz`,
  sha256: 'a8c12b411eefd45a33e54579ff65c29faa09e96a670f3c2c39ddeca35d8196c6',
};
const gateway = {
  name: 'flink-sql-gateway',
  version: flinkVersion,
  sha256: '591f8dcd5d687d9e5a01bcd9f6f50439d975a9b2acef07fac126baacdfe25abf',
};

/** The folder of Flink and its connectors: from PyPI and Maven Central, once, into the cache outside the checkout. */
export const installFlink = (): string => {
  const cache = cacheDir(process.env);
  const folder = join(cache, `flink-${flinkVersion}`);
  if (existsSync(folder)) return folder;
  console.log(`flink: downloads Flink ${flinkVersion} (340 MB) into ${folder}`);
  mkdirSync(cache, { recursive: true });
  const making = mkdtempSync(join(cache, '.flink-'));
  const run = (command: string, args: string[]): void => {
    execFileSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'], cwd: making });
  };
  try {
    run('python3', [
      ...['-m', 'pip', 'download', '--quiet', '--no-deps', '--no-binary', ':all:'],
      `apache-flink-libraries==${flinkVersion}`,
    ]);
    verify(join(making, distribution.file), distribution.sha256);
    run('tar', [
      '-xzf',
      distribution.file,
      '--strip-components=2',
      `apache_flink_libraries-${flinkVersion}/deps`,
    ]);
    rmSync(join(making, distribution.file));
    for (const { name, version: of, sha256 } of [gateway, ...flinkConnectors()]) {
      run('mvn', [
        ...['-q', '-B', 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy'],
        `-Dartifact=org.apache.flink:${name}:${of}`,
        `-DoutputDirectory=${join(making, 'lib')}`,
      ]);
      verify(join(making, 'lib', `${name}-${of}.jar`), sha256);
    }
    renameSync(making, folder);
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
  return folder;
};

const verify = (file: string, expected: string): void => {
  const found = createHash('sha256').update(readFileSync(file)).digest('hex');
  if (found !== expected) throw new Error(`${file} has the checksum ${found}, not ${expected}`);
};

export type FlinkSettings = {
  brokers: string;
  schemaRegistryUrl: string;
  topicPrefix: string;
  visitGapSeconds: number;
  performanceWindowSeconds: number;
  /** True to read what is there now and end; false to go on for ever. */
  isBounded: boolean;
  /** The options of each sink, as in `WITH (…)`. */
  sinkOf(name: string): string;
};

/** The script of a job of stream-jobs/flink: its sources, then itself. */
export const flinkScript = (job: string, settings: FlinkSettings): string => {
  const filled: Record<string, string> = {
    JOB: job,
    KAFKA_BROKERS: settings.brokers,
    SCHEMA_REGISTRY_URL: settings.schemaRegistryUrl,
    PREFIX: settings.topicPrefix,
    TARGET: 'local',
    PARALLELISM: '1',
    VISIT_GAP: intervalOf(settings.visitGapSeconds),
    PERFORMANCE_WINDOW: intervalOf(settings.performanceWindowSeconds),
    BOUNDED: settings.isBounded ? "'scan.bounded.mode' = 'latest-offset'," : '',
  };
  const wait = settings.isBounded ? "SET 'table.dml-sync' = 'true';\n" : '';
  return `${wait}${flinkFile('sources.sql')}\n${flinkFile(`${job}.sql`)}`.replaceAll(
    /\$\{(\w+)(?::([\w-]+))?\}/g,
    (whole, name, of) => (name === 'SINK' ? settings.sinkOf(of) : (filled[name] ?? whole)),
  );
};

/** Less than 100 hours as SQL has it: `INTERVAL '1800' SECOND` has more digits than SQL gives seconds. */
const intervalOf = (seconds: number): string => {
  const parts = [seconds / 3_600, (seconds / 60) % 60, seconds % 60];
  const clock = parts.map((part) => String(Math.floor(part)).padStart(2, '0')).join(':');
  return `INTERVAL '${clock}' HOUR TO SECOND`;
};

export type FlinkRun = {
  ended: Promise<{ cpuSeconds: number; seconds: number; output: string }>;
  process: ChildProcess;
};

/** Runs a script in a JVM of its own. Its CPU time is read every 50 ms, so the last moments are missing. */
export const runFlink = (folder: string, script: string, heapMb: number): FlinkRun => {
  const work = mkdtempSync(join(tmpdir(), 'cartstream-flink-'));
  writeFileSync(join(work, 'config.yaml'), 'parallelism.default: 1\n');
  writeFileSync(join(work, 'job.sql'), script);
  const opens = ['util', 'lang', 'time'].map((name) => `--add-opens=java.base/java.${name}=ALL-UNNAMED`);
  const classPath = [join(folder, 'lib/*'), join(folder, 'opt/*')].join(':');
  const startedAtMs = performance.now();
  const child = spawn(
    'java',
    [
      ...[`-Xmx${heapMb}m`, '-XX:+UseSerialGC', ...opens, '-cp', classPath],
      ...['org.apache.flink.table.client.SqlClient', '-f', join(work, 'job.sql')],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, FLINK_CONF_DIR: work, HOME: work } },
  );
  let output = '';
  let used = 0;
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-64_000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const watching = setInterval(() => {
    used = Math.max(used, cpuSeconds(child.pid as number));
  }, 50);
  const ended = new Promise<{ cpuSeconds: number; seconds: number; output: string }>((resolve) => {
    child.once('close', () => {
      clearInterval(watching);
      rmSync(work, { recursive: true, force: true });
      resolve({ cpuSeconds: used, seconds: (performance.now() - startedAtMs) / 1000, output });
    });
  });
  return { ended, process: child };
};
