/**
 * `npm run bench start -- --runs 10`: starts the platform again and again on the data of a first start, and sends an
 * order the moment that `ready` is printed: how long until `ready`, until that order is confirmed, and how many of its
 * spans are in Zipkin. The spans expected are those of an order placed later in the same run. Exits 1 when an order
 * took longer than `confirmedMsMax`, or when its trace has a hole.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '#platform/testing/eventually';
import { sleep } from '#platform/waiting/sleep';
import { startLauncher } from '../tests/launcher-process.js';
import { readRunFile, type Shop, shopAt } from '../tests/shop.js';
import { writeResults } from './results.js';

type Run = {
  readyMs: number;
  confirmedMs: number;
  laterConfirmedMs: number;
  spansFound: number;
  spansExpected: number;
  missing: string;
  load: number;
};

const confirmedMsMax = 1_000;
const readyMsMax = 15_000;
/** Zipkin is the last to come up, and a span is sent within a second of its end. */
const traceMsMax = 60_000;
const restBeforeLaterOrderMs = 3_000;

export const runStartBench = async ({ runs }: { runs: number }): Promise<void> => {
  const dataDir = mkdtempSync(join(tmpdir(), 'cartstream-start-'));
  const args = ['--port', '0', '--catalog', process.env.CATALOG ?? '1000'];
  try {
    console.log('first start, which makes the data');
    const first = await startLauncher(dataDir, args);
    const productId = await productInStock(shopAt(readRunFile(join(dataDir, 'run.json')).gateway));
    await first.stop();
    const results: Run[] = [];
    for (let run = 1; run <= runs; run += 1) {
      const result = await measure(dataDir, args, productId);
      results.push(result);
      console.log(
        `${run}/${runs}: ready ${result.readyMs} ms, first order ${result.confirmedMs} ms, ${result.spansFound} of ${result.spansExpected} spans ${result.missing}`,
      );
    }
    report(results);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
};

const productInStock = async (shop: Shop): Promise<string> => {
  const { body } = await shop.call<{ items: { id: string; available: number }[] }>(
    'GET',
    '/api/products?limit=100',
  );
  const product = body.items.find(({ available }) => available >= 60);
  if (product === undefined) throw new Error('no product has enough in stock');
  return product.id;
};

const measure = async (dataDir: string, args: readonly string[], productId: string): Promise<Run> => {
  const load = Math.round((loadavg()[0] ?? 0) * 10) / 10;
  const startedAt = performance.now();
  const launcher = await startLauncher(dataDir, args);
  const readyMs = Math.round(performance.now() - startedAt);
  try {
    const gateway = launcher.output.find((line) => line.startsWith('ready '))?.split(' ')[1] ?? '';
    const shop = shopAt(gateway);
    const first = await buy(shop, productId);
    await sleep(restBeforeLaterOrderMs);
    const later = await buy(shop, productId);
    const { zipkin } = readRunFile(join(dataDir, 'run.json'));
    const expected = await settledSpans(zipkin, later.traceId);
    const missing = await missingSpans(zipkin, first.traceId, expected);
    return {
      readyMs,
      confirmedMs: first.confirmedMs,
      laterConfirmedMs: later.confirmedMs,
      spansFound: expected.length - missing.length,
      spansExpected: expected.length,
      missing: missing.join(', '),
      load,
    };
  } finally {
    await launcher.stop();
  }
};

/** As a guest: an account would warm the shop up before the order. */
const buy = async (shop: Shop, productId: string): Promise<{ confirmedMs: number; traceId: string }> => {
  const traceId = randomUUID().replaceAll('-', '');
  const startedAt = performance.now();
  const placed = await shop.placeOrder({
    items: [{ productId, quantity: 1 }],
    email: 'ada@example.com',
    headers: { traceparent: `00-${traceId}-b7ad6b7169203331-01` },
  });
  if (placed.status !== 202) throw new Error(`order refused: ${placed.status}`);
  await eventually(
    async () => {
      const headers = { 'x-order-token': placed.body.orderToken ?? '' };
      const order = await shop.call<{ status: string }>('GET', `/api/orders/${placed.body.id}`, { headers });
      return order.body.status === 'confirmed';
    },
    { timeoutMs: 30_000, everyMs: 10, message: `order ${placed.body.id} to be confirmed` },
  );
  return { confirmedMs: Math.round(performance.now() - startedAt), traceId };
};

/** `service: name` of every span that Zipkin has of the trace. */
const spansOf = async (zipkin: string, traceId: string): Promise<string[]> => {
  const answer = await fetch(`${zipkin}/api/v2/trace/${traceId}`);
  if (answer.status !== 200) return [];
  const spans = (await answer.json()) as { name: string; localEndpoint?: { serviceName?: string } }[];
  return spans.map(({ name, localEndpoint }) => `${localEndpoint?.serviceName}: ${name}`);
};

/** The spans of a trace once no more have come for two seconds. */
const settledSpans = async (zipkin: string, traceId: string): Promise<string[]> => {
  let spans: string[] = [];
  let changedAt = performance.now();
  await eventually(
    async () => {
      const now = await spansOf(zipkin, traceId);
      if (now.length !== spans.length) {
        spans = now;
        changedAt = performance.now();
      }
      return (
        spans.some((span) => span.startsWith('clickhouse-ingest')) && performance.now() - changedAt > 2_000
      );
    },
    { timeoutMs: traceMsMax, everyMs: 200, message: `the trace ${traceId} to be whole` },
  );
  return spans;
};

/** What the trace still lacks of the expected spans at its deadline. */
const missingSpans = async (
  zipkin: string,
  traceId: string,
  expected: readonly string[],
): Promise<string[]> => {
  let missing = [...expected];
  await eventually(
    async () => {
      const left = [...expected];
      for (const span of await spansOf(zipkin, traceId)) {
        const at = left.indexOf(span);
        if (at >= 0) left.splice(at, 1);
      }
      missing = left;
      return missing.length === 0;
    },
    { timeoutMs: 10_000, everyMs: 200 },
  ).catch(() => {});
  return missing;
};

const report = (results: readonly Run[]): void => {
  console.table(results);
  const worst = {
    readyMs: Math.max(...results.map(({ readyMs }) => readyMs)),
    confirmedMs: Math.max(...results.map(({ confirmedMs }) => confirmedMs)),
    holes: results.filter(({ missing }) => missing !== '').length,
  };
  console.log(
    `worst of ${results.length}: ready ${worst.readyMs} ms (at most ${readyMsMax}), first order ${worst.confirmedMs} ms (at most ${confirmedMsMax}), traces with a hole ${worst.holes}`,
  );
  writeResults('start', { worst, results });
  if (worst.readyMs > readyMsMax || worst.confirmedMs > confirmedMsMax || worst.holes > 0)
    process.exitCode = 1;
};
