/**
 * `npm run bench cost`: the cost of each kind of request, of an order and of an idle platform: CPU time of each
 * process, SQL statements, transactions and bytes of log, beside the bare limit of the same kind in the same run. Uses
 * the platform that CARTSTREAM_RUN names or that runs in `.local`, or starts one; nothing else should run meanwhile.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '#platform/testing/eventually';
import { findPlatform } from '../tests/running-platform.js';
import { readRunFile, type Shop, shopAt } from '../tests/shop.js';
import { type Bare, type LoadRun, runLoad, startBare } from './cost/bare.js';
import type { LoadPlan } from './cost/load-client.js';
import { openPostgresCounter } from './cost/postgres-work.js';
import { untilAtRest } from './cost/rest.js';
import { readCpuMs } from './process-figures.js';
import { writeResults } from './results.js';
import { bar, table, thousands } from './terminal.js';

const durationMs = Number(process.env.SECONDS ?? 6) * 1000;
const warmUpMs = durationMs / 3;
const buyers = [1, 8, 32];
/** Of a platform that has just started: its runtimes compile the way of an order for so long. */
const ordersWarmUpMs = 12_000;
/** Accounts that order in turn. */
const customers = 16;
const pollMs = 50;
const eventsPerBatch = 50;
const clients = 4;
/** Some bytes of an event as the collector writes it: the record's value, key and headers. */
const eventBytes = 220;
/** `ONLY=reads,events,orders,idle` leaves the others out. */
const only = process.env.ONLY?.split(',');
const isWanted = (part: string): boolean => only?.includes(part) ?? true;
/** `NAME=recommendations` leaves out the reads whose names do not hold it. */
const nameWanted = process.env.NAME ?? '';
/** Some of what an idle platform does comes once in half a minute. */
const idleMs = 60_000;

type Cost = {
  name: string;
  /** A second; of events, where a request brings several. */
  rate: number;
  /** The same, until everything that they have set off was done. */
  settledRate: number;
  p50Ms: number;
  p99Ms: number;
  /** At half the rate, the requests at equal distances; NaN where it is not measured. */
  halfRateP99Ms: number;
  failures: number;
  firstFailure?: string;
  /** The operations' own rate beside the bare limit's, and the same per CPU-second; NaN where there is no limit. */
  ofLimit: number;
  ofLimitPerCpu: number;
  cpuMsPerOperation: number;
  clientCpuMsPerOperation: number;
  statementsPerOperation: number;
  transactionsPerOperation: number;
  walBytesPerOperation: number;
  cpuMsByProcess: Record<string, number>;
};

type Operation = {
  name: string;
  plan: LoadPlan;
  /** True to measure it at half its rate too. */
  atHalfRate?: boolean;
  /** Operations a request stands for. */
  each?: number;
  limit?: LoadRun;
  /** Waits until everything that the load has set off is done, so that its cost is counted. */
  settle?: (done: number) => Promise<void>;
  /** Waits before the load until nothing of what came before is being worked on. */
  rest?: () => Promise<void>;
};

export const runCostBench = async (): Promise<void> => {
  // The statements of the platform started here are counted; one that runs already counts them if it was started so.
  process.env.CARTSTREAM_POSTGRES_PRELOAD ??= 'pg_stat_statements';
  const platform = await findPlatform(1000);
  const bares: Bare[] = [];
  try {
    await measureAll(platform.runFile, bares);
  } finally {
    for (const bare of bares) bare.stop();
    await platform.stop();
  }
};

const measureAll = async (runFile: string, bares: Bare[]): Promise<void> => {
  const run = readRunFile(runFile);
  const shop = shopAt(run.gateway);
  // Services that share a process are listed with it: the first name is the process's own.
  const names = new Map(run.processes.toReversed().map(({ name, pid }) => [pid, name]));
  const named = new Map([...names].map(([pid, name]) => [name, pid]));
  const counter = await openPostgresCounter(run.postgres);
  const costs: Cost[] = [];
  const measure = async (operation: Operation): Promise<Cost> => {
    process.stdout.write(`  ${operation.name} …`);
    const cost = await measureOne(operation, named, counter);
    process.stdout.write(
      `\r  ${operation.name}: ${thousands(cost.rate)}/s, ${cost.cpuMsPerOperation.toFixed(2)} ms of CPU${cost.failures === 0 ? '' : `, ${cost.failures} failed: ${cost.firstFailure}`}\n`,
    );
    costs.push(cost);
    return cost;
  };
  try {
    if (isWanted('reads')) await measureReads(shop, run.gateway, await adminOf(shop, run), bares, measure);
    if (isWanted('events')) await measureEvents(run, measure);
    const rest = () => untilAtRest(runFile);
    if (isWanted('orders'))
      await measureCheckouts({ shop, run, admin: await adminOf(shop, run), bares, measure, rest });
    const idle = isWanted('idle') ? await measureIdle(named, rest) : {};
    report(costs, idle);
  } finally {
    await counter.close();
  }
};

