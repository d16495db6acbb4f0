/**
 * `npm run bench catalogue`: a catalogue of 100,000 products (`PRODUCTS`). How fast it is imported through the gateway
 * and found by the search; 100 searches a second (`SEARCHES`), with typing errors, beginnings of words, frequent words and
 * filters; how often the first hit of a name with one typing error is its product; and a product from the gateway's cache
 * beside a bare `node:http` server. Uses the platform that CARTSTREAM_RUN names or that runs in `.local`, or starts one.
 */
import { randomUUID } from 'node:crypto';
import { eventually } from '#platform/testing/eventually';
import { catalogueOf } from '../local/catalogue/catalogue.js';
import { type Random, randomFrom } from '../local/random.js';
import { findPlatform } from '../tests/running-platform.js';
import { readRunFile, type Shop, shopAt } from '../tests/shop.js';
import { processesOf } from './checkout/systems.js';
import { runLoad, startBare } from './cost/bare.js';
import { openPostgresCounter } from './cost/postgres-work.js';
import { type BuyersWaits, startImportBuyer } from './import-buyer.js';
import { readCpuMs } from './process-figures.js';
import { writeResults } from './results.js';
import { readBacklog } from './scale/samples.js';
import { table, thousands } from './terminal.js';

const count = Number(process.env.PRODUCTS ?? 100_000);
const searchesPerSecond = Number(process.env.SEARCHES ?? 100);
const durationMs = Number(process.env.SECONDS ?? 10) * 1000;
const warmUpMs = durationMs / 4;
const queriesPerKind = 250;
const recallQueries = 1_000;
const followMsMax = 600_000;
const nothingWatched = { watched: new Map<string, number>() };

type Import = {
  created: number;
  perSecond: number;
  waits: BuyersWaits;
  searchableAfterMs: number;
  /** From the end of the import until every consumer of its events has handled them. */
  followedAfterMs: number;
  /** Of each process and of all together, from the import's begin until everything has followed it. */
  cpuMsPerProductByProcess: Record<string, number>;
  cpuMsPerProduct: number;
  /** Of the import's time alone. */
  coresMeanwhile: number;
  /** Of all services' databases. */
  transactionsPerProduct: number;
  /** The same; NaN where PostgreSQL does not count them (`pg_stat_statements`). */
  statementsPerProduct: number;
};
type Reading = {
  rate: number;
  ofLimit: number;
  p99Ms: number;
  halfRateP99Ms: number;
  /** Of the bare server at the same rate: what the machine and the load itself cost. */
  bareP99Ms: number;
};

export const runCatalogueBench = async (): Promise<void> => {
  const platform = await findPlatform(200);
  try {
    const run = readRunFile(platform.runFile);
    const shop = shopAt(run.gateway);
    const token = await shop.login(run.adminEmail, run.adminPassword);
    // Each run's products have a word of their own, so that it measures its own, whatever else is in the shop.
    const mark = `m${randomUUID().replaceAll('-', '').slice(0, 10)}`;
    const names = catalogueOf(count).products.map(({ name }) => name);
    const imported = await measureImport(platform.runFile, token, shop, mark);
    if (process.env.ONLY === 'import') return reportImport(imported);
    const random = randomFrom(11);
    const searching = await measureSearches(run.gateway, names, random);
    const recall = await measureRecall(shop, names, random);
    const reading = await measureReads(run.gateway, shop);
    report({ imported, searching, recall, reading });
  } finally {
    await platform.stop();
  }
};

/** A body of the catalogue's products, made while it is sent. */
async function* linesOf(mark: string): AsyncGenerator<Uint8Array> {
  const { products, currency } = catalogueOf(count);
  const encoder = new TextEncoder();
  let text = '';
  for (const [place, { name, category, priceMinor, tags }] of products.entries()) {
    const price = { amountMinor: priceMinor, currency };
    const line = {
      name,
      category,
      price,
      tags: [...tags, mark],
      initialStock: 5,
      externalId: `${mark} ${place}`,
    };
    text += `${JSON.stringify(line)}\n`;
    if (text.length < 65_536) continue;
    yield encoder.encode(text);
    text = '';
  }
  yield encoder.encode(text);
}

/** True when no outbox has rows that Kafka lacks and no consumer has records before it. */
const isFollowed = async (runFile: string): Promise<boolean> => {
  const { lagByGroup, outboxRows, silent } = await readBacklog(runFile);
  return silent.length === 0 && outboxRows === 0 && Object.values(lagByGroup).every((lag) => lag === 0);
};

