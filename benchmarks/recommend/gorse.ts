import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { eventually } from '#platform/testing/eventually';
import { sleep } from '#platform/waiting/sleep';
import { freePort } from './serenade.js';
import type { View } from './visitors.js';

/** Gorse (gorse-io/gorse), the program with all of its parts in one process. */
const gorseVersion = '0.5.9';

const startMsMax = 120_000;
const viewsAtOnce = 5_000;
const neighbours = 'neighbors';

/** The program that `GORSE` names; benchmarks/README.md says how one builds it. */
const gorseProgram = (): string => {
  const given = process.env.GORSE;
  if (given === undefined || !existsSync(given))
    throw new Error(`GORSE must name the program gorse-in-one ${gorseVersion}: see benchmarks/README.md`);
  return given;
};

/**
 * The values of its documentation, but for: neighbours by common users, as there is no text to compare; as many jobs as
 * there are cores; and products of the visit may come again, as in the splits. Without a ranker, its default, lists are made
 * when they are asked for, so that a click counts at once. Its matrix factorisation knows nobody who was not there at the
 * last fit, and has nothing for new visitors.
 */
const configOf = (databaseUrl: string, folder: string, ports: { rpc: number; http: number }): string => `
[database]
data_store = "${databaseUrl}"
cache_store = "${databaseUrl}"
[master]
host = "127.0.0.1"
port = ${ports.rpc}
http_host = "127.0.0.1"
http_port = ${ports.http}
n_jobs = ${availableParallelism()}
[recommend]
cache_size = 100
cache_expire = "72h"
context_size = 100
active_user_ttl = 1
[recommend.data_source]
positive_feedback_types = ["view"]
[[recommend.item-to-item]]
name = "${neighbours}"
type = "users"
[recommend.collaborative]
type = "none"
[recommend.replacement]
enable_replacement = true
[recommend.ranker]
type = "none"
fit_period = "60m"
recommenders = ["item-to-item/${neighbours}"]
[recommend.fallback]
recommenders = ["latest"]
[blob]
uri = "${join(folder, 'blob')}"
[openai]
log_file = "${join(folder, 'openai.log')}"
`;

type Task = { Name: string; Status: string };

/** The lists of all visitors come last. */
const isFitted = (tasks: readonly Task[]): boolean =>
  tasks.some(({ Name, Status }) => Name === 'Generate recommendation' && Status === 'Complete');

type Scored = { Id: string };

const idsOf = (scored: readonly Scored[] | null): string[] => (scored ?? []).map(({ Id }) => Id);

export type Gorse = Awaited<ReturnType<typeof startGorse>>;

/** Gorse over a database of its own. */
export const startGorse = async (serverUrl: string) => {
  const folder = mkdtempSync(join(tmpdir(), 'cartstream-gorse-'));
  const name = `bench_gorse_${process.pid}`;
  await onServer(serverUrl, `CREATE DATABASE ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  url.searchParams.set('sslmode', 'disable');
  const ports = { rpc: await freePort(), http: await freePort() };
  const origin = `http://127.0.0.1:${ports.http}`;
  const configFile = join(folder, 'config.toml');
  writeFileSync(configFile, configOf(url.href, folder, ports));

  const call = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const answer = await fetch(`${origin}/api${path}`, {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`Gorse answered ${answer.status} to ${path}: ${text.slice(0, 200)}`);
    return JSON.parse(text) as T;
  };

  const run = async () => {
    const log = openSync(join(folder, 'gorse.log'), 'a');
    const child = spawn(gorseProgram(), ['--config', configFile, '--cache-path', folder], {
      cwd: folder,
      stdio: ['ignore', log, log],
    });
    const giveUpAtMs = performance.now() + startMsMax;
    for (;;) {
      if (child.exitCode !== null) throw new Error(`Gorse ended with ${child.exitCode}: ${folder}/gorse.log`);
      const isReady = await call('GET', '/health/ready').then(
        () => true,
        () => false,
      );
      if (isReady) return child;
      if (performance.now() > giveUpAtMs) throw new Error(`Gorse did not start in ${startMsMax} ms`);
      await sleep(100);
    }
  };
  let child = await run();
  const end = async (): Promise<void> => {
    if (child.exitCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  return {
    origin,
    call,
    pid: () => child.pid ?? 0,
    learn: async (views: readonly View[]): Promise<void> => {
      for (let nth = 0; nth < views.length; nth += viewsAtOnce)
        await call('POST', '/feedback', views.slice(nth, nth + viewsAtOnce).map(feedbackOf));
    },
    /** For a user who is known by what was learned; it may have what he has seen. */
    listOf: (userId: string, count: number) => call<string[]>('GET', `/recommend/${userId}?n=${count}`),
    latest: async (count: number): Promise<string[]> =>
      idsOf(await call<Scored[] | null>('GET', `/latest?n=${count}`)),
    similarTo: async (productId: string, count: number): Promise<string[]> =>
      idsOf(await call<Scored[] | null>('GET', `/item-to-item/${neighbours}/${productId}?n=${count}`)),
    create: (productId: string) =>
      call('POST', '/item', { ItemId: productId, Timestamp: new Date().toISOString() }),
    /**
     * Fits the models to what was learned, and resolves with the time it took: it begins when it starts, and then every hour.
     * Its visitors have left long ago, so that no lists are made for them in advance.
     */
    fit: async (msMax: number): Promise<number> => {
      await onServer(
        url.href,
        "UPDATE values SET value = '2000-01-01 00:00:00 +0000 UTC' WHERE name LIKE 'last_modify_user_time/%'",
      );
      await end();
      const beganAtMs = performance.now();
      child = await run();
      await eventually(async () => isFitted(await call<Task[]>('GET', '/dashboard/tasks')), {
        timeoutMs: msMax,
        everyMs: 1_000,
        message: 'Gorse has fitted its models',
      });
      return performance.now() - beganAtMs;
    },
    stop: async (): Promise<void> => {
      await end();
      await onServer(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      rmSync(folder, { recursive: true, force: true });
    },
  };
};

const feedbackOf = ({ visitId, productId, occurredAt }: View) => ({
  FeedbackType: 'view',
  UserId: visitId,
  ItemId: productId,
  Value: 1,
  Timestamp: occurredAt,
});

const onServer = async (url: string, statement: string): Promise<void> => {
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  await admin.query(statement).finally(() => admin.end());
};
