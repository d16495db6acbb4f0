import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { projectPath } from '#platform/project';
import { randomFrom } from '../random.js';
import { tagsOf } from './categories.js';

/** `uci-catalogue.json.gz` as `scripts/derive-catalogue.ts` writes it: products by falling popularity. */
export type CatalogueFile = {
  source: string;
  currency: string;
  categories: string[];
  products: [
    name: string,
    categoryIndex: number,
    priceMinor: number,
    invoices: number,
    season: string,
    neighbours: number[],
  ][];
  baskets: BasketStatistics;
};

export type BasketStatistics = {
  /** Distinct products of an invoice at 0 %, 5 %, … 100 %. */
  linesQuantiles: number[];
  /** Pieces of an invoice line at the same shares; the shop sold wholesale. */
  piecesQuantiles: number[];
  guestShare: number;
  /** Returns per invoice. */
  returnShare: number;
  returnedPiecesShare: number;
};

export type CatalogueProduct = {
  name: string;
  category: string;
  priceMinor: number;
  tags: string[];
  /** The number of invoices with the product; the most popular one is on about 2,000. */
  popularity: number;
  /** Twelve digits, January first: 9 in its busiest month. */
  season: string;
  /** The products most often bought with it, as positions in the catalogue, best first. */
  neighbours: number[];
};

export type Catalogue = {
  currency: string;
  products: readonly CatalogueProduct[];
  baskets: BasketStatistics;
};

export const readCatalogueFile = (): CatalogueFile =>
  JSON.parse(
    gunzipSync(readFileSync(projectPath('local/catalogue/uci-catalogue.json.gz'))).toString('utf8'),
  ) as CatalogueFile;

/**
 * The first `size` products by popularity. Beyond the products of the data, further ones are generated from its words,
 * with the same shelves, prices, seasons and popularity, and with new names. The result is the same each time.
 */
export const catalogueOf = (size: number, file: CatalogueFile = readCatalogueFile()): Catalogue => {
  const real = file.products.slice(0, size).map(
    ([name, categoryIndex, priceMinor, invoices, season, neighbours]): CatalogueProduct => ({
      name,
      category: file.categories[categoryIndex] ?? 'living/decoration',
      priceMinor,
      tags: tagsOf(name),
      popularity: invoices,
      season,
      neighbours: neighbours.filter((place) => place < size),
    }),
  );
  return {
    currency: file.currency,
    products: size > real.length ? [...real, ...invent(size - real.length, real)] : real,
    baskets: file.baskets,
  };
};

/**
 * A generated product is a real one, drawn evenly, with the head of the name of another product of the same shelf. So
 * prices, seasons, shelves and popularity are distributed as in the data.
 */
const invent = (count: number, real: readonly CatalogueProduct[]): CatalogueProduct[] => {
  const random = randomFrom(real.length);
  const byCategory = new Map<string, CatalogueProduct[]>();
  for (const product of real)
    byCategory.set(product.category, [...(byCategory.get(product.category) ?? []), product]);
  const names = new Set(real.map(({ name }) => name));
  return Array.from({ length: count }, () => {
    const body = random.pick(real);
    const head = random.pick(byCategory.get(body.category) ?? [body]);
    const words = body.name.split(' ');
    const plain = [head.name.split(' ')[0], ...words.slice(words.length > 2 ? 1 : 0)].join(' ');
    let name = plain;
    for (let series = 2; names.has(name); series += 1) name = `${plain} no. ${series}`;
    names.add(name);
    return {
      ...body,
      name,
      priceMinor: Math.max(10, Math.round(body.priceMinor * (0.8 + 0.4 * random.next()))),
      tags: tagsOf(name),
      neighbours: [],
    };
  });
};
