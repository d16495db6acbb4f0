import { createReadStream, existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import type { Catalogue, CatalogueProduct } from '../catalogue/catalogue.js';
import { fromQuantiles, type Random, weightedIndices } from '../random.js';

/** Positions in the catalogue, in the order in which a visitor views them; a position may repeat. */
export type BrowsePath = readonly number[];

export type BrowsePaths = {
  /** `retailrocket` where the data is there, else `generated` with the same statistics. */
  source: 'retailrocket' | 'generated';
  next(random: Random): BrowsePath;
};

/**
 * Measured on the Retailrocket visits (126,168 of at least 3 clicks; Retailrocket e-commerce dataset, CC BY-NC-SA
 * 4.0), 0 %, 5 %, … 95 %, 99 %: mean 5.4 clicks. 37 % of the clicks go to a product seen before in the visit, more
 * than half of those (20 %) to the one just seen.
 */
export const clicksQuantiles = [3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 6, 6, 7, 9, 12, 26];
const sameShare = 0.2;
export const revisitShare = 0.37;

const clicksMax = 40;
const pathsKeptMax = 5_000;

/** Reads real paths from `dataFolder` if it has them. They are not copied. */
export const openBrowsePaths = async (catalogue: Catalogue, dataFolder: string): Promise<BrowsePaths> => {
  const file = `${dataFolder}/retailrocket-sessions.train.txt.gz`;
  if (existsSync(file)) {
    const paths = await readPaths(file, catalogue.products.length);
    if (paths.length > 0)
      return { source: 'retailrocket', next: (random) => random.pick(paths).slice(0, clicksMax) };
  }
  return generatedPaths(catalogue);
};

/**
 * The item with popularity rank r is replaced by the product with rank r. Clicks on items beyond the catalogue are left
 * out, and then visits with fewer than 2 clicks. Of the rest, a bounded number spread evenly over the file is used.
 */
const readPaths = async (file: string, productsMax: number): Promise<BrowsePath[]> => {
  const clicks = new Map<string, number>();
  await eachVisit(file, (items) => {
    for (const item of items) clicks.set(item, (clicks.get(item) ?? 0) + 1);
  });
  const places = new Map(
    [...clicks]
      .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
      .slice(0, productsMax)
      .map(([item], rank) => [item, rank]),
  );
  const mapped = (items: readonly string[]) => items.flatMap((item) => places.get(item) ?? []);
  let usable = 0;
  await eachVisit(file, (items) => {
    if (mapped(items).length >= 2) usable += 1;
  });
  const every = Math.max(1, Math.ceil(usable / pathsKeptMax));
  const paths: BrowsePath[] = [];
  let seen = 0;
  await eachVisit(file, (items) => {
    const path = mapped(items);
    if (path.length < 2) return;
    if (seen % every === 0) paths.push(path);
    seen += 1;
  });
  return paths;
};

const eachVisit = async (file: string, take: (items: string[]) => void): Promise<void> => {
  const lines = createInterface({ input: createReadStream(file).pipe(createGunzip()) });
  for await (const line of lines) take(line.split(' '));
};

/** If it is not a revisit, the next product is one bought with this one, one of the same shelf, or any popular one. */
const nextShares = { together: 0.5, sameShelf: 0.3 };

export const generatedPaths = ({ products }: Catalogue): BrowsePaths => {
  const drawPopular = weightedIndices(products.map(({ popularity }) => popularity));
  const shelves = new Map<string, number[]>();
  for (const [place, { category }] of products.entries()) {
    const shelf = shelves.get(category) ?? [];
    shelves.set(category, shelf);
    shelf.push(place);
  }

  const stepFrom = (place: number, seen: readonly number[], random: Random): number => {
    const kind = random.next();
    if (kind < sameShare) return place;
    if (kind < revisitShare && seen.length > 1) return random.pick(seen);
    const product = products[place] as CatalogueProduct;
    const turn = random.next();
    if (turn < nextShares.together && product.neighbours.length > 0) return random.pick(product.neighbours);
    if (turn < nextShares.together + nextShares.sameShelf)
      return random.pick(shelves.get(product.category) ?? [place]);
    return drawPopular(random);
  };

  return {
    source: 'generated',
    next: (random) => {
      const clicks = Math.round(fromQuantiles(clicksQuantiles, random));
      const path = [drawPopular(random)];
      while (path.length < clicks)
        path.push(stepFrom(path.at(-1) as number, [...new Set(path)].slice(0, -1), random));
      return path;
    },
  };
};