const measureImport = async (runFile: string, token: string, shop: Shop, mark: string): Promise<Import> => {
  const run = readRunFile(runFile);
  const { gateway } = run;
  const watched = processesOf(run);
  const counter = await openPostgresCounter(run.postgres);
  const before = { cpuMs: readCpuMs(watched), work: await counter.read() };
  const buyer = startImportBuyer(shop, token);
  const startedAtMs = performance.now();
  const answer = await fetch(`${gateway}/api/products/import`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' },
    body: linesOf(mark) as unknown as ReadableStream,
    duplex: 'half',
  } as RequestInit);
  const { created, errors, isComplete } = (await answer.json()) as {
    created: number;
    errors: unknown[];
    isComplete: boolean;
  };
  const seconds = (performance.now() - startedAtMs) / 1000;
  if (!isComplete || created !== count)
    throw new Error(`imported ${created} of ${count}, ${errors.length} refused`);
  const waits = await buyer.stop();
  console.log(`  imported ${thousands(created)} in ${seconds.toFixed(1)} s`);
  const spentMs = [...cpuMsSince(before.cpuMs, watched).values()].reduce((sum, ms) => sum + ms, 0);
  const coresMeanwhile = spentMs / (seconds * 1000);
  const found = async () =>
    (await shop.call<{ total: number }>('GET', `/api/products/search?q=${mark}&limit=1`)).body.total;
  await eventually(async () => (await found()) === count, { timeoutMs: followMsMax, everyMs: 200 });
  const searchableAfterMs = performance.now() - startedAtMs - seconds * 1000;
  console.log(`  found ${(searchableAfterMs / 1000).toFixed(1)} s after it`);
  await eventually(() => isFollowed(runFile), { timeoutMs: followMsMax, everyMs: 500 });
  const followedAfterMs = performance.now() - startedAtMs - seconds * 1000;
  console.log(`  every consumer had followed ${(followedAfterMs / 1000).toFixed(1)} s after it`);
  const { statements, transactions } = await counter.read();
  const spent = cpuMsSince(before.cpuMs, watched);
  await counter.close();
  const perProduct = Object.fromEntries([...spent].map(([name, ms]) => [name, ms / created]));
  return {
    created,
    perSecond: created / seconds,
    waits,
    searchableAfterMs,
    followedAfterMs,
    cpuMsPerProductByProcess: perProduct,
    cpuMsPerProduct: Object.values(perProduct).reduce((sum, ms) => sum + ms, 0),
    coresMeanwhile,
    transactionsPerProduct: (transactions - before.work.transactions) / created,
    statementsPerProduct: (statements - before.work.statements) / created,
  };
};

const cpuMsSince = (
  before: ReadonlyMap<string, number>,
  watched: ReadonlyMap<string, number>,
): Map<string, number> =>
  new Map([...readCpuMs(watched)].map(([name, ms]) => [name, ms - (before.get(name) ?? 0)]));

/** One letter added, left out, replaced, or swapped with its neighbour, in a word of four letters or more. */
const mistyped = (name: string, random: Random): string | undefined => {
  const words = name.toLowerCase().split(' ');
  const long = [...words.keys()].filter((at) => /^[a-z]{4,}$/.test(words[at] as string));
  if (long.length === 0) return undefined;
  const at = random.pick(long);
  const word = words[at] as string;
  const place = random.below(word.length);
  const letter = random.pick([...'abcdefghijklmnopqrstuvwxyz']);
  const [before, after] = [word.slice(0, place), word.slice(place + 1)];
  const swapped =
    place + 1 < word.length ? before + word[place + 1] + word[place] + word.slice(place + 2) : before;
  words[at] = random.pick([
    before + after,
    before + letter + word.slice(place),
    before + letter + after,
    swapped,
  ]);
  return words.join(' ');
};

const mistypedNames = (
  names: readonly string[],
  random: Random,
  wanted: number,
): { typed: string; name: string }[] => {
  const found: { typed: string; name: string }[] = [];
  while (found.length < wanted) {
    const name = random.pick(names);
    const typed = mistyped(name, random);
    if (typed !== undefined && typed !== name.toLowerCase()) found.push({ typed, name });
  }
  return found;
};

const measureSearches = async (gateway: string, names: readonly string[], random: Random) => {
  const pathOf = (text: string, rest = '') =>
    `/api/products/search?q=${encodeURIComponent(text.slice(0, 200))}${rest}`;
  const several = (make: () => string) => Array.from({ length: queriesPerKind }, make);
  const someWords = (wordsMax: number) =>
    random.pick(names).toLowerCase().split(' ').slice(0, wordsMax).join(' ');
  const kinds: Record<string, string[]> = {
    'a whole name': several(() => pathOf(random.pick(names))),
    'a name with a typing error': mistypedNames(names, random, queriesPerKind).map(({ typed }) =>
      pathOf(typed),
    ),
    'the beginning of a word': several(() => pathOf(someWords(2).slice(0, -1))),
    'a frequent word': ['set', 'bag', 'red', 'heart', 'vintage', 'box', 'card'].map((word) => pathOf(word)),
    'words and filters': several(() =>
      pathOf(someWords(2), '&category=home&minPrice=100&maxPrice=2000&sort=price'),
    ),
  };
  const paths = Object.values(kinds).flatMap((some) => several(() => random.pick(some)));
  const mixed = paths.map(() => random.pick(paths));
  const measured: { name: string; rate: number; p50Ms: number; p99Ms: number; failures: number }[] = [];
  for (const [name, asked] of [['all of these', mixed], ...Object.entries(kinds)] as const) {
    const { result } = await runLoad(
      {
        kind: 'get',
        origin: gateway,
        paths: [...asked],
        concurrency: 16,
        perSecond: searchesPerSecond,
        durationMs,
        warmUpMs,
      },
      nothingWatched,
    );
    const { operations, seconds, p50Ms, p99Ms, failures } = result;
    measured.push({ name, rate: operations / seconds, p50Ms, p99Ms, failures });
    console.log(`  ${name}: p99 ${p99Ms.toFixed(1)} ms`);
  }
  return measured;
};

