/**
 * Derives `local/catalogue/uci-catalogue.json.gz` from the UCI "Online Retail" data (CC BY 4.0, see the README
 * beside the output). Run it only after a change of this script: the result is committed.
 *
 *   node --import tsx --conditions=source scripts/derive-catalogue.ts   (data: see local/data-sets.ts)
 */
import { createReadStream, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { createGunzip, gzipSync } from 'node:zlib';
import { projectPath } from '#platform/project';
import type { CatalogueFile } from '../local/catalogue/catalogue.js';
import { categories, categoryOf, tidyName } from '../local/catalogue/categories.js';
import { dataSetsFolder } from '../local/data-sets.js';

const neighboursMax = 4;
const quantileSteps = 20;

type Line = {
  invoice: string;
  code: string;
  name: string;
  quantity: number;
  month: number;
  price: number;
  guest: boolean;
};

const fieldsOf = (row: string): string[] =>
  [...row.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '',
  );

const lineOf = (row: string): Line | null => {
  const [invoice = '', stockCode = '', name = '', quantity = '', date = '', price = '', customer = ''] =
    fieldsOf(row);
  const code = stockCode.trim().toUpperCase();
  if (!/^\d{5}/.test(code)) return null;
  return {
    invoice,
    code,
    name: name.trim(),
    quantity: Number(quantity),
    month: Number(date.slice(5, 7)) - 1,
    price: Number(price),
    guest: customer === '',
  };
};

const increment = <K>(counts: Map<K, number>, key: K): void => {
  counts.set(key, (counts.get(key) ?? 0) + 1);
};

const mostFrequent = <K>(counts: Map<K, number>): K | undefined =>
  [...counts].sort(([, a], [, b]) => b - a)[0]?.[0];

/** Values at 0 %, 5 %, … 100 %; the last is the 99 % one, for the extremes are wholesale. */
const quantilesOf = (values: number[]): number[] => {
  const sorted = values.sort((a, b) => a - b);
  return Array.from({ length: quantileSteps + 1 }, (_, step) => {
    const share = Math.min(step / quantileSteps, 0.99);
    return sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
  });
};

type Seen = {
  invoices: Set<string>;
  names: Map<string, number>;
  prices: Map<number, number>;
  months: number[];
};

const products = new Map<string, Seen>();
const invoices = new Map<string, { codes: Set<string>; guest: boolean }>();
const returns = new Set<string>();
const quantities: number[] = [];
let piecesSold = 0;
let piecesReturned = 0;

const rows = createInterface({
  input: createReadStream(`${dataSetsFolder}/uci-online-retail.csv.gz`).pipe(createGunzip()),
});
for await (const row of rows) {
  const line = lineOf(row);
  if (line === null) continue;
  if (line.invoice.startsWith('C')) {
    returns.add(line.invoice);
    piecesReturned -= line.quantity;
    continue;
  }
  if (line.quantity <= 0 || line.price <= 0 || line.name === '') continue;
  const seen = products.get(line.code) ?? {
    invoices: new Set(),
    names: new Map(),
    prices: new Map(),
    months: Array.from({ length: 12 }, () => 0),
  };
  products.set(line.code, seen);
  seen.invoices.add(line.invoice);
  if (line.name !== line.name.toLowerCase()) increment(seen.names, line.name);
  increment(seen.prices, Math.round(line.price * 100));
  seen.months[line.month] = (seen.months[line.month] ?? 0) + 1;
  const invoice = invoices.get(line.invoice) ?? { codes: new Set(), guest: line.guest };
  invoices.set(line.invoice, invoice);
  invoice.codes.add(line.code);
  quantities.push(line.quantity);
  piecesSold += line.quantity;
}

const nameOf = (seen: Seen): string => tidyName(mostFrequent(seen.names) ?? '');

const allRanked = [...products]
  .filter(([, seen]) => seen.names.size > 0 && seen.invoices.size >= 2)
  .sort(([a, x], [b, y]) => y.invoices.size - x.invoices.size || (a < b ? -1 : 1));
/** Of two codes with the same name only the more popular one is kept, because shoppers see one product. */
const taken = new Set<string>();
const ranked = allRanked.filter(([, seen]) => taken.size < taken.add(nameOf(seen)).size);
const rankOf = new Map(ranked.map(([code], rank) => [code, rank]));

/**
 * Cosine of the invoices that two products share. Invoices with more than 60 lines are left out, because they say
 * little about a pair.
 */
const neighboursOf = (): number[][] => {
  const pairs = ranked.map(() => new Map<number, number>());
  for (const { codes } of invoices.values()) {
    const ranks = [...codes].flatMap((code) => rankOf.get(code) ?? []);
    if (ranks.length < 2 || ranks.length > 60) continue;
    for (const from of ranks)
      for (const to of ranks) if (from !== to) increment(pairs[from] as Map<number, number>, to);
  }
  return pairs.map((counts) =>
    [...counts]
      .filter(([, count]) => count >= 3)
      .map(([to, count]) => [to, count / Math.sqrt(ranked[to]?.[1].invoices.size ?? 1)] as const)
      .sort(([, a], [, b]) => b - a)
      .slice(0, neighboursMax)
      .map(([to]) => to),
  );
};

/** Twelve digits, January first: the month's share of the busiest month in ninths. November is not in the data. */
const seasonOf = (months: number[]): string => {
  const filled = months.map((count, month) =>
    month === 10 ? ((months[9] ?? 0) + (months[11] ?? 0)) / 2 : count,
  );
  const busiest = Math.max(...filled, 1);
  return filled.map((count) => Math.round((count / busiest) * 9)).join('');
};

const neighbours = neighboursOf();
const linesPerInvoice = [...invoices.values()].map(({ codes }) => codes.size);
const catalogue: CatalogueFile = {
  source:
    'Derived from: Chen, D. (2015). Online Retail [Dataset]. UCI Machine Learning Repository. https://doi.org/10.24432/C5BW33. CC BY 4.0.',
  currency: 'GBP',
  categories: [...categories],
  products: ranked.map(([, seen], rank) => {
    const name = nameOf(seen);
    return [
      name,
      categories.indexOf(categoryOf(name)),
      mostFrequent(seen.prices) ?? 100,
      seen.invoices.size,
      seasonOf(seen.months),
      neighbours[rank] ?? [],
    ];
  }),
  baskets: {
    linesQuantiles: quantilesOf(linesPerInvoice),
    piecesQuantiles: quantilesOf(quantities),
    guestShare: [...invoices.values()].filter(({ guest }) => guest).length / invoices.size,
    returnShare: returns.size / invoices.size,
    returnedPiecesShare: piecesReturned / piecesSold,
  },
};

const target = projectPath('local/catalogue/uci-catalogue.json.gz');
const packed = gzipSync(JSON.stringify(catalogue), { level: 9 });
writeFileSync(target, packed);
console.log(`${catalogue.products.length} products, ${packed.length} bytes`, catalogue.baskets);
const counts = new Map<number, number>();
for (const [, category] of catalogue.products) increment(counts, category);
console.log(
  [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([at, n]) => `${categories[at]} ${n}`)
    .join(', '),
);
