/**
 * `npm run bench scale`: orders a second and CPU time an order with 1, 2 and 4 instances of the services that an order
 * passes, and with 1,000 and 100,000 products. With `-- --minutes N` the platform under a steady load instead. The
 * comparisons start platforms of their own.
 */
import { loadavg } from 'node:os';
import { memoryOf } from '../local/process-memory.js';
import { startScratch } from '../tests/running-platform.js';
import { readRunFile, type Shop, shopAt } from '../tests/shop.js';
import { ourShop, type Run } from './checkout/systems.js';
import { writeDrawing } from './drawing.js';
import { shownSpread, spreadOf } from './figures.js';
import { buyInLoop, type OrderCost } from './load/orders.js';
import { circumstancesNote, writeResults } from './results.js';
import { runSteady } from './scale/steady.js';
import { table } from './terminal.js';

const durationMs = Number(process.env.SECONDS ?? 10) * 1000;
const rounds = Number(process.env.ROUNDS ?? 3);
const buyers = 32;
const instanceCounts = [1, 2, 4];
const catalogues = (process.env.CATALOGS ?? '1000,100000').split(',').map(Number);
/** Those that an order passes on its way to `confirmed`. */
const scaled = ['order', 'inventory', 'payment'];
/** Orders go to this many products, taken at equal distances from the whole catalogue. */
const productsBought = 1000;
const plenty = 1_000_000;
const restocksAtOnce = 16;
/** `ONLY=instances,catalogue` leaves the other out. */
const isWanted = (part: string): boolean => process.env.ONLY?.split(',').includes(part) ?? true;

type Layout = { name: string; instances?: number; catalogue?: number; args: string[] };
type Measured = Layout & {
  readyMs: number;
  memoryMb: number;
  nodeProcesses: number;
  costs: (OrderCost & { load: number })[];
};

export const runScaleBench = async ({ minutes }: { minutes: number }): Promise<void> => {
  if (minutes > 0) return runSteady(minutes);
  const measured: Measured[] = [];
  for (const layout of layouts()) measured.push(await measureLayout(layout));
  report(measured);
};

const layouts = (): Layout[] => [
  ...(isWanted('catalogue')
    ? catalogues.map((catalogue) => ({
        name: `${catalogue.toLocaleString('en-US')} products, as \`npm start\` runs it`,
        catalogue,
        args: ['--catalog', String(catalogue)],
      }))
    : []),
  ...(isWanted('instances')
    ? instanceCounts.map((instances) => ({
        name: `--separate, ${instances} of ${scaled.join(', ')} each`,
        instances,
        args: [
          ...['--catalog', '1000', '--separate'],
          ...['--instances', scaled.map((service) => `${service}=${instances}`).join(',')],
        ],
      }))
    : []),
];

const measureLayout = async (layout: Layout): Promise<Measured> => {
  console.log(`${layout.name}: starting`);
  const startedAtMs = performance.now();
  const platform = await startScratch(['--port', '0', '--no-traffic', ...layout.args]);
  try {
    const readyMs = performance.now() - startedAtMs;
    console.log(`  ready after ${(readyMs / 1000).toFixed(0)} s`);
    const run = readRunFile(platform.runFile);
    const system = await ourShop(platform.runFile, await spreadProducts(run));
    // The runtimes of a platform that has just started compile its code first, which is not what is compared.
    const warmUp = await buyInLoop(system, { buyers, durationMs });
    console.log(`  warm-up: ${warmUp.perSecond.toFixed(1)}/s`);
    const costs: Measured['costs'] = [];
    for (let round = 0; round < rounds; round += 1) {
      const load = loadavg()[0] ?? Number.NaN;
      const cost = await buyInLoop(system, { buyers, durationMs });
      costs.push({ ...cost, load });
      console.log(
        `  round ${round + 1}/${rounds}: ${cost.perSecond.toFixed(1)}/s, ${cost.cpuMsPerOrder.toFixed(2)} ms of CPU an order${cost.failures === 0 ? '' : `, ${cost.failures} failed: ${cost.firstFailure}`}`,
      );
    }
    const memory = memoryOf(readRunFile(platform.runFile));
    return {
      ...layout,
      readyMs,
      memoryMb: [...memory.values()].reduce((sum, kib) => sum + kib / 1024, 0),
      nodeProcesses: memory.size,
      costs,
    };
  } finally {
    await platform.stop();
  }
};

