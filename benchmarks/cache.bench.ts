/**
 * `npm run bench cache`: the same browsing, with the caches and without (`CACHES=off`), each on a platform of its own: how
 * long a request takes, what it costs, how often the database is asked, and how much of it each cache answers. Meanwhile an
 * order is placed each second, so that stock changes as in a shop.
 */
import { sleep } from '#platform/waiting/sleep';
import { type Random, randomFrom } from '../local/random.js';
import { startScratch } from '../tests/running-platform.js';
import { readRunFile, type Shop, shopAt } from '../tests/shop.js';
import { processesOf } from './checkout/systems.js';
import { runLoad } from './cost/bare.js';
import { openPostgresCounter } from './cost/postgres-work.js';
import { writeResults } from './results.js';
import { metricsOf } from './scale/samples.js';
import { table, thousands } from './terminal.js';

const durationMs = Number(process.env.SECONDS ?? 30) * 1000;
const warmUpMs = durationMs / 3;
const perSecond = Number(process.env.RATE ?? 150);
const catalogSize = 1_000;
const ordersKnown = 20;
const pathsCount = 5_000;
const productHitsMin = 0.8;

/** Of a hundred requests. */
const mix = { product: 60, search: 15, list: 10, status: 10, account: 5 } as const;

type Measured = {
  areCachesOn: boolean;
  p50Ms: number;
  p99Ms: number;
  requests: number;
  failures: number;
  /** Of all processes of the platform together. */
  cpuMsPerRequest: number;
  /** Transactions of all databases, those of an idle platform of the same time taken off. */
  readsPerRequest: number;
  layers: { cache: string; hits: number; misses: number }[];
};

export const runCacheBench = async (): Promise<void> => {
  const measured: Measured[] = [];
  for (const areCachesOn of [true, false]) measured.push(await measure(areCachesOn));
  report(measured);
};

const measure = async (areCachesOn: boolean): Promise<Measured> => {
  const env = { CACHES: areCachesOn ? 'on' : 'off' };
  const args = ['--port', '0', '--catalog', String(catalogSize), '--no-traffic'];
  const platform = await startScratch(args, env);
  const work = await openPostgresCounter(readRunFile(platform.runFile).postgres);
  const ending = new AbortController();
  try {
    const run = readRunFile(platform.runFile);
    const shop = shopAt(run.gateway);
    const browsed = await prepare(shop, randomFrom(5));
    const idle = await transactionsIn(work, () => sleep(durationMs / 2));
    const ordering = orderAllTheTime(shop, browsed.products, ending.signal);
    let before: Counts = { transactions: 0, caches: new Map() };
    const count = async (): Promise<Counts> => ({
      transactions: (await work.read()).transactions,
      caches: await cachesOf(platform.runFile),
    });
    const { result, cpuMsByProcess } = await runLoad(
      {
        kind: 'get',
        origin: run.gateway,
        paths: browsed.paths,
        headers: [{ authorization: `Bearer ${browsed.token}` }],
        concurrency: 32,
        perSecond,
        durationMs,
        warmUpMs,
      },
      {
        watched: processesOf(run),
        onMeasuring: async () => {
          before = await count();
        },
      },
    );
    const after = await count();
    ending.abort();
    await ordering;
    const { operations, p50Ms, p99Ms, failures } = result;
    const cpuMs = [...cpuMsByProcess.values()].reduce((sum, ms) => sum + ms, 0);
    const layers = [...after.caches].map(([cache, { hits, misses }]) => ({
      cache,
      hits: hits - (before.caches.get(cache)?.hits ?? 0),
      misses: misses - (before.caches.get(cache)?.misses ?? 0),
    }));
    console.log(`  caches ${env.CACHES}: p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`);
    return {
      areCachesOn,
      p50Ms,
      p99Ms,
      requests: operations,
      failures,
      cpuMsPerRequest: cpuMs / operations,
      readsPerRequest: (after.transactions - before.transactions - 2 * idle) / operations,
      layers: layers.filter(({ hits, misses }) => hits + misses > 0),
    };
  } finally {
    ending.abort();
    await work.close();
    await platform.stop();
  }
};

type Counts = { transactions: number; caches: Map<string, { hits: number; misses: number }> };

const transactionsIn = async (
  work: Awaited<ReturnType<typeof openPostgresCounter>>,
  wait: () => Promise<unknown>,
): Promise<number> => {
  const { transactions } = await work.read();
  await wait();
  return (await work.read()).transactions - transactions;
};

const cachesOf = async (runFile: string): Promise<Counts['caches']> => {
  const { metrics } = await metricsOf(runFile);
  const caches: Counts['caches'] = new Map();
  for (const { name, labels, value } of metrics) {
    const cache = /cache="([^"]*)"/.exec(labels)?.[1];
    if (cache === undefined) continue;
    const counts = caches.get(cache) ?? { hits: 0, misses: 0 };
    if (name === 'cache_hits_total') counts.hits += value;
    if (name === 'cache_misses_total') counts.misses += value;
    caches.set(cache, counts);
  }
  return caches;
};

