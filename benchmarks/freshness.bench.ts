/**
 * `npm run bench freshness`: how long after its acceptance an event is in the answers of `/api/analytics`, beside a steady
 * load of events (`RATES`, a second; `MINUTES` each). What is measured: benchmarks/README.md.
 */
import { randomUUID } from 'node:crypto';
import { loadavg } from 'node:os';
import { type ClickHouse, createClickHouse } from '#platform/clickhouse/client';
import { sleep } from '#platform/waiting/sleep';
import { findPlatform } from '../tests/running-platform.js';
import { type RunFile, readRunFile, type Shop, shopAt } from '../tests/shop.js';
import { writeDrawing } from './drawing.js';
import { type Point, percentile, spreadOf } from './figures.js';
import { startShoppers } from './freshness/load.js';
import { readCpuMs } from './process-figures.js';
import { circumstancesNote, writeResults } from './results.js';
import { mostParts } from './scale/parts.js';
import { progressLine, table, thousands } from './terminal.js';

const rates = (process.env.RATES ?? '1000,20000').split(',').map(Number);
const seconds = Number(process.env.MINUTES ?? 2) * 60;
const probesPerSecond = Number(process.env.PROBES ?? 10);
const restMs = 10;
const lateMsMax = 60_000;
/** So long nobody else may begin a checkout before the first probe. */
const aloneMs = 10_000;
const bounds: Record<number, number> = { 1000: 1_000, 20000: 2_000 };

type Measured = {
  perSecond: number;
  /** Events a second that Kafka acknowledged beside the probes. */
  reached: number;
  probes: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
  /** Accepted, and not seen within a minute. */
  missing: number;
  /** The most active parts of one table at the end. */
  parts: number;
  /** CPU time over the time of the run, percent of a core. */
  clickhousePercent: number;
  ingestPercent: number;
  load: number;
  /** By the second of the run. */
  points: Point[];
};

export const runFreshnessBench = async (): Promise<void> => {
  const { runFile, stop } = await findPlatform(200);
  const run = readRunFile(runFile);
  const clickhouse = createClickHouse({ url: run.clickhouse });
  try {
    process.env.CARTSTREAM_RUN = runFile;
    const shop = shopAt(run.gateway);
    const token = freshTokens(() => shop.login(run.adminEmail, run.adminPassword));
    const measured: Measured[] = [];
    for (const perSecond of rates) measured.push(await measure({ run, shop, token, clickhouse }, perSecond));
    report(measured);
  } finally {
    await clickhouse.stop();
    await stop();
  }
};

/** A token lives for a quarter of an hour, and a measurement may take longer. */
const tokenMsMax = 600_000;

const freshTokens = (logIn: () => Promise<string>): (() => Promise<string>) => {
  let [token, sinceMs]: [Promise<string> | undefined, number] = [undefined, 0];
  return async () => {
    if (token === undefined || performance.now() - sinceMs > tokenMsMax)
      [token, sinceMs] = [logIn(), performance.now()];
    return await token;
  };
};

type Platform = { run: RunFile; shop: Shop; token: () => Promise<string>; clickhouse: ClickHouse };

const measure = async ({ run, shop, token, clickhouse }: Platform, perSecond: number): Promise<Measured> => {
  const pids = new Map(run.processes.map(({ name, pid }) => [name, pid]));
  const cpuBefore = readCpuMs(pids);
  const beganAt = performance.now();
  const percentOf = (name: string, now: ReadonlyMap<string, number>, tookMs: number): number =>
    (((now.get(name) ?? Number.NaN) - (cpuBefore.get(name) ?? 0)) / tookMs) * 100;
  const load = loadavg()[0] ?? Number.NaN;
  const shoppers = startShoppers(perSecond);
  const progress = progressLine(`${thousands(perSecond)} events/s`);
  const { accepted, seen, startedAt } = await probe(shop, token, (share) => progress.update(share, ''));
  const cpu = readCpuMs(pids);
  const tookMs = performance.now() - beganAt;
  const reached = await shoppers.stop();
  const lags = accepted.flatMap((at, nth) => {
    const seenAt = seen[nth];
    return seenAt === undefined ? [] : [{ x: (at - startedAt) / 1_000, y: seenAt - at }];
  });
  const waits = lags.map(({ y }) => y);
  progress.done(`${waits.length} probes, p99 ${percentile(waits, 0.99).toFixed(0)} ms`);
  return {
    perSecond,
    reached,
    probes: accepted.length,
    p50Ms: percentile(waits, 0.5),
    p99Ms: percentile(waits, 0.99),
    maxMs: Math.max(...waits),
    missing: accepted.length - waits.length,
    parts: await mostParts(clickhouse),
    clickhousePercent: percentOf('clickhouse', cpu, tookMs),
    ingestPercent: percentOf('clickhouse-ingest', cpu, tookMs),
    load,
    points: worstOfEachSecond(lags),
  };
};

