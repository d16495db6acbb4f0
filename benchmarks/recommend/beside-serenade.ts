import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'undici';
import { projectPath } from '#platform/project';
import { pairedRatio, type Spread, shownSpread } from '../figures.js';
import { table, thousands } from '../terminal.js';
import {
  eachWithin,
  limit,
  load,
  ndjson,
  ourPath,
  rounds,
  type Served,
  startOurs,
  visitorsMax,
} from './our-lists.js';
import { startSerenade } from './serenade.js';
import type { InProcess } from './served-lists.js';
import { type Audience, audienceOf, type Visitor } from './visitors.js';

export type BesideSerenade = {
  source: string;
  visitors: number;
  /** How many lists were the same as those of `recommend:batch`. */
  equal: number;
  rounds: { ours: Served; serenade: Served; inProcess: InProcess }[];
  served: Spread;
  servedPerCpu: Spread;
  inProcess: Spread;
  inProcessPerCpu: Spread;
};

/**
 * The same visits learned by both, then the same visitors by turns: the lists over HTTP from the same client, and ours asked in
 * the process that serves them too.
 */
export const measureBesideSerenade = async (): Promise<BesideSerenade> => {
  const audience = audienceOf(visitorsMax);
  const { visitors, source } = audience;
  const folder = mkdtempSync(join(tmpdir(), 'cartstream-lists-'));
  const eventsFile = join(folder, 'events.ndjson');
  writeFileSync(eventsFile, ndjson(audience.views));
  const ours = await startOurs(audience, eventsFile);
  try {
    const equal = await countEqual(audience, folder, ours.origin);
    console.log(`${thousands(equal)} of ${thousands(visitors.length)} lists are those of recommend:batch`);
    const serenade = await startSerenade(audience.views.slice(0, audience.earlier));
    try {
      await visit(visitors, serenade.origin, serenade.pathOf);
      const measured: BesideSerenade['rounds'] = [];
      for (let round = 0; round < rounds; round += 1) {
        const oursServed = await load(ours.origin, ours.pid, visitors.map(ourPath));
        const paths = visitors.map(({ visitId, inView }) => serenade.pathOf(visitId, inView));
        const serenadeServed = await load(serenade.origin, serenade.pid, paths);
        measured.push({ ours: oursServed, serenade: serenadeServed, inProcess: await ours.ask(visitors) });
      }
      return { source, visitors: visitors.length, equal, rounds: measured, ...ratiosOf(measured) };
    } finally {
      await serenade.stop();
    }
  } finally {
    await ours.stop();
    rmSync(folder, { recursive: true, force: true });
  }
};

export const showBesideSerenade = ({ rounds: all, source, ...of }: BesideSerenade): void => {
  const served = (name: string, figures: readonly Served[]): string[][] =>
    figures.map(({ rate, ratePerCpu, p50Ms, p99Ms, failures }) => [
      name,
      thousands(rate),
      thousands(ratePerCpu),
      p50Ms.toFixed(1),
      p99Ms.toFixed(1),
      String(failures),
    ]);
  const columns = ['', 'requests/s', 'per CPU-s', 'p50 ms', 'p99 ms', 'failures'].map((title, nth) => ({
    title: nth === 0 ? source : title,
    right: nth > 0,
  }));
  const inProcess = all.map(({ inProcess: { rate, ratePerCpu, p99Ms } }) => [
    'ours, in its process',
    thousands(rate),
    thousands(ratePerCpu),
    '',
    p99Ms.toFixed(1),
    '0',
  ]);
  console.log(
    table(columns, [
      ...served(
        'Serenade',
        all.map(({ serenade }) => serenade),
      ),
      ...served(
        'ours',
        all.map(({ ours }) => ours),
      ),
      ...inProcess,
    ]),
  );
  console.log(
    `served beside Serenade: ${shownSpread(of.served, 2)}, per CPU-second ${shownSpread(of.servedPerCpu, 2)}`,
  );
  console.log(
    `in its process beside Serenade: ${shownSpread(of.inProcess, 2)}, per CPU-second ${shownSpread(of.inProcessPerCpu, 2)}`,
  );
};

const ratiosOf = (all: BesideSerenade['rounds']) => {
  const beside = (of: 'ours' | 'inProcess', figure: 'rate' | 'ratePerCpu') =>
    pairedRatio(
      all.map((round) => round[of][figure]),
      all.map(({ serenade }) => serenade[figure]),
    );
  return {
    served: beside('ours', 'rate'),
    servedPerCpu: beside('ours', 'ratePerCpu'),
    inProcess: beside('inProcess', 'rate'),
    inProcessPerCpu: beside('inProcess', 'ratePerCpu'),
  };
};

const get = async (pool: Pool, path: string): Promise<string> => {
  const { statusCode, body } = await pool.request({ method: 'GET', path });
  const answer = await body.text();
  if (statusCode !== 200) throw new Error(`${statusCode} ${answer.slice(0, 200)}`);
  return answer;
};

/** Lets Serenade see what each visitor has seen. */
const visit = async (
  visitors: readonly Visitor[],
  origin: string,
  pathOf: (visitId: string, productId: string) => string,
): Promise<void> => {
  const pool = new Pool(origin, { connections: 8 });
  await eachWithin(visitors, 8, async ({ visitId, seen, inView }) => {
    for (const productId of [...seen, inView]) await get(pool, pathOf(visitId, productId));
  });
  await pool.destroy();
};

/** How many of the lists are those of `recommend:batch`, which learns the same file. */
const countEqual = async (audience: Audience, folder: string, origin: string): Promise<number> => {
  const { visitors, atMs } = audience;
  const expected = await batchLists(audience, folder, new Date(atMs).toISOString());
  const pool = new Pool(origin, { connections: 8 });
  let equal = 0;
  await eachWithin(visitors, 8, async (visitor) => {
    const { items } = JSON.parse(await get(pool, ourPath(visitor))) as { items: { productId: string }[] };
    const ids = items.map(({ productId }) => productId).join(' ');
    if (ids === expected.get(visitor.visitId)) equal += 1;
  });
  await pool.destroy();
  return equal;
};

const batchLists = async (
  { visitors }: Audience,
  folder: string,
  at: string,
): Promise<Map<string, string>> => {
  const [queries, out] = [join(folder, 'queries.ndjson'), join(folder, 'lists.ndjson')];
  writeFileSync(
    queries,
    ndjson(
      visitors.map(({ visitId, inView }) => ({
        queryId: visitId,
        at,
        scenario: 'product',
        visitId,
        productId: inView,
        limit,
      })),
    ),
  );
  const child = spawn(
    process.execPath,
    [
      projectPath('dist/scripts/recommend-batch.js'),
      ...['--events', join(folder, 'events.ndjson'), '--queries', queries, '--out', out],
    ],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`recommend:batch ended with ${code}`);
  const lines = readFileSync(out, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  return new Map(
    lines.map((line) => {
      const { queryId, items } = JSON.parse(line) as { queryId: string; items: string[] };
      return [queryId, items.join(' ')];
    }),
  );
};
