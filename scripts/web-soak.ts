/**
 * `npm run web:soak [-- --seconds 600] [-- --events 1000]` keeps the live dashboard open in Chromium on the platform that
 * runs in `.local`, or one that it starts, while shoppers act, and compares the page's memory, nodes and listeners after a
 * tenth of the time with those at the end. It fails when the heap has grown by more than 5 MB, or when nodes or listeners
 * have grown by more than a tenth.
 */
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { type CDPSession, chromium } from 'playwright-core';
import { sleep } from '#platform/waiting/sleep';
import { findPlatform } from '../tests/running-platform.js';
import { readRunFile, shopAt } from '../tests/shop.js';
import { findBrowser, noBrowser, openDashboard } from '../tests/web/browser.js';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '600' },
    events: { type: 'string', default: '1000' },
  },
});
const [seconds, eventsPerSecond] = [Number(values.seconds), Number(values.events)];
const heapGrowthBytesMax = 5_000_000;
const batch = 500;
/** So many people are in the shop at once, each with one view a second, until they have seen so many products. */
const viewsPerVisit = 20;

const executablePath = findBrowser();
if (executablePath === undefined) throw new Error(noBrowser);
// Before the platform, so that a browser that does not start leaves no platform behind.
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
const platform = await findPlatform(1_000);
const run = readRunFile(platform.runFile);
const shop = shopAt(run.gateway);

type Size = { heapBytes: number; nodes: number; listeners: number };

const sizeOf = async (devtools: CDPSession): Promise<Size> => {
  await devtools.send('HeapProfiler.collectGarbage');
  const { metrics } = await devtools.send('Performance.getMetrics');
  const of = (name: string): number => metrics.find((metric) => metric.name === name)?.value ?? Number.NaN;
  return { heapBytes: of('JSHeapUsedSize'), nodes: of('Nodes'), listeners: of('JSEventListeners') };
};

/** Views of the catalogue by many visits, and an order each second. */
const act = async (until: AbortSignal): Promise<void> => {
  const { body } = await shop.call<{ items: { id: string; available: number }[] }>(
    'GET',
    '/api/products?limit=50',
  );
  let visits = Array.from({ length: eventsPerSecond }, () => randomUUID());
  const sold = body.items.filter(({ available }) => available > 0);
  while (!until.aborted) {
    const startedAtMs = performance.now();
    visits = visits.map((visit) => (Math.random() < 1 / viewsPerVisit ? randomUUID() : visit));
    const events = Array.from({ length: eventsPerSecond }, (_, at) => ({
      type: 'product_viewed',
      visitId: visits[at % visits.length],
      productId: body.items[at % body.items.length]?.id,
      occurredAt: new Date().toISOString(),
    }));
    for (let at = 0; at < events.length; at += batch)
      await shop.call('POST', '/api/events', { body: { events: events.slice(at, at + batch) } });
    const productId = sold[Math.floor(Math.random() * sold.length)]?.id;
    if (productId !== undefined)
      await shop.placeOrder({ items: [{ productId, quantity: 1 }], email: 'soak@example.com' });
    await sleep(Math.max(0, 1_000 - (performance.now() - startedAtMs)), { signal: until });
  }
};

const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
const done = new AbortController();
try {
  await openDashboard(page, run);
  await page.evaluate(
    `globalThis.longTasks = 0; new PerformanceObserver((list) => { globalThis.longTasks += list.getEntries().length; }).observe({ type: 'longtask' })`,
  );
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Performance.enable');
  const acting = act(done.signal).catch((error: unknown) => error);
  await sleep(seconds * 100);
  const first = await sizeOf(devtools);
  await page.evaluate('globalThis.longTasks = 0');
  await sleep(seconds * 900);
  const last = await sizeOf(devtools);
  const longTasks = await page.evaluate<number>('globalThis.longTasks');
  done.abort();
  const fault = await acting;
  console.table({ 'after a tenth': first, 'at the end': last });
  console.log(
    `${seconds} s, ${eventsPerSecond} events/s, ${longTasks} tasks over 50 ms after the first tenth`,
  );
  if (fault instanceof Error) console.log(`the load ended early: ${fault.message}`);
  const grown = (of: keyof Size): number => last[of] / first[of];
  if (
    last.heapBytes - first.heapBytes > heapGrowthBytesMax ||
    grown('nodes') > 1.1 ||
    grown('listeners') > 1.1
  ) {
    console.error('the page grows');
    process.exitCode = 1;
  }
} finally {
  done.abort();
  await browser.close();
  await platform.stop();
}
