import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** A line of `recommend:batch`'s events. */
export type EventLine =
  | { type: 'product_viewed'; visitId: string; productId: string; occurredAt: string }
  | { type: 'order_placed'; userId?: string; productIds: string[]; occurredAt: string };

export type QueryLine = {
  queryId: string;
  at: string;
  scenario: string;
  userId?: string;
  visit?: string[];
  cart?: string[];
  productId?: string;
  exclude?: string[];
  limit: number;
};

export type ProductLine = { id: string; name: string; createdAt?: string };

export type Split = {
  name: string;
  measures: readonly ['HR@20', 'MRR@20'] | readonly ['Recall@20', 'NDCG@20'];
  /** The figures of a tuned implementation of the published methods on this split. */
  reference: readonly [number, number];
  events: EventLine[];
  queries: QueryLine[];
  /** What really followed, by query. */
  truth: Map<string, readonly string[]>;
  products?: ProductLine[];
};

const limit = 20;
const dayMs = 24 * 60 * 60 * 1000;

/** When learning stops and prediction begins. `tuning` moves both into the training part, so that no test data is used. */
export type Period = 'test' | 'tuning';

export const filesOfSplits = {
  retailrocket: ['retailrocket-sessions.train.txt.gz', 'retailrocket-sessions.test.tsv.gz'],
  uci: ['uci-online-retail.csv.gz'],
} as const;

export const missingFiles = (folder: string, files: readonly string[]): string[] =>
  files.filter((file) => !existsSync(join(folder, file)));

const linesOf = (folder: string, file: string): string[] =>
  gunzipSync(readFileSync(join(folder, file)))
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '');

/** The training visits have an order and no times: one begins each minute, the last one just before the test week. */
const visitEveryMs = 60_000;
const tuningVisits = 6_000;

type Click = { clicks: string[]; answer: string; atMs: number };

export const retailrocketSplits = (folder: string, period: Period): Split[] => {
  const [trainFile, testFile] = filesOfSplits.retailrocket;
  const visits = linesOf(folder, trainFile).map((line) => line.split(' '));
  const testClicks = linesOf(folder, testFile).map((line): Click => {
    const [clicks = '', answer = '', seconds] = line.split('\t');
    return { clicks: clicks.split(' '), answer, atMs: Number(seconds) * 1000 };
  });
  const firstTestMs = testClicks.reduce((first, { atMs }) => Math.min(first, atMs), Number.POSITIVE_INFINITY);
  const startOf = (nth: number) => firstTestMs - (visits.length - nth) * visitEveryMs;
  const kept = period === 'test' ? visits : visits.slice(0, -tuningVisits);
  const events = kept.flatMap((clicks, nth) =>
    clicks.map((productId, step): EventLine => {
      const atMs = startOf(nth) + Math.floor((step * visitEveryMs) / (clicks.length + 1));
      return { type: 'product_viewed', visitId: `v${nth}`, productId, occurredAt: iso(atMs) };
    }),
  );
  const clicks =
    period === 'test'
      ? testClicks
      : visits.slice(-tuningVisits).flatMap((visit, nth) =>
          visit.slice(1).map((answer, before): Click => {
            const atMs = startOf(visits.length - tuningVisits + nth) + before;
            return { clicks: visit.slice(0, before + 1), answer, atMs };
          }),
        );
  clicks.sort((a, b) => a.atMs - b.atMs);
  const moved = clicks.filter(({ clicks: seen, answer }) => answer !== seen.at(-1));
  const found = moved.filter(({ clicks: seen, answer }) => !seen.includes(answer));
  const split = (
    name: string,
    cases: readonly Click[],
    onlyNew: boolean,
    reference: [number, number],
  ): Split => ({
    name,
    measures: ['HR@20', 'MRR@20'],
    reference,
    events,
    queries: cases.map(({ clicks: visit, atMs }, nth) => ({
      queryId: String(nth),
      at: iso(atMs),
      scenario: 'product',
      visit,
      productId: visit.at(-1) as string,
      ...(onlyNew ? { exclude: [...new Set(visit)] } : {}),
      limit,
    })),
    truth: new Map(cases.map(({ answer }, nth) => [String(nth), [answer]])),
  });
  return [
    split('retailrocket', moved, false, [0.501, 0.249]),
    split('retailrocket-new', found, true, [0.358, 0.13]),
  ];
};

export type Invoice = { number: string; customer: string; atMs: number; products: string[] };

/** Lines of real products that a known customer bought: the filter that the splits share. */
export const readInvoices = (folder: string): { invoices: Invoice[]; names: Map<string, string> } => {
  const invoices = new Map<string, Invoice>();
  const descriptions = new Map<string, Map<string, number>>();
  for (const line of linesOf(folder, filesOfSplits.uci[0]).slice(1)) {
    const [number = '', stockCode = '', description = '', quantity, time = '', price, customer = ''] =
      fieldsOf(line);
    const code = stockCode.trim().toUpperCase();
    if (!/^\d{5}/.test(code) || Number(quantity) <= 0 || Number(price) <= 0) continue;
    if (customer === '' || number.startsWith('C')) continue;
    const known = invoices.get(number) ?? { number, customer, atMs: londonMs(time), products: [] };
    invoices.set(number, known);
    if (!known.products.includes(code)) known.products.push(code);
    const counts = descriptions.get(code) ?? new Map<string, number>();
    descriptions.set(code, counts);
    if (description !== description.toLowerCase())
      counts.set(description, (counts.get(description) ?? 0) + 1);
  }
  const names = new Map(
    [...descriptions].map(([code, counts]) => [
      code,
      [...counts].sort(([, a], [, b]) => b - a)[0]?.[0].trim() ?? '',
    ]),
  );
  return { invoices: [...invoices.values()].sort((a, b) => a.atMs - b.atMs), names };
};

