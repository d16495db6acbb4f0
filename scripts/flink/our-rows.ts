import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { Redis } from 'ioredis';
import type { Broker, BrokerAdmin } from '#platform/messaging/broker';
import { projectPath } from '#platform/project';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { cpuSeconds } from '../../benchmarks/process-figures.js';
import type { Sale } from '../../schemas/events.js';
import { type LiveWindow, liveKeys } from '../../schemas/live-state.js';
import { topics } from '../../schemas/topics.js';
import {
  defaultSettings,
  learn,
  noChanges,
  signalOfSale,
} from '../../stream-jobs/item-similarity/similarity.js';
import {
  databaseOf,
  dropJobDatabase,
  endsOf,
  readWritten,
  startJobProcess,
} from '../../stream-jobs/windows/testing/windows-job.js';
import { notInTwin } from './jobs.js';
import type { Measured, TwinSettings } from './measured.js';

const waitMsMax = 300_000;
/** The last windows close by the clock; when nothing was written for so long, all have. */
const stillMs = 8_000;

/** Lets stream-jobs/windows compute what is on the topics, and returns its rows and the CPU time after its start. */
export const runOurs = async (
  broker: Broker,
  admin: BrokerAdmin,
  { prefix, sent, visitGapSeconds, performanceWindowSeconds }: TwinSettings,
): Promise<Measured> => {
  const redisUrl = new URL('/14', engines().redisUrl).toString();
  const redis = new Redis(redisUrl);
  await redis.flushdb();
  const database = databaseOf(prefix);
  const job = startJobProcess(
    { prefix, group: prefix, database, redisUrl },
    [projectPath('dist/stream-jobs/windows/main.js')],
    {
      WINDOWS_VISIT_GAP_MS: String(visitGapSeconds * 1000),
      WINDOWS_PERFORMANCE_WINDOW_MS: String(performanceWindowSeconds * 1000),
    },
  );
  let startCpuSeconds = 0;
  createInterface({ input: job.stdout as Readable }).on('line', (line) => {
    if (line.includes('windows restored')) startCpuSeconds = cpuSeconds(job.pid as number);
  });
  const read = async (): Promise<number> => {
    const of = [topics.shopperActivity, topics.sales].map(({ topic }) =>
      admin.committedOffsets(prefix, prefix + topic),
    );
    return (await Promise.all(of)).flat().reduce((sum, { nextOffset }) => sum + Number(nextOffset ?? 0n), 0);
  };
  await eventually(async () => (await read()) >= sent, { timeoutMs: waitMsMax, everyMs: 200 });
  const used = cpuSeconds(job.pid as number) - startCpuSeconds;
  const written = [topics.visits, topics.productPerformance].map(({ topic }) => prefix + topic);
  let before = -1;
  await eventually(
    async () => {
      const now = await endsOf(broker, written);
      const isStill = now > 0 && now === before;
      before = now;
      return isStill;
    },
    { timeoutMs: waitMsMax, everyMs: stillMs },
  );
  const { Visit: visits, ProductPerformance: performance } = await readWritten(broker, prefix);
  const live = await liveOf(redis);
  job.kill('SIGTERM');
  await once(job, 'exit');
  redis.disconnect();
  await dropJobDatabase(database);
  return {
    rows: {
      ...live,
      visits: new Map(
        visits.map((row) => [`${row.visit_id} ${row.started_at}`, without(notInTwin.visits, row)]),
      ),
      performance: new Map(
        performance.map((row) => [
          `${row.product_id} ${row.currency ?? ''} ${row.from_at}`,
          without(notInTwin['product-performance'], row),
        ]),
      ),
    },
    cpuSeconds: used,
  };
};

const without = (names: readonly string[], row: object): object =>
  Object.fromEntries(Object.entries(row).filter(([name]) => !names.includes(name)));

const liveOf = async (
  redis: Redis,
): Promise<Record<'visitors' | 'orders' | 'money', Map<string, unknown>>> => {
  const rows = {
    visitors: new Map<string, unknown>(),
    orders: new Map<string, unknown>(),
    money: new Map<string, unknown>(),
  };
  for (const text of await redis.hvals(liveKeys.windows('tenSeconds'))) {
    const window = JSON.parse(text.slice(text.indexOf(' ') + 1)) as LiveWindow;
    const amountOf = (amounts: LiveWindow['gmv'], of: string): number =>
      amounts.find(({ currency }) => currency === of)?.amountMinor ?? 0;
    const sold = [...window.gmv, ...window.refunds];
    if (window.visitors > 0) rows.visitors.set(`${window.fromMs}`, window.visitors);
    if (sold.length > 0) rows.orders.set(`${window.fromMs}`, window.orders);
    for (const { currency } of sold)
      rows.money.set(`${window.fromMs} ${currency}`, {
        gmv: amountOf(window.gmv, currency),
        refunds: amountOf(window.refunds, currency),
      });
  }
  return rows;
};

/** In how many orders two products stand, as stream-jobs/item-similarity counts it when nothing fades. */
export const pairsOf = (sales: readonly Sale[]): Map<string, unknown> => {
  const changes = noChanges();
  const { weights } = defaultSettings;
  const counting = { ...defaultSettings, similarityHalfLifeMs: Number.POSITIVE_INFINITY };
  for (const sale of sales) {
    const signal = signalOfSale(sale);
    if (signal !== null) learn(changes, signal, changes.baskets.get(sale.order_id) ?? [], counting);
  }
  return new Map(
    [...changes.pairs].flatMap(([product, others]) =>
      [...others].map(([other, weight]) => [`${product} ${other}`, weight / weights.bought] as const),
    ),
  );
};
