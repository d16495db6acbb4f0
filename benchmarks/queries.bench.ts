/**
 * `npm run bench queries`: how long the analytics take over `ROWS` rows, while the data stay the same and while no answer
 * serves twice, and how long PostgreSQL takes for the same questions of the same rows, which have to be answered equally.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { loadavg } from 'node:os';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { createClickHouse } from '#platform/clickhouse/client';
import { systemClock } from '#platform/clock';
import { projectPath } from '#platform/project';
import { createLogger } from '#platform/telemetry/logger';
import { engines } from '#platform/testing/engines';
import { scratchClickHouse } from '#platform/testing/scratch-clickhouse';
import { createGatheredRows } from '../services/analytics/gathered-rows-store.js';
import { startScratch } from '../tests/running-platform.js';
import { readRunFile } from '../tests/shop.js';
import { writeDrawing } from './drawing.js';
import { dueAtMs, percentile, spreadOf } from './figures.js';
import { readCpuMs } from './process-figures.js';
import type { ApiPlan } from './queries/api.js';
import { fillShop, rowsPerVisit, shopOf } from './queries/fill.js';
import { copyToPostgres, type PostgresCopy } from './queries/postgres.js';
import { type Asked, askedOf, type BenchQuestion, periodOf, questions } from './queries/questions.js';
import { circumstancesNote, writeResults } from './results.js';
import { progressLine, table, thousands } from './terminal.js';

const rows = Number(process.env.ROWS ?? 5_000_000);
/** Smaller shops, to see how the times grow. */
const sizes = [rows / 16, rows / 4, rows].map(Math.round);
const seconds = Number(process.env.SECONDS ?? 10);
/** How often each question is asked anew, and how often PostgreSQL is asked it after once to warm up. */
const asksEach = Number(process.env.ASKS ?? 40);
const postgresRounds = Number(process.env.ROUNDS ?? 2);
/** Those of both engines at the full size. */
const arePlansShown = process.env.PLANS !== '0';
/** A shop under way has this many in no batch, of the 100,000 actions that a batch is made for. */
const rowsBehind = 50_000;
const cachedPerSecond = 500;
const connections = 32;
const copyMsMax = 900_000;
const endMs = Date.UTC(2026, 10, 28);

type Answer = { status: number; text: string; tookMs: number };

