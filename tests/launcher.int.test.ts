import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { kafkaEnv } from '#platform/messaging/kafka-settings';
import { engines, runFilePath } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { type LauncherProcess, spawnLauncher, startLauncher } from './launcher-process.js';

// Engines are started here while other tests keep both cores busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

type Listed = { name: string; pid: number };

const parent = mkdtempSync(join(tmpdir(), 'cartstream-launcher-'));
/** Characters that shells, URLs, Java and property files each read in their own way, as far as they are taken. */
const dataDir = join(parent, 'dätä, a=b (x)$y');
const runFile = join(dataDir, 'run.json');
const enginesOnly = ['--engines-only'];
let launcher: LauncherProcess;

const listed = (): Listed[] =>
  (JSON.parse(readFileSync(runFile, 'utf8')) as { processes: Listed[] }).processes;
const pidOf = (name: string): number => listed().find((one) => one.name === name)?.pid ?? 0;

const isAlive = (pid: number): boolean => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

/** Those of these URLs, or `host:port`, whose port takes no connection. */
const unreachable = async (addresses: readonly string[]): Promise<string[]> => {
  const refusing = addresses.map(async (address) => {
    const { hostname, port } = new URL(address.includes('://') ? address : `tcp://${address}`);
    const socket = connect({ host: hostname, port: Number(port) });
    const isReached = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    return isReached ? [] : [address];
  });
  return (await Promise.all(refusing)).flat();
};

/** What a user sees of a start that cannot be: its exit code and the one line that says why. */
const refused = async (args: readonly string[], env: Record<string, string> = {}) => {
  const [dir = dataDir, ...rest] = args;
  const attempt = spawnLauncher(dir, rest, env);
  const code = await attempt.exited;
  return { code, lines: attempt.output.filter((line) => !line.startsWith('built ')) };
};

/** Engines of that other platform, so that a launcher has one process of its own and starts at once. */
const allButRedis = (file: string): Record<string, string> => {
  const urls = engines({ CARTSTREAM_RUN: file });
  return {
    ...kafkaEnv(urls.kafka),
    SCHEMA_REGISTRY_URL: urls.schemaRegistryUrl,
    CLICKHOUSE_URL: urls.clickhouseUrl,
    DATABASE_URL: urls.databaseUrl,
    ZIPKIN_URL: urls.zipkinUrl,
  };
};

/** Zipkin keeps nothing in the folder, and starts last by far beside other tests, because it leaves them the processor. */
const noZipkin = () => ({ ZIPKIN_URL: engines().zipkinUrl });

beforeAll(async () => {
  // HOST is set by some shells: engines that ask for no password must not listen there.
  launcher = await startLauncher(dataDir, enginesOnly, { LC_ALL: 'C', HOST: '192.0.2.1', ...noZipkin() });
});

afterAll(async () => {
  await launcher?.stop();
  rmSync(parent, { recursive: true, force: true });
});

describe('a folder with odd characters, in the C locale', () => {
  it('holds everything that the engines write', () => {
    expect(readdirSync(parent)).toEqual([basename(dataDir)]);
    const written = ['clickhouse', 'kafka', 'postgres', 'redis'].filter(
      (engine) => readdirSync(join(dataDir, engine)).length > 0,
    );
    expect(written).toEqual(['clickhouse', 'kafka', 'postgres', 'redis']);
  });
});

describe('a start that cannot be says why in one line, and breaks nothing', () => {
  it('in a folder that is in use', async () => {
    const before = listed();
    const { code, lines } = await refused([dataDir, ...enginesOnly]);
    expect({ code, lines }).toEqual({
      code: 1,
      lines: [
        `cartstream: ${dataDir} is in use by process ${launcher.pid}; stop that one, or choose another folder and port with --data and --port`,
      ],
    });
    expect(listed()).toEqual(before);
  });

  it('on a port that is taken', async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
    });
    const other = mkdtempSync(join(tmpdir(), 'cartstream-launcher-'));
    const { code, lines } = await refused([other, '--port', `${port}`]);
    expect({ code, lines }).toEqual({
      code: 1,
      lines: [
        `cartstream: port ${port} is taken; free it or choose another with \`npm start -- --port 8080\``,
      ],
    });
    rmSync(other, { recursive: true });
    await new Promise((resolve) => server.close(resolve));
  });

  it('where it cannot write', async () => {
    const file = join(dataDir, 'a-file');
    writeFileSync(file, '');
    const { code, lines } = await refused([join(file, 'data'), ...enginesOnly]);
    expect(code).toBe(1);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^cartstream: cannot write to the data folder .*; choose another with --data$/);
  });

  it('with an option that does not exist', async () => {
    const { code, lines } = await refused([dataDir, '--prot', '8000']);
    expect(code).toBe(2);
    expect(lines[0]).toBe('cartstream: unknown option "--prot"');
  });
});

