import { fork } from 'node:child_process';
import { once } from 'node:events';
import pg from 'pg';
import { projectPath } from '#platform/project';
import { engines } from '#platform/testing/engines';
import { runLoad } from '../cost/bare.js';
import type { InProcess, ServedPlan } from './served-lists.js';
import type { Audience, Visitor } from './visitors.js';

/** What the comparisons with other recommenders share: our lists served by a process of its own, and the client that asks. */

export const visitorsMax = 10_000;
export const rounds = Number(process.env.ROUNDS ?? 3);
export const limit = 20;
const durationMs = Number(process.env.SECONDS ?? 5) * 1000;
const connections = Number(process.env.CONNECTIONS ?? 4);

export type Served = { rate: number; ratePerCpu: number; p50Ms: number; p99Ms: number; failures: number };

export const ndjson = (lines: readonly unknown[]): string =>
  lines.map((line) => `${JSON.stringify(line)}\n`).join('');

export const ourPath = ({ visitId, inView }: Visitor): string =>
  `/api/recommendations?scenario=product&visitId=${visitId}&productId=${inView}&limit=${limit}`;

export const startOurs = async ({ atMs }: Audience, eventsFile: string) => {
  const { databaseUrl, redisUrl } = engines();
  const name = `bench_lists_${process.pid}`;
  const url = new URL(databaseUrl);
  url.pathname = `/${name}`;
  const plan: ServedPlan = { databaseUrl: url.href, redisUrl, eventsFile, atMs };
  const child = fork(projectPath('dist/benchmarks/recommend/served-lists.js'), [JSON.stringify(plan)], {
    execArgv: [],
  });
  child.once('exit', (code) => {
    if (code !== 0) console.error(`the process that serves lists ended with ${code}`);
  });
  const [origin] = (await once(child, 'message')) as [string];
  return {
    origin,
    pid: child.pid ?? 0,
    ask: async (visitors: readonly Visitor[]): Promise<InProcess> => {
      child.send({ visitors, durationMs });
      const [measured] = (await once(child, 'message')) as [InProcess];
      return measured;
    },
    stop: async (): Promise<void> => {
      if (child.exitCode === null) {
        child.send('stop');
        await once(child, 'exit');
      }
      const admin = new pg.Client({ connectionString: databaseUrl });
      await admin.connect();
      await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`).finally(() => admin.end());
    },
  };
};

export const load = async (origin: string, pid: number, paths: string[]): Promise<Served> => {
  const { result, cpuMsByProcess } = await runLoad(
    { kind: 'get', origin, paths, concurrency: connections, durationMs, warmUpMs: durationMs / 3 },
    { watched: new Map([['server', pid]]) },
  );
  const { operations, seconds, p50Ms, p99Ms, failures } = result;
  return {
    rate: operations / seconds,
    ratePerCpu: (operations * 1000) / (cpuMsByProcess.get('server') ?? Number.NaN),
    p50Ms,
    p99Ms,
    failures,
  };
};

export const eachWithin = async <T>(
  all: readonly T[],
  atOnce: number,
  run: (one: T) => Promise<void>,
): Promise<void> => {
  let next = 0;
  const runSome = async () => {
    for (let one = all[next++]; one !== undefined; one = all[next++]) await run(one);
  };
  await Promise.all(Array.from({ length: atOnce }, runSome));
};