const worstOfEachSecond = (points: readonly Point[]): Point[] => {
  const worst = new Map<number, number>();
  for (const { x, y } of points) worst.set(Math.floor(x), Math.max(worst.get(Math.floor(x)) ?? 0, y));
  return [...worst].map(([x, y]) => ({ x, y }));
};

/**
 * Sends begun checkouts, which the load has none of, one by one through `POST /api/events`, and asks for their number all
 * the time. All are of one visit and so of one partition, where the n-th that is accepted is the n-th that is seen.
 */
const probe = async (shop: Shop, token: () => Promise<string>, onProgress: (share: number) => void) => {
  const visitId = randomUUID();
  const from = new Date(Math.floor(Date.now() / 60_000) * 60_000 - 60_000).toISOString();
  const count = async (): Promise<number> => {
    const { status, body } = await shop.call<{ items: { checkouts: number }[] }>(
      'POST',
      '/api/analytics/query',
      {
        token: await token(),
        body: { measures: ['checkouts'], from, to: new Date(Date.parse(from) + 86_400_000).toISOString() },
      },
    );
    if (status !== 200) throw new Error(`the question was answered ${status}`);
    return body.items[0]?.checkouts ?? 0;
  };
  const before = await count();
  await sleep(aloneMs);
  if ((await count()) !== before)
    throw new Error(
      'somebody else begins checkouts here: stop the simulated shoppers (npm start -- --no-traffic)',
    );
  const accepted: number[] = [];
  const seen: number[] = [];
  const startedAt = performance.now();
  const endsAt = startedAt + seconds * 1_000;
  const send = async (): Promise<void> => {
    for (let nth = 0; performance.now() < endsAt; nth += 1) {
      await sleep(Math.max(0, startedAt + (nth * 1_000) / probesPerSecond - performance.now()));
      const { status } = await shop.call('POST', '/api/events', {
        body: { events: [{ type: 'checkout_started', visitId, occurredAt: new Date().toISOString() }] },
      });
      if (status !== 202) throw new Error(`an event was answered ${status}`);
      accepted.push(performance.now());
      onProgress((performance.now() - startedAt) / (seconds * 1_000));
    }
  };
  const sending = send();
  while (
    performance.now() < endsAt ||
    (seen.length < accepted.length && performance.now() < endsAt + lateMsMax)
  ) {
    const there = (await count()) - before;
    const now = performance.now();
    while (seen.length < there) seen.push(now);
    await sleep(restMs);
  }
  await sending;
  if (seen.length > accepted.length)
    throw new Error(`${seen.length} of ${accepted.length} probes were seen: somebody else began a checkout`);
  return { accepted, seen, startedAt };
};

const right = (title: string) => ({ title, right: true });

const report = (measured: readonly Measured[]): void => {
  console.log(
    `\nfrom the acceptance of an event to its being in /api/analytics, ${seconds} s each\n${table(
      [
        ...['events/s', 'reached', 'probes', 'p50 ms', 'p99 ms', 'max ms', 'not seen', 'most parts'],
        ...['ClickHouse % of a core', 'ingest %', 'load'],
      ].map(right),
      measured.map((one) => [
        thousands(one.perSecond),
        thousands(one.reached),
        thousands(one.probes),
        ...[one.p50Ms, one.p99Ms, one.maxMs].map((ms) => ms.toFixed(0)),
        String(one.missing),
        String(one.parts),
        ...[one.clickhousePercent, one.ingestPercent].map((percent) => percent.toFixed(1)),
        one.load.toFixed(1),
      ]),
    )}`,
  );
  for (const { perSecond, p99Ms, missing } of measured) {
    const bound = bounds[perSecond];
    const isInTime = bound === undefined || p99Ms <= bound;
    if (!isInTime) console.log(`at ${thousands(perSecond)}/s p99 is over ${bound} ms`);
    if (!isInTime || missing > 0) process.exitCode = 1;
  }
  writeResults('freshness', { seconds, measured: measured.map(({ points: _, ...one }) => one) });
  writeDrawing(
    'freshness',
    measured.map(({ perSecond, reached, points, p50Ms, p99Ms }) => ({
      // A busy machine does not reach the rate, and then the times are not those of the rate.
      title: `Accepted to visible in /api/analytics at ${thousands(reached)} of ${thousands(perSecond)} events/s (p50 ${p50Ms.toFixed(0)} ms, p99 ${p99Ms.toFixed(0)} ms)`,
      xTitle: 'seconds',
      yTitle: 'ms, worst of each second',
      lines: [{ name: 'accepted to visible', points }],
    })),
    circumstancesNote(spreadOf(measured.map(({ load }) => load))),
  );
};