/** The API in a process of its own. */
const startApi = async (
  plan: ApiPlan,
): Promise<{ pid: number; ask(asked: Asked): Promise<Answer>; stop(): Promise<void> }> => {
  const child = spawn(
    process.execPath,
    [
      '--import',
      'tsx',
      '--conditions=source',
      projectPath('benchmarks/queries/api.ts'),
      JSON.stringify(plan),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'], cwd: projectPath('.') },
  );
  let origin = '';
  for await (const line of createInterface({ input: child.stdout }))
    if (line.startsWith('http')) {
      origin = line;
      break;
    }
  const pool = new Pool(origin, { connections, pipelining: 1 });
  return {
    pid: child.pid ?? 0,
    ask: async ({ method, path, body }) => {
      const startedAtMs = performance.now();
      const answer = await pool.request({
        method,
        path,
        headers: {
          authorization: 'Bearer bench',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body }),
      });
      const text = await answer.body.text();
      return { status: answer.statusCode, text, tookMs: performance.now() - startedAtMs };
    },
    stop: async () => {
      await pool.destroy();
      child.kill();
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
};

type Api = Awaited<ReturnType<typeof startApi>>;

const itemsOf = ({ status, text }: Answer): Record<string, unknown>[] => {
  if (status !== 200) throw new Error(`${status} ${text.slice(0, 200)}`);
  return JSON.parse(text).items;
};

/** All questions in turn, due at equal distances; each time counts from when the request was due. */
const askCached = async (api: Api): Promise<number[]> => {
  const asked = questions.map((question) => askedOf(question, periodOf(question, endMs, 0)));
  for (const one of asked) itemsOf(await api.ask(one));
  const startedAtMs = performance.now();
  const tookMs: number[] = [];
  await Promise.all(
    dueAtMs(cachedPerSecond, seconds * 1000).map(async (dueMs, n) => {
      await sleep(Math.max(0, dueMs - (performance.now() - startedAtMs)));
      const sentAtMs = performance.now();
      const { status } = await api.ask(asked[n % asked.length] as Asked);
      if (status !== 200) throw new Error(`${status} at ${n}`);
      tookMs.push(performance.now() - sentAtMs);
    }),
  );
  return tookMs;
};

type Measured = {
  name: string;
  anewMs: number[];
  /** CPU time of a question asked anew: of the API and of ClickHouse. */
  anewCpuMs: number;
  postgresMs: number[];
  /** CPU time of a question there, the first, which reads from the disk, among them. */
  postgresCpuMs: number;
  /** PostgreSQL was ended after five minutes. */
  isEnded?: boolean;
  isEqual: boolean | undefined;
  plans: string[];
};

/** One request after the other, each of a period that was never asked about. */
const askAnew = async (api: Api, question: BenchQuestion): Promise<number[]> => {
  const tookMs: number[] = [];
  for (let n = 0; n < asksEach; n += 1) {
    const answer = await api.ask(askedOf(question, periodOf(question, endMs, n + 1)));
    itemsOf(answer);
    tookMs.push(answer.tookMs);
  }
  return tookMs;
};

const askPostgres = async (
  postgres: PostgresCopy,
  question: BenchQuestion,
): Promise<{ tookMs: number[]; cpuMs: number; figure: number | undefined }> => {
  const { from, to } = periodOf(question, endMs, 0);
  const tookMs: number[] = [];
  let figure: number | undefined;
  const spentMs = cpuOf({ postgres: postgres.pid });
  for (let round = 0; round <= postgresRounds; round += 1) {
    const { tookMs: roundMs, rows: found } = await postgres.ask(question.postgres, [from, to]);
    // A question that was ended is not asked again.
    if (found === undefined) return { tookMs: [roundMs], cpuMs: spentMs(), figure: undefined };
    if (round > 0) tookMs.push(roundMs);
    figure = question.figure(found as Record<string, unknown>[]);
  }
  return { tookMs, cpuMs: spentMs() / (postgresRounds + 1), figure };
};

/** Returns what gives the CPU time that these processes have taken since. */
const cpuOf = (pids: Readonly<Record<string, number>>): (() => number) => {
  const named = new Map(Object.entries(pids));
  const spent = (): number => [...readCpuMs(named).values()].reduce((sum, ms) => sum + ms, 0);
  const before = spent();
  return () => spent() - before;
};

export const runQueriesBench = async (): Promise<void> => {
  const own = process.env.CARTSTREAM_RUN
    ? undefined
    : await startScratch(['--engines-only'], { CLICKHOUSE_MEMORY_MIB: '3072' });
  if (own !== undefined) process.env.CARTSTREAM_RUN = own.runFile;
  const loads = spreadOf([loadavg()[0] as number]);
  const bySize: { rows: number; measured: Measured[] }[] = [];
  for (const size of sizes.slice(0, -1)) {
    const { scratch, measured } = await measureSize(size);
    await scratch.drop();
    bySize.push({ rows: size, measured });
  }
  const { scratch, counted, cachedMs, answers, measured } = await measureSize(rows);
  bySize.push({ rows, measured });
  report({ cachedMs, measured, counted });
  if (process.env.ONLY !== 'ours') {
    await measurePostgres(scratch.url, engines().databaseUrl, measured, answers);
    report({ cachedMs, measured, counted });
  }
  await scratch.drop();
  await own?.stop();
  const lines = questions.map(({ name }) => ({
    name,
    points: bySize.map((of) => ({
      x: of.rows,
      y: percentile(of.measured.find((one) => one.name === name)?.anewMs ?? [], 0.5),
    })),
  }));
  const title = 'A question asked anew, by the rows of the shop, on one thread';
  writeDrawing(
    'questions-by-rows',
    [{ title, xTitle: 'rows', yTitle: 'ms (p50)', lines, xLogarithmic: true, yLogarithmic: true }],
    circumstancesNote(loads),
  );
};

type Counted = { activity: number; sales: number } | undefined;

/** A shop of so many rows in a database of its own, and how long the questions take there. */
const measureSize = async (size: number) => {
  const scratch = await scratchClickHouse(engines().clickhouseUrl);
  const progress = progressLine('rows');
  const shop = shopOf(size, endMs);
  const gatheredVisits = Math.max(0, shop.visits - Math.round(rowsBehind / rowsPerVisit));
  const fill = (first: number, end: number): Promise<void> =>
    fillShop(scratch.clickhouse, shop, { first, end }, (share) => progress.update(share, ''));
  await fill(0, gatheredVisits);
  const gathering = performance.now();
  const { visits, orders } = createGatheredRows({
    clickhouse: scratch.clickhouse,
    clock: systemClock,
    logger: createLogger('bench', { level: 'fatal' }),
    rowsMin: 1,
  });
  await visits.extend();
  await orders.extend();
  const gatheredMs = performance.now() - gathering;
  await fill(gatheredVisits, shop.visits);
  const [counted]: Counted[] = await scratch.clickhouse.query<NonNullable<Counted>>(
    'SELECT (SELECT count() FROM shopper_activity) AS activity, (SELECT count() FROM sales) AS sales',
  );
  progress.done(
    `${thousands(counted?.activity ?? 0)} actions, ${thousands(counted?.sales ?? 0)} lines sold and returned`,
  );
  console.log(`visits and orders gathered in ${(gatheredMs / 1000).toFixed(1)} s`);
  const plan = { clickhouseUrl: scratch.url, nowMs: endMs };
  const same = await startApi({ ...plan, isChanging: false, arePlansShown: false });
  const cachedMs = await askCached(same);
  const answers = new Map<string, number>();
  for (const question of questions) {
    const answer = await same.ask(askedOf(question, periodOf(question, endMs, 0)));
    answers.set(question.name, question.figure(itemsOf(answer)));
  }
  await same.stop();
  const changing = await startApi({
    ...plan,
    isChanging: true,
    arePlansShown: size === rows && arePlansShown,
  });
  const measured: Measured[] = [];
  const { processes } = readRunFile(process.env.CARTSTREAM_RUN as string);
  const clickhouse = processes.find(({ name }) => name === 'clickhouse')?.pid ?? 0;
  for (const question of questions) {
    const spentMs = cpuOf({ api: changing.pid, clickhouse });
    const anewMs = await askAnew(changing, question);
    const anewCpuMs = spentMs() / anewMs.length;
    const theirs = { postgresMs: [], postgresCpuMs: Number.NaN, isEqual: undefined, plans: [] };
    measured.push({ name: question.name, anewMs, anewCpuMs, ...theirs });
  }
  await changing.stop();
  return { scratch, counted, cachedMs, answers, measured };
};

const measurePostgres = async (
  clickhouseUrl: string,
  databaseUrl: string,
  measured: Measured[],
  answers: ReadonlyMap<string, number>,
): Promise<void> => {
  const progress = progressLine('PostgreSQL');
  const patient = createClickHouse({ url: clickhouseUrl, requestTimeoutMs: copyMsMax });
  const postgres = await copyToPostgres(patient, databaseUrl, (step) => progress.update(0, step));
  for (const question of questions) {
    console.log(`  PostgreSQL: ${question.name}`);
    const own = measured.find(({ name }) => name === question.name) as Measured;
    const { tookMs, cpuMs, figure } = await askPostgres(postgres, question);
    const { from, to } = periodOf(question, endMs, 0);
    own.postgresMs = tookMs;
    own.postgresCpuMs = cpuMs;
    own.isEnded = figure === undefined;
    own.isEqual = figure === undefined ? undefined : figure === answers.get(question.name);
    if (own.isEqual === false)
      console.log(`${question.name}: ${figure} in PostgreSQL, ${answers.get(question.name)} here`);
    for (const statement of question.postgres) own.plans.push(await postgres.plan(statement, [from, to]));
  }
  progress.done('done');
  await postgres.drop();
  await patient.stop();
};

const report = ({
  cachedMs,
  measured,
  counted,
}: {
  cachedMs: number[];
  measured: Measured[];
  counted: Counted;
}): void => {
  for (const { name, plans } of measured)
    if (arePlansShown && plans.length > 0) console.log(`\n${name}\n${plans.join('\n')}`);
  const shown = measured.map((one) => {
    const { name, anewMs, anewCpuMs, postgresMs, postgresCpuMs, isEnded, isEqual } = one;
    const more = isEnded ? '> ' : '';
    const anew = percentile(anewMs, 0.5);
    const theirs = spreadOf(postgresMs).median;
    return [
      name,
      anew.toFixed(0),
      percentile(anewMs, 0.99).toFixed(0),
      (1000 / (anewMs.reduce((sum, ms) => sum + ms, 0) / anewMs.length)).toFixed(1),
      anewCpuMs.toFixed(0),
      Number.isNaN(theirs) ? '' : `${more}${theirs.toFixed(0)}`,
      Number.isNaN(theirs) ? '' : `${more}${(theirs / anew).toFixed(1)}`,
      Number.isNaN(theirs) ? '' : `${more}${(postgresCpuMs / anewCpuMs).toFixed(1)}`,
      isEqual === undefined ? '' : isEqual ? 'yes' : 'NO',
    ];
  });
  const titles = [
    'question',
    'anew p50 ms',
    'p99 ms',
    'asked/s',
    'CPU ms',
    'PostgreSQL ms',
    'times',
    'in CPU',
    'equal',
  ];
  console.log(
    `\n${table(
      titles.map((title, at) => ({ title, right: at > 0 })),
      shown,
    )}`,
  );
  console.log(
    `the data unchanged, ${cachedPerSecond} requests/s for ${seconds} s: p50 ${percentile(cachedMs, 0.5).toFixed(1)} ms, p99 ${percentile(cachedMs, 0.99).toFixed(1)} ms`,
  );
  if (measured.some(({ isEqual }) => isEqual === false)) process.exitCode = 1;
  writeResults('queries', {
    rows: counted,
    cachedMs: { p50: percentile(cachedMs, 0.5), p99: percentile(cachedMs, 0.99) },
    measured,
  });
};
