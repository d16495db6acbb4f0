/**
 * `npm run bench shelves`: how long after a visitor's view, and after the creation of a product, the lists show it, through the
 * gateway and beside a steady load of events (`RATE` a second; `MINUTES`). What is measured: benchmarks/README.md.
 */
import { loadavg } from 'node:os';
import { sleep } from '#platform/waiting/sleep';
import { findPlatform } from '../tests/running-platform.js';
import { readRunFile, type Shop, shopAt } from '../tests/shop.js';
import { percentile } from './figures.js';
import { startShoppers } from './freshness/load.js';
import { writeResults } from './results.js';
import { type Listed, probeProduct, probeVisitor, readCatalogue, type Seen } from './shelves/probes.js';
import { progressLine, table, thousands } from './terminal.js';

const perSecond = Number(process.env.RATE ?? 1_000);
const seconds = Number(process.env.MINUTES ?? 2) * 60;
const visitorsPerSecond = Number(process.env.VISITORS ?? 4);
const productsPerSecond = Number(process.env.ARRIVALS ?? 0.5);
const boundMs = 5_000;

type Figures = {
  list: string;
  probes: number;
  p50Ms: number;
  p99Ms: number;
  worstMs: number;
  /** Not within a minute. */
  missing: number;
  /** Of half of the probes or more, and of all. */
  placeMedian: number;
  placeWorst: number;
};

export const runShelvesBench = async (): Promise<void> => {
  const { runFile, stop } = await findPlatform(1_000);
  try {
    process.env.CARTSTREAM_RUN = runFile;
    const { gateway, adminEmail, adminPassword } = readRunFile(runFile);
    const shop = shopAt(gateway);
    const token = await shop.login(adminEmail, adminPassword);
    const catalogue = await readCatalogue(shop);
    const load = loadavg()[0] ?? Number.NaN;
    const shoppers = startShoppers(
      perSecond,
      catalogue.map(({ id }) => id),
    );
    const measured = await measure(shop, token, catalogue);
    report({ reached: await shoppers.stop(), load, ...measured });
  } finally {
    await stop();
  }
};

const measure = async (shop: Shop, token: string, catalogue: readonly Listed[]) => {
  const some = (nth: number): Listed => catalogue[nth % catalogue.length] as Listed;
  const progress = progressLine(`${thousands(perSecond)} events/s`);
  const [visitors, products] = await Promise.all([
    eachDue(
      visitorsPerSecond,
      (nth) => probeVisitor(shop, [some(2 * nth), some(2 * nth + 1)]),
      (share) => progress.update(share, ''),
    ),
    // A product is copied once: many copies of one would have the same place.
    eachDue(productsPerSecond, (nth) => probeProduct(shop, token, some(7 * nth))),
  ]);
  progress.done(`${visitors.length} visitors, ${products.length} products`);
  const of = <T>(list: string, probes: readonly T[], seen: (probe: T) => Seen): Figures =>
    figuresOf(list, probes.map(seen));
  return {
    lists: [
      of('home, second view', visitors, ({ home }) => home),
      of('product, second view', visitors, ({ product }) => product),
      of('new-arrivals, new product', products, ({ newArrivals }) => newArrivals),
      of('similar, new product', products, ({ similar }) => similar),
      of('search, new product', products, ({ search }) => search),
    ],
  };
};

/** Begins probes at equal distances, whether or not the last ones have ended, and waits for all. */
const eachDue = async <T>(
  rate: number,
  probe: (nth: number) => Promise<T>,
  onProgress: (share: number) => void = () => {},
): Promise<T[]> => {
  const startedAtMs = performance.now();
  const begun: Promise<T>[] = [];
  for (let nth = 0; nth < rate * seconds; nth += 1) {
    await sleep(Math.max(0, startedAtMs + (nth * 1_000) / rate - performance.now()));
    const one = probe(nth);
    one.catch(() => {});
    begun.push(one);
    onProgress(nth / (rate * seconds));
  }
  return await Promise.all(begun);
};

const figuresOf = (list: string, probes: readonly Seen[]): Figures => {
  const seen = probes.filter((probe) => probe !== null);
  const [waits, places] = [seen.map(({ ms }) => ms), seen.map(({ place }) => place)];
  return {
    list,
    probes: probes.length,
    p50Ms: percentile(waits, 0.5),
    p99Ms: percentile(waits, 0.99),
    worstMs: Math.max(...waits),
    missing: probes.length - seen.length,
    placeMedian: percentile(places, 0.5),
    placeWorst: Math.max(...places),
  };
};

const report = (measured: { reached: number; load: number; lists: Figures[] }): void => {
  const { lists, reached, load } = measured;
  const titles = ['list', 'probes', 'p50 ms', 'p99 ms', 'worst ms', 'not seen', 'place, median', 'worst'];
  console.log(
    `\nfrom the acceptance of a view, or the creation of a product, to a list with it; ${seconds} s beside ${thousands(reached)} events/s, load average before it ${load.toFixed(1)}\n${table(
      titles.map((title, nth) => ({ title, right: nth > 0 })),
      lists.map((one) => [
        one.list,
        String(one.probes),
        ...[one.p50Ms, one.p99Ms, one.worstMs].map((ms) => ms.toFixed(0)),
        String(one.missing),
        String(one.placeMedian),
        String(one.placeWorst),
      ]),
    )}`,
  );
  for (const { list, p99Ms, missing } of lists)
    if (missing > 0 || !(p99Ms <= boundMs)) {
      console.log(`${list}: not within ${boundMs} ms`);
      process.exitCode = 1;
    }
  writeResults('shelves', { seconds, perSecond, ...measured });
};