describe('engines', () => {
  const names = ['redis', 'postgres', 'clickhouse', 'kafka', 'schema-registry'];

  it('that are killed come back on their ports, and run.json follows', async () => {
    const urls = engines({ CARTSTREAM_RUN: runFile });
    const killed = new Map(names.map((name) => [name, pidOf(name)]));
    for (const pid of killed.values()) process.kill(pid, 'SIGKILL');
    await eventually(() => expect(names.filter((name) => pidOf(name) === killed.get(name))).toEqual([]));
    const { schemaRegistryUrl, clickhouseUrl, databaseUrl, redisUrl } = urls;
    const addresses = [...urls.kafka.brokers, schemaRegistryUrl, clickhouseUrl, databaseUrl, redisUrl];
    await eventually(async () => expect(await unreachable(addresses)).toEqual([]), { timeoutMs: 60_000 });
    expect(engines({ CARTSTREAM_RUN: runFile })).toEqual(urls);
  });
});

describe('the end', () => {
  it('by kill -9 leaves nothing that the next start does not clean up, and no data is lost', async () => {
    const { databaseUrl } = engines({ CARTSTREAM_RUN: runFile });
    const before = listed();
    process.kill(launcher.pid, 'SIGKILL');
    await launcher.exited;
    launcher = await startLauncher(dataDir, enginesOnly, noZipkin());
    expect(before.filter(({ pid }) => isAlive(pid))).toEqual([]);
    expect(engines({ CARTSTREAM_RUN: runFile }).databaseUrl).toBe(databaseUrl);
  });

  it('by kill -9 takes every process along, even if nothing is started again', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'cartstream-launcher-'));
    const short = await startLauncher(dir, enginesOnly, allButRedis(runFile));
    const { pid } = (JSON.parse(readFileSync(join(dir, 'run.json'), 'utf8')) as { processes: Listed[] })
      .processes[0] as Listed;
    process.kill(short.pid, 'SIGKILL');
    await eventually(() => !isAlive(pid), { timeoutMs: 10_000 });
    rmSync(dir, { recursive: true });
  });

  it('does not come where nobody reads any more what it prints', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'cartstream-launcher-'));
    const unread = await startLauncher(dir, enginesOnly, allButRedis(runFile));
    const only = () =>
      (JSON.parse(readFileSync(join(dir, 'run.json'), 'utf8')) as { processes: Listed[] }).processes[0];
    const first = only()?.pid as number;
    unread.hangUp();
    process.kill(first, 'SIGKILL');
    await eventually(() => ![undefined, first].includes(only()?.pid));
    expect(await unread.stop()).toBe(0);
    expect(existsSync(join(dir, 'run.json'))).toBe(false);
    rmSync(dir, { recursive: true });
  });

  it('of the machine leaves a lock file of PostgreSQL, whose process id is another program’s by now', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'cartstream-launcher-'));
    const allButPostgres: Record<string, string> = { ...allButRedis(runFile), DATABASE_URL: '' };
    allButPostgres.REDIS_URL = engines({ CARTSTREAM_RUN: runFile }).redisUrl;
    await (await startLauncher(dir, enginesOnly, allButPostgres)).stop();
    writeFileSync(join(dir, 'postgres', 'cluster', 'postmaster.pid'), `${process.pid}\n`);
    await (await startLauncher(dir, enginesOnly, allButPostgres)).stop();
    rmSync(dir, { recursive: true });
  });

  it('by SIGTERM comes within 10 s also while an engine that hangs is still being started', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'cartstream-launcher-'));
    const starting = spawnLauncher(dir, enginesOnly, {
      ...allButRedis(runFile),
      REDIS_URL: engines({ CARTSTREAM_RUN: runFile }).redisUrl,
      ZIPKIN_URL: '',
    });
    const pid = await eventually(() => {
      const recorded = JSON.parse(readFileSync(join(dir, 'processes.json'), 'utf8')) as { pid: number }[];
      if (recorded[0] === undefined) throw new Error('nothing is started yet');
      return recorded[0].pid;
    });
    process.kill(pid, 'SIGSTOP');
    const startedAt = performance.now();
    await starting.stop();
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    expect(isAlive(pid)).toBe(false);
    rmSync(dir, { recursive: true });
  });

  it('by SIGTERM comes within 10 s and leaves no process, no port and no run.json', async () => {
    const before = listed();
    const startedAt = performance.now();
    expect(await launcher.stop()).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    expect(before.filter(({ pid }) => isAlive(pid))).toEqual([]);
    expect(existsSync(runFile)).toBe(false);
  });

  it('of the data comes with --fresh, whatever the folder is called', async () => {
    const mark = join(dataDir, 'redis', 'of-the-last-start');
    writeFileSync(mark, '');
    launcher = await startLauncher(dataDir, ['--fresh', ...enginesOnly], {
      LC_ALL: 'C',
      ...allButRedis(runFilePath()),
    });
    expect(existsSync(mark)).toBe(false);
    expect(readdirSync(parent)).toEqual([basename(dataDir)]);
  });
});