const adminOf = (shop: Shop, run: ReturnType<typeof readRunFile>): Promise<string> =>
  shop.login(run.adminEmail, run.adminPassword);

type Measure = (operation: Operation) => Promise<Cost>;

const load = { concurrency: 16, durationMs, warmUpMs };

const measureReads = async (
  shop: Shop,
  gateway: string,
  admin: string,
  bares: Bare[],
  measure: Measure,
): Promise<void> => {
  const page = await shop.call<{ items: { id: string }[] }>('GET', '/api/products?limit=100');
  const ids = page.body.items.map(({ id }) => id);
  const products = ids.map((id) => `/api/products/${id}`);
  const list = ['/api/products?limit=20'];
  const recommendations = ids.map((id) => `/api/recommendations?scenario=product&productId=${id}`);
  const asStaff = await accountsWith('support', shop, admin);
  const asAnalysts = await accountsWith('analyst', shop, admin);
  const month = 'from={{from}}&to={{to}}';
  const reads: { name: string; paths: string[]; headers?: Record<string, string>[]; clients?: number }[] = [
    { name: 'GET /api/products/:id, from the cache', paths: products, clients },
    // Staff see more than others, so nothing is cached for them.
    { name: 'GET /api/products/:id, past it', paths: products, headers: asStaff },
    { name: 'GET /api/products?limit=20, from the cache', paths: list, clients },
    { name: 'GET /api/products?limit=20, past it', paths: list, headers: asStaff },
    { name: 'GET /api/recommendations', paths: recommendations, clients },
    {
      name: 'GET /api/recommendations, of a visit',
      paths: recommendations.map((path, n) => `${path}&visitId=bench-${n}`),
      clients,
    },
    ...['revenue?granularity=hour', 'top-products?limit=20'].flatMap((question) => [
      {
        name: `GET /api/analytics/${question.split('?')[0]}, again`,
        paths: [`/api/analytics/${question}`],
        headers: asAnalysts,
      },
      {
        name: `GET /api/analytics/${question.split('?')[0]}, anew`,
        paths: [`/api/analytics/${question}&${month}`],
        headers: asAnalysts,
      },
    ]),
  ];
  const sample = await shop.call<unknown>('GET', reads[0]?.paths[0] as string);
  const bare = await startBare('cost/bare-http', JSON.stringify(sample.body));
  bares.push(bare);
  for (const { name, ...asked } of reads) {
    // The limit is taken beside each, for the machine's speed is not the same from minute to minute.
    if (!name.includes(nameWanted)) continue;
    const limit = await runLoad(
      { kind: 'get', origin: bare.url, ...asked, ...load },
      { watched: new Map([['bare', bare.pid]]) },
    );
    const plan = { kind: 'get', origin: gateway, ...asked, ...load } as const;
    await measure({ name, plan, limit, atHalfRate: true });
  }
  bare.stop();
};

/** Several, because each has a limit of requests of its own. */
const accountsWith = async (
  role: 'support' | 'analyst',
  shop: Shop,
  admin: string,
): Promise<Record<string, string>[]> => {
  const headers: Record<string, string>[] = [];
  for (let n = 0; n < clients; n += 1) {
    const account = { email: `bench-${randomUUID()}@shop.example`, password: 'correct horse' };
    const { body } = await shop.call<{ user: { id: string } }>('POST', '/api/auth/register', {
      body: { ...account, name: role },
    });
    await shop.call('PUT', `/api/users/${body.user.id}/roles`, {
      token: admin,
      body: { roles: [role] },
    });
    headers.push({ authorization: `Bearer ${await shop.login(account.email, account.password)}` });
  }
  return headers;
};