/** Products at equal distances over the whole catalogue, each with plenty of stock. */
const spreadProducts = async (run: Run): Promise<string[]> => {
  const shop = shopAt(run.gateway);
  const all = await allProducts(shop);
  const every = Math.max(1, all.length / productsBought);
  const ids = Array.from(
    { length: Math.min(all.length, productsBought) },
    (_, n) => all[Math.floor(n * every)] as string,
  );
  const token = await shop.login(run.adminEmail, run.adminPassword);
  const waiting = [...ids];
  const restock = async (): Promise<void> => {
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      const { status } = await shop.call('PUT', `/api/inventory/${id}`, { token, body: { onHand: plenty } });
      if (status !== 200) throw new Error(`stock of ${id}: ${status}`);
    }
  };
  await Promise.all(Array.from({ length: restocksAtOnce }, restock));
  return ids;
};

const allProducts = async (shop: Shop): Promise<string[]> => {
  const ids: string[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const path: string = `/api/products?limit=100${cursor && `&cursor=${encodeURIComponent(cursor)}`}`;
    const { body } = await shop.call<{ items: { id: string }[]; next: string | null }>('GET', path);
    ids.push(...body.items.map(({ id }) => id));
    cursor = body.next;
  }
  return ids;
};

const right = (title: string) => ({ title, right: true });

const report = (measured: readonly Measured[]): void => {
  const of = ({ costs }: Measured, key: 'perSecond' | 'settledPerSecond' | 'cpuMsPerOrder' | 'p50Ms') =>
    spreadOf(costs.map((cost) => cost[key]));
  console.log(
    `\n${buyers} buyers in a closed loop, median of ${rounds} rounds (lowest–highest)\n${table(
      [
        { title: 'layout' },
        ...['confirmed/s', 'in analytics/s', 'CPU ms an order', 'p50 ms', 'ready s', 'MB', 'failed'].map(
          right,
        ),
      ],
      measured.map((one) => [
        one.name,
        shownSpread(of(one, 'perSecond'), 1),
        shownSpread(of(one, 'settledPerSecond'), 1),
        shownSpread(of(one, 'cpuMsPerOrder'), 2),
        of(one, 'p50Ms').median.toFixed(0),
        (one.readyMs / 1000).toFixed(0),
        one.memoryMb.toFixed(0),
        String(one.costs.reduce((sum, { failures }) => sum + failures, 0)),
      ]),
    )}`,
  );
  const loads = spreadOf(measured.flatMap(({ costs }) => costs.map(({ load }) => load)));
  console.log(`load average before each measurement: ${shownSpread(loads, 1)}`);
  for (const key of ['instances', 'catalogue'] as const) {
    const along = measured.filter((one) => one[key] !== undefined);
    if (along.length < 2) continue;
    const xTitle = key === 'instances' ? `instances of ${scaled.join(', ')} each` : 'products';
    const lineOf = (name: string, value: 'perSecond' | 'cpuMsPerOrder') => ({
      name,
      points: along.map((one) => ({ x: one[key] as number, y: of(one, value).median })),
    });
    const axes = { xTitle, xLogarithmic: true };
    writeDrawing(
      `scale-by-${key}`,
      [
        {
          title: `Orders a second (${buyers} buyers)`,
          yTitle: 'orders/s',
          lines: [lineOf('confirmed', 'perSecond')],
          ...axes,
        },
        {
          title: 'CPU time of an order, all processes',
          yTitle: 'ms',
          lines: [lineOf('CPU', 'cpuMsPerOrder')],
          ...axes,
        },
      ],
      circumstancesNote(loads),
    );
  }
  writeResults('scale', { buyers, measured });
};