/** The share of names with one typing error whose first hit is a product of that name. */
const measureRecall = async (shop: Shop, names: readonly string[], random: Random): Promise<number> => {
  let hits = 0;
  for (const { typed, name } of mistypedNames(names, random, recallQueries)) {
    const path = `/api/products/search?limit=1&q=${encodeURIComponent(typed)}`;
    const { body } = await shop.call<{ items: { name: string }[] }>('GET', path);
    if (body.items[0]?.name === name) hits += 1;
  }
  return hits / recallQueries;
};

const measureReads = async (gateway: string, shop: Shop): Promise<Reading> => {
  const { body: page } = await shop.call<{ items: { id: string }[] }>('GET', '/api/products?limit=100');
  const paths = page.items.map(({ id }) => `/api/products/${id}`);
  const { body } = await shop.call<unknown>('GET', paths[0] as string);
  const load = {
    kind: 'get',
    paths,
    concurrency: 16,
    clients: 4,
    durationMs: durationMs / 2,
    warmUpMs,
  } as const;
  const bare = await startBare('cost/bare-http', JSON.stringify(body));
  try {
    const limit = (await runLoad({ ...load, origin: bare.url }, nothingWatched)).result;
    const { result } = await runLoad({ ...load, origin: gateway }, nothingWatched);
    const rate = result.operations / result.seconds;
    const half = await runLoad({ ...load, origin: gateway, perSecond: rate / 2 }, nothingWatched);
    const bareHalf = await runLoad({ ...load, origin: bare.url, perSecond: rate / 2 }, nothingWatched);
    return {
      rate,
      ofLimit: rate / (limit.operations / limit.seconds),
      p99Ms: result.p99Ms,
      halfRateP99Ms: half.result.p99Ms,
      bareP99Ms: bareHalf.result.p99Ms,
    };
  } finally {
    bare.stop();
  }
};

const reportImport = (imported: Import): void => {
  const { cpuMsPerProduct, cpuMsPerProductByProcess, transactionsPerProduct, statementsPerProduct } =
    imported;
  const counted = Number.isNaN(statementsPerProduct)
    ? `${transactionsPerProduct.toFixed(3)} transactions`
    : `${statementsPerProduct.toFixed(2)} statements`;
  console.log(
    `import: ${cpuMsPerProduct.toFixed(2)} ms of CPU a product until every consumer has followed, ${(imported.followedAfterMs / 1000).toFixed(1)} s after its end (${Object.entries(
      cpuMsPerProductByProcess,
    )
      .filter(([, ms]) => ms >= 0.01)
      .map(([name, ms]) => `${name} ${ms.toFixed(2)}`)
      .join(', ')}); ${counted}; ${imported.coresMeanwhile.toFixed(1)} cores during it`,
  );
  const { newPriceMs, newPriceInCartMs, acceptedMs, confirmedMs } = imported.waits;
  const longest = (waits: readonly number[]): string => `${(Math.max(...waits) / 1000).toFixed(1)} s`;
  console.log(
    `import: beside it a new price was in orders after ${longest(newPriceMs)} at most and in carts after ${longest(newPriceInCartMs)}, and a new product could be ordered after ${longest(acceptedMs)} and was sold after ${longest(confirmedMs)} (${newPriceMs.length} of each)`,
  );
  console.log(
    `import: ${thousands(imported.perSecond)} products/s, all found ${(imported.searchableAfterMs / 1000).toFixed(1)} s after its end`,
  );
};

const report = (measured: {
  imported: Import;
  searching: Awaited<ReturnType<typeof measureSearches>>;
  recall: number;
  reading: Reading;
}): void => {
  const { imported, searching, recall, reading } = measured;
  const right = (title: string) => ({ title, right: true });
  console.log(
    table(
      [
        { title: `${searchesPerSecond} searches a second among ${thousands(count)} products` },
        right('p50 ms'),
        right('p99 ms'),
        right('failed'),
      ],
      searching.map(({ name, p50Ms, p99Ms, failures }) => [
        name,
        p50Ms.toFixed(1),
        p99Ms.toFixed(1),
        String(failures),
      ]),
    ),
  );
  console.log(
    `\nfirst hit right in spite of a typing error: ${(recall * 100).toFixed(1)} % of ${thousands(recallQueries)}`,
  );
  reportImport(imported);
  console.log(
    `a product from the cache: ${thousands(reading.rate)}/s, ${reading.ofLimit.toFixed(2)} of a bare server, p99 ${reading.halfRateP99Ms.toFixed(1)} ms at half of it (bare, at the same rate: ${reading.bareP99Ms.toFixed(1)} ms)`,
  );
  writeResults('catalogue', { products: count, searchesPerSecond, ...measured });
};