type Browsed = { paths: string[]; token: string; products: string[] };

/** A customer with some orders, and what he looks at: few products often and many seldom. */
const prepare = async (shop: Shop, random: Random): Promise<Browsed> => {
  const { token } = await shop.registerCustomer();
  const items: { id: string; name: string; category: string }[] = [];
  for (let cursor = ''; items.length < catalogSize; ) {
    const { body } = await shop.call<{ items: typeof items; next: string | null }>(
      'GET',
      `/api/products?limit=100${cursor}`,
    );
    items.push(...body.items);
    if (body.next === null) break;
    cursor = `&cursor=${encodeURIComponent(body.next)}`;
  }
  const popular = <T>(all: readonly T[]): T =>
    all[Math.min(all.length, Math.floor(all.length ** random.next())) - 1] as T;
  const orders = await Promise.all(
    Array.from({ length: ordersKnown }, async () => {
      const placed = await shop.placeOrder({ token, items: [{ productId: popular(items).id, quantity: 1 }] });
      await shop.settled(placed.body.id, token);
      return placed.body.id;
    }),
  );
  const make: Record<keyof typeof mix, () => string> = {
    product: () => `/api/products/${popular(items).id}`,
    search: () => {
      const words = popular(items).name.toLowerCase().split(' ').slice(0, 2).join(' ');
      return `/api/products/search?q=${encodeURIComponent(words)}`;
    },
    list: () => `/api/products?category=${encodeURIComponent(popular(items).category)}&sort=popularity`,
    status: () => `/api/orders/${random.pick(orders)}/status`,
    account: () => '/api/users/me',
  };
  const kinds = Object.entries(mix).flatMap(([kind, share]) =>
    Array(share).fill(kind),
  ) as (keyof typeof mix)[];
  const paths = Array.from({ length: pathsCount }, () => make[random.pick(kinds)]());
  return { paths, token, products: items.map(({ id }) => id) };
};

const orderAllTheTime = async (
  shop: Shop,
  products: readonly string[],
  until: AbortSignal,
): Promise<void> => {
  for (let nth = 0; !until.aborted; nth += 1) {
    const items = [{ productId: products[nth % 50] as string, quantity: 1 }];
    await shop.placeOrder({ email: 'browser@shop.example', items });
    await sleep(1000, { signal: until });
  }
};

const report = (measured: readonly Measured[]): void => {
  const right = (title: string) => ({ title, right: true });
  const [on, off] = measured as [Measured, Measured];
  const row = (of: Measured): string[] => [
    of.areCachesOn ? 'with caches' : 'without',
    of.p50Ms.toFixed(1),
    of.p99Ms.toFixed(1),
    of.cpuMsPerRequest.toFixed(2),
    of.readsPerRequest.toFixed(2),
    String(of.failures),
  ];
  console.log(
    `\n${table(
      [
        { title: `${perSecond} requests/s` },
        ...['p50 ms', 'p99 ms', 'CPU ms', 'database reads', 'failed'].map(right),
      ],
      [
        row(on),
        row(off),
        [
          'with / without',
          (on.p50Ms / off.p50Ms).toFixed(2),
          (on.p99Ms / off.p99Ms).toFixed(2),
          (on.cpuMsPerRequest / off.cpuMsPerRequest).toFixed(2),
          (on.readsPerRequest / off.readsPerRequest).toFixed(2),
          '',
        ],
      ],
    )}`,
  );
  console.log(
    `\n${table(
      [{ title: 'layer' }, ...['asked', 'hits'].map(right)],
      on.layers.map(({ cache, hits, misses }) => [
        cache,
        thousands(hits + misses),
        `${((100 * hits) / (hits + misses)).toFixed(1)} %`,
      ]),
    )}`,
  );
  const rate = productRateOf(on);
  const holds = rate >= productHitsMin;
  console.log(
    `\nproducts and lists answered by the gateway's memory or by Redis: ${(100 * rate).toFixed(1)} %, at least ${100 * productHitsMin} %: ${holds ? 'holds' : 'missed'}`,
  );
  const saved = (off.readsPerRequest - on.readsPerRequest) * on.requests;
  console.log(`database reads saved: ${thousands(Math.round(saved))} in ${durationMs / 1000} s`);
  if (!holds) process.exitCode = 1;
  writeResults('cache', { perSecond, mix, productHitRate: rate, measured });
};

/** Of the requests for products and lists, those that no database was asked for. */
const productRateOf = ({ layers }: Measured): number => {
  const of = (name: string) => layers.find(({ cache }) => cache === name) ?? { hits: 0, misses: 0 };
  const [memory, redis] = [of('catalogue'), of('product')];
  return (memory.hits + redis.hits) / Math.max(1, memory.hits + memory.misses);
};
