import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { engines } from '#platform/testing/engines';
import { flinkScript, runFlink } from './local-flink.js';
import type { Measured, TwinSettings } from './measured.js';

const heapMb = 1_024;

/** Lets Flink compute these jobs on what is on the topics, each in a JVM of its own, and returns its rows and CPU time. */
export const runTheirs = async (
  flink: string,
  jobs: readonly string[],
  { prefix, visitGapSeconds, performanceWindowSeconds }: Omit<TwinSettings, 'sent'>,
): Promise<Measured> => {
  const { kafka, schemaRegistryUrl } = engines();
  const out = mkdtempSync(join(tmpdir(), 'cartstream-twin-'));
  let used = 0;
  try {
    for (const job of jobs) {
      const script = flinkScript(job, {
        brokers: kafka.brokers.join(','),
        schemaRegistryUrl,
        topicPrefix: prefix,
        visitGapSeconds,
        performanceWindowSeconds,
        isBounded: true,
        sinkOf: (name) => `'connector' = 'filesystem', 'path' = 'file://${out}/${name}', 'format' = 'json'`,
      });
      const { cpuSeconds: of, output } = await runFlink(flink, script, heapMb).ended;
      if (/\[ERROR\]|Exception/.test(output))
        throw new Error(output.slice(Math.max(0, output.search(/\[ERROR\]|Exception/))).slice(0, 3_000));
      used += of;
    }
    return { rows: twinRows(out), cpuSeconds: used };
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
};

type TwinRow = Record<string, string | number | null>;

const rowsIn = (folder: string): TwinRow[] => {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .flatMap((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8').split('\n'))
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as TwinRow);
  } catch {
    return [];
  }
};

const msOf = (time: unknown): number => Date.parse(`${String(time).replace(' ', 'T')}Z`);

/** Rows by an identity that both sides give them. */
const twinRows = (folder: string): Measured['rows'] => {
  const rows = {
    visits: new Map<string, unknown>(),
    visitors: new Map<string, unknown>(),
    orders: new Map<string, number>(),
    money: new Map<string, unknown>(),
    performance: new Map<string, unknown>(),
    pairs: new Map<string, number>(),
  };
  for (const row of rowsIn(join(folder, 'visits'))) {
    const visit = { ...row, started_at: msOf(row.started_at), occurred_at: msOf(row.occurred_at) };
    rows.visits.set(`${row.visit_id} ${visit.started_at}`, visit);
  }
  for (const row of rowsIn(join(folder, 'visitors')))
    rows.visitors.set(`${msOf(row.window_start)}`, row.visitors);
  for (const { window_start, currency, orders, gmv, refunds } of rowsIn(join(folder, 'money'))) {
    const start = `${msOf(window_start)}`;
    rows.orders.set(start, (rows.orders.get(start) ?? 0) + Number(orders));
    rows.money.set(`${start} ${currency}`, { gmv, refunds });
  }
  for (const row of rowsIn(join(folder, 'product-performance'))) {
    const { product_id, currency = null, lowest_price_minor = null, highest_price_minor = null } = row;
    const times = { from_at: msOf(row.from_at), occurred_at: msOf(row.occurred_at) };
    rows.performance.set(`${product_id} ${currency ?? ''} ${times.from_at}`, {
      ...{ ...row, currency, lowest_price_minor, highest_price_minor },
      ...times,
    });
  }
  for (const { product_id, other_product_id, orders } of rowsIn(join(folder, 'bought-together'))) {
    const pair = `${product_id} ${other_product_id}`;
    rows.pairs.set(pair, (rows.pairs.get(pair) ?? 0) + Number(orders));
  }
  return rows;
};