const measureEvents = async (run: ReturnType<typeof readRunFile>, measure: Measure): Promise<void> => {
  const event = { type: 'product_viewed', visitId: '{{uuid}}', productId: '{{uuid}}', occurredAt: '{{now}}' };
  const body = JSON.stringify({ events: Array.from({ length: eventsPerBatch }, () => event) });
  const producing = { durationMs, warmUpMs, perBatch: eventsPerBatch, bytes: eventBytes };
  const limit = await runLoad(
    { brokers: run.kafka.split(','), ...producing },
    { program: 'cost/bare-producer', watched: pidsOf(run, ['kafka']) },
  );
  await measure({
    name: `POST /api/events, ${eventsPerBatch} each`,
    plan: { kind: 'post', origin: run.gateway, path: '/api/events', body, expected: 202, ...load },
    each: eventsPerBatch,
    limit,
    atHalfRate: true,
  });
};

type Checkouts = {
  shop: Shop;
  run: ReturnType<typeof readRunFile>;
  admin: string;
  bares: Bare[];
  measure: Measure;
  rest: () => Promise<void>;
};

const measureCheckouts = async ({ shop, run, admin, bares, measure, rest }: Checkouts): Promise<void> => {
  const headers: Record<string, string>[] = [];
  for (let n = 0; n < customers; n += 1) {
    const { token } = await shop.registerCustomer();
    headers.push({ authorization: `Bearer ${token}` });
  }
  const products: string[] = [];
  for (let n = 0; n < 20; n += 1) products.push(await shop.createProduct(admin, { initialStock: 1_000_000 }));
  const address = { name: 'Ada', line1: '1 Engine Row', city: 'London', postalCode: 'N1', country: 'GB' };
  const bodies = products.map((productId) =>
    JSON.stringify({
      items: [{ productId, quantity: 1 }],
      shippingAddress: address,
      payment: { method: 'card', token: 'tok_ok' },
    }),
  );
  const bare = await startBare('cost/bare-checkout', run.postgres);
  bares.push(bare);
  const ordersInAnalytics = async (): Promise<number> => {
    const rows = await shop.call<{ items: { orders: number }[] }>(
      'GET',
      '/api/analytics/revenue?granularity=day',
      {
        token: admin,
      },
    );
    return rows.body.items.reduce((sum, { orders }) => sum + orders, 0);
  };
  const settle = async (before: number, done: number): Promise<void> => {
    await eventually(async () => (await ordersInAnalytics()) >= before + done, {
      timeoutMs: 120_000,
      everyMs: 500,
      message: 'every order in analytics',
    });
  };
  const orders = { kind: 'orders', origin: run.gateway, bodies, concurrency: 32, warmUpMs, headers } as const;
  const untouched = await ordersInAnalytics();
  await runLoad(
    { ...orders, durationMs: ordersWarmUpMs },
    { watched: new Map(), settle: (done) => settle(untouched, done) },
  );
  const known = await ordersInAnalytics();
  await measure({
    name: 'orders, 32 at once',
    plan: { ...orders, durationMs },
    settle: (done) => settle(known, done),
  });
  for (const concurrency of buyers) {
    const checkout = { kind: 'checkout', bodies, pollMs, concurrency, durationMs, warmUpMs } as const;
    const limit = await runLoad(
      { origin: bare.url, ...checkout },
      { watched: new Map([...pidsOf(run, ['postgres']), ['bare', bare.pid]]) },
    );
    const before = await ordersInAnalytics();
    await measure({
      name: `checkout until confirmed, ${concurrency} buyer${concurrency === 1 ? '' : 's'}`,
      plan: { origin: run.gateway, headers, ...checkout },
      limit,
      settle: (done) => settle(before, done),
      ...(concurrency === 1 ? { rest } : {}),
    });
  }
  bare.stop();
};

