import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@clickhouse/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { projectPath } from '#platform/project';
import { eventually } from '#platform/testing/eventually';
import { createPorts } from '../data-folder/ports.js';

const dataDir = mkdtempSync(join(tmpdir(), 'cartstream-clickhouse-'));
let port = 0;
let server: ChildProcess;

const start = async (): Promise<void> => {
  server = spawn(
    process.execPath,
    [
      '--conditions=source',
      '--import=tsx',
      projectPath('local/clickhouse-server/main.ts'),
      dataDir,
      `${port}`,
    ],
    // A session of its own, as the launcher gives it.
    { stdio: 'inherit', detached: true, env: { ...process.env, UV_THREADPOOL_SIZE: '16' } },
  );
  await eventually(async () => (await fetch(`http://127.0.0.1:${port}/health`)).ok);
};

const killed = (): Promise<void> =>
  new Promise((resolve) => {
    server.once('exit', () => resolve());
    server.kill('SIGKILL');
  });

beforeAll(async () => {
  port = await createPorts(dataDir, {}).of('clickhouse');
  await start();
});

afterAll(async () => {
  await killed();
  rmSync(dataDir, { recursive: true, force: true });
});

it('a killed server has every row that it acknowledged, and still knows their tokens', async () => {
  const client = createClient({ url: `http://127.0.0.1:${port}` });
  const insert = (token: number) =>
    client.insert({
      table: 'ledger',
      values: [{ token }],
      format: 'JSONEachRow',
      clickhouse_settings: { insert_deduplication_token: `${token}` },
    });
  await client.command({
    query:
      'CREATE TABLE ledger (token UInt32) ENGINE = MergeTree ORDER BY token SETTINGS non_replicated_deduplication_window = 1000',
  });
  for (let token = 0; token < 50; token++) await insert(token);

  await killed();
  await start();

  for (let token = 40; token < 60; token++) await insert(token);
  const answer = await client.query({
    query: 'SELECT count() AS n, sum(token) AS sum FROM ledger',
    format: 'JSONEachRow',
  });
  expect(await answer.json()).toEqual([{ n: 60, sum: (60 * 59) / 2 }]);
  await client.close();
});

it('the server reads its own settings of tables, by which a small table is not written anew for every few rows', async () => {
  const client = createClient({ url: `http://127.0.0.1:${port}` });
  const answer = await client.query({
    query:
      "SELECT toUInt32(value) AS base FROM system.merge_tree_settings WHERE name = 'merge_selector_base'",
    format: 'JSONEachRow',
  });
  expect(await answer.json()).toEqual([{ base: 14 }]);
  await client.close();
});

/** Empty where the kernel does not group by sessions, or groups by something else before. */
const autogroup = (): string => {
  try {
    return readFileSync(`/proc/${server.pid}/autogroup`, 'utf8');
  } catch {
    return '';
  }
};

it('lowers its session while a nice question runs alone, and not beside an insert', async ({ skip }) => {
  skip(autogroup() === '', 'the kernel does not group by sessions here');
  const client = createClient({ url: `http://127.0.0.1:${port}` });
  const nicenessIs = (niceness: number) =>
    eventually(async () => autogroup().endsWith(`nice ${niceness}\n`), { everyMs: 5 });
  await nicenessIs(0);
  const nice = client.query({
    query: 'SELECT sleep(3) SETTINGS os_thread_priority = 19',
    format: 'JSONEachRow',
  });
  await nicenessIs(19);
  const other = client.query({ query: 'SELECT sleep(1)', format: 'JSONEachRow' });
  await nicenessIs(0);
  await (await other).text();
  await nicenessIs(19);
  await (await nice).text();
  await nicenessIs(0);
  await client.close();
});