const periods = {
  test: { fromMs: Date.UTC(2011, 8, 30, 23), toMs: Number.POSITIVE_INFINITY },
  tuning: { fromMs: Date.UTC(2011, 7, 31, 23), toMs: Date.UTC(2011, 8, 30, 23) },
};

export const uciSplits = (folder: string, period: Period): Split[] => {
  const { fromMs, toMs } = periods[period];
  const { invoices: all, names } = readInvoices(folder);
  const invoices = all.filter(({ atMs }) => atMs < toMs);
  const before = invoices.filter(({ atMs }) => atMs < fromMs);
  const within = invoices.filter(({ atMs }) => atMs >= fromMs);
  const bought = new Map<string, Set<string>>();
  for (const { customer, products } of before)
    bought.set(customer, new Set([...(bought.get(customer) ?? []), ...products]));
  const measures = ['Recall@20', 'NDCG@20'] as const;

  const known = new Set(bought.keys());
  const next = within.filter(({ customer }) => known.has(customer) || !known.add(customer));
  const baskets = within.filter(({ products }) => products.length >= 4);
  const returning = new Map<string, Set<string>>();
  for (const { customer, products } of within) {
    const earlier = bought.get(customer);
    if (earlier === undefined) continue;
    const fresh = returning.get(customer) ?? new Set<string>();
    for (const product of products) if (!earlier.has(product)) fresh.add(product);
    returning.set(customer, fresh);
  }
  const soldBefore = new Set(before.flatMap(({ products }) => products));
  const isNew = (product: string) => !soldBefore.has(product);
  const cases = [...returning].filter(([, fresh]) => fresh.size > 0);
  const coldCases = [...returning]
    .map(([customer, fresh]) => [customer, new Set([...fresh].filter(isNew))] as const)
    .filter(([, fresh]) => fresh.size > 0);
  const queryAt = iso(fromMs);
  const home = (some: readonly (readonly [string, Set<string>])[], scenario: string): QueryLine[] =>
    some.map(([customer]) => ({ queryId: customer, at: queryAt, scenario, userId: customer, limit }));
  const products = [...names].map(
    ([id, name]): ProductLine => ({ id, name, createdAt: iso(isNew(id) ? fromMs : fromMs - 60 * dayMs) }),
  );
  const named = [...names].map(([id, name]): ProductLine => ({ id, name }));

  return [
    {
      name: 'uci-next',
      measures,
      reference: [0.215, 0.247],
      events: invoices.map(orderOf),
      queries: next.map(({ number, customer, atMs }) => ({
        queryId: number,
        at: iso(atMs),
        scenario: 'reorder',
        userId: customer,
        limit,
      })),
      truth: new Map(next.map(({ number, products: some }) => [number, some])),
    },
    {
      name: 'uci-basket',
      measures,
      reference: [0.17, 0.152],
      events: invoices.map(orderOf),
      queries: baskets.map(({ number, atMs, products: some }) => ({
        queryId: number,
        at: iso(atMs),
        scenario: 'cart',
        cart: some.slice(0, Math.floor(some.length / 2)),
        limit,
      })),
      truth: new Map(
        baskets.map(({ number, products: some }) => [number, some.slice(Math.floor(some.length / 2))]),
      ),
    },
    {
      name: 'uci-new',
      measures,
      reference: [0.068, 0.077],
      events: before.map(orderOf),
      queries: home(cases, 'home'),
      truth: new Map(cases.map(([customer, fresh]) => [customer, [...fresh]])),
      products: named.filter(({ id }) => !isNew(id)),
    },
    {
      name: 'uci-cold',
      measures,
      reference: [0.265, 0.147],
      events: before.map(orderOf),
      queries: home(coldCases, 'new-arrivals'),
      truth: new Map(coldCases.map(([customer, fresh]) => [customer, [...fresh]])),
      products,
    },
  ];
};

const orderOf = ({ customer, products, atMs }: Invoice): EventLine => ({
  type: 'order_placed',
  userId: customer,
  productIds: products,
  occurredAt: iso(atMs),
});

const iso = (ms: number): string => new Date(ms).toISOString();

/** Fields of a CSV line; quoted ones may contain commas and doubled quotes. */
const fieldsOf = (line: string): string[] =>
  [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain]) =>
    quoted === undefined ? (plain as string) : quoted.replaceAll('""', '"'),
  );

/** London's summer time of 2011 began on 27 March and ended on 30 October, both at 1:00 UTC. */
const londonMs = (time: string): number => {
  const ms = Date.parse(`${time.replace(' ', 'T')}Z`);
  const isSummer = ms >= Date.UTC(2011, 2, 27, 1) && ms < Date.UTC(2011, 9, 30, 2);
  return isSummer ? ms - 60 * 60 * 1000 : ms;
};