const measureOne = async (
  { name, plan, each = 1, limit, settle, rest, atHalfRate = false }: Operation,
  named: ReadonlyMap<string, number>,
  counter: Awaited<ReturnType<typeof openPostgresCounter>>,
): Promise<Cost> => {
  await rest?.();
  let workBefore = await counter.read();
  const {
    result,
    settleMs,
    cpuMsByProcess: spent,
  } = await runLoad(plan, {
    watched: named,
    onMeasuring: async () => {
      workBefore = await counter.read();
    },
    ...(settle === undefined ? {} : { settle }),
  });
  if (result.operations === 0) throw new Error(`${name}: nothing succeeded: ${result.firstFailure}`);
  const workAfter = await counter.read();
  const operations = result.operations * each;
  const cpuMs = sumOf(spent);
  const perOperation = (before: number, after: number): number => (after - before) / operations;
  const rate = operations / result.seconds;
  const settledRate = operations / (result.seconds + settleMs / 1000);
  const limitRate =
    limit === undefined ? Number.NaN : (limit.result.operations * each) / limit.result.seconds;
  const limitPerCpu =
    limit === undefined
      ? Number.NaN
      : (limit.result.operations * each) / (limit.result.cpuMs + sumOf(limit.cpuMsByProcess));
  const half = {
    ...plan,
    perSecond: result.operations / result.seconds / 2,
    durationMs: plan.durationMs / 2,
  };
  const atHalf = atHalfRate ? await runLoad(half, { watched: new Map() }) : undefined;
  return {
    name,
    rate,
    settledRate,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    halfRateP99Ms: atHalf?.result.p99Ms ?? Number.NaN,
    failures: result.failures,
    ...(result.firstFailure === undefined ? {} : { firstFailure: result.firstFailure }),
    ofLimit: rate / limitRate,
    ofLimitPerCpu: operations / (cpuMs + result.cpuMs) / limitPerCpu,
    cpuMsPerOperation: cpuMs / operations,
    clientCpuMsPerOperation: result.cpuMs / operations,
    statementsPerOperation: perOperation(workBefore.statements, workAfter.statements),
    transactionsPerOperation: perOperation(workBefore.transactions, workAfter.transactions),
    walBytesPerOperation: perOperation(workBefore.walBytes, workAfter.walBytes),
    cpuMsByProcess: Object.fromEntries([...spent].map(([process, ms]) => [process, ms / operations])),
  };
};

const sumOf = (parts: ReadonlyMap<string, number>): number =>
  [...parts.values()].reduce((sum, part) => sum + part, 0);

const pidsOf = (run: ReturnType<typeof readRunFile>, names: readonly string[]): Map<string, number> =>
  new Map(run.processes.filter(({ name }) => names.includes(name)).map(({ name, pid }) => [name, pid]));

/** Cores that each process uses while there are no requests. */
const measureIdle = async (
  named: ReadonlyMap<string, number>,
  rest: () => Promise<void>,
): Promise<Record<string, number>> => {
  await rest();
  const before = readCpuMs(named);
  await sleep(idleMs);
  const after = readCpuMs(named);
  return Object.fromEntries([...after].map(([name, ms]) => [name, (ms - (before.get(name) ?? 0)) / idleMs]));
};

const fixed = (value: number, digits: number): string =>
  Number.isFinite(value) ? value.toFixed(digits) : '–';

const report = (costs: readonly Cost[], idle: Record<string, number>): void => {
  const right = (title: string) => ({ title, right: true });
  console.log(
    `\n${table(
      [
        { title: 'operation' },
        ...[
          'a second',
          'settled',
          'p50 ms',
          'p99 ms',
          'at half',
          'of limit',
          'of it per CPU',
          'CPU ms',
          'SQL',
          'commits',
          'WAL B',
        ].map(right),
      ],
      costs.map((cost) => [
        cost.failures === 0 ? cost.name : `${cost.name} (${cost.failures} failed)`,
        thousands(cost.rate),
        thousands(cost.settledRate),
        fixed(cost.p50Ms, 1),
        fixed(cost.p99Ms, 1),
        fixed(cost.halfRateP99Ms, 1),
        fixed(cost.ofLimit, 3),
        fixed(cost.ofLimitPerCpu, 3),
        fixed(cost.cpuMsPerOperation, 2),
        fixed(cost.statementsPerOperation, 1),
        fixed(cost.transactionsPerOperation, 1),
        fixed(cost.walBytesPerOperation, 0),
      ]),
    )}`,
  );
  const order = costs.filter(({ name }) => name.startsWith('checkout')).at(-1);
  if (order !== undefined) {
    console.log(`\nwhere the milliseconds of an order go (${order.name})`);
    draw(order.cpuMsByProcess, (ms) => `${ms.toFixed(2)} ms`);
  }
  if (Object.keys(idle).length > 0) {
    const idleCores = Object.values(idle).reduce((sum, cores) => sum + cores, 0);
    console.log(`\nidle: ${(idleCores * 100).toFixed(1)} % of one core`);
    draw(idle, (cores) => `${(cores * 100).toFixed(1)} %`);
  }
  console.log('');
  writeResults('cost', { costs, idle });
};

const draw = (shares: Record<string, number>, say: (value: number) => string): void => {
  const rows = Object.entries(shares).sort((a, b) => b[1] - a[1]);
  const most = Math.max(...rows.map(([, value]) => value), Number.EPSILON);
  for (const [name, value] of rows)
    console.log(`  ${name.padEnd(20)} ${bar(value / most, 40).padEnd(40)} ${say(value)}`);
};
