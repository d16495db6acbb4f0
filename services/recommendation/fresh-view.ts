import type { Clock } from '#platform/clock';
import { createFreshMap } from '#platform/fresh-map';
import type { Neighbour, SimilarityView, Weighted } from '#schemas/similarity-state';
import type { Catalogue, CatalogueReads, Exclusions, Shelf } from './catalogue-store.js';

/** What is not about one visitor is kept so long: a list follows its sources within half a second and a second. */
const productAgeMsMax = 500;
/** Shelves are kept longer while their changes are followed, and these are asked for so often. */
const shelfAgeMsMax = 10 * 60_000;
const followedEveryMs = 200;
const shelvesKeptMax = 100_000;
const rankingAgeMsMax = 1_000;
const productsKeptMax = 20_000;
const rankingsKeptMax = 500;
/** The length of the rankings that are kept; longer ones, and those of which too much is excluded, are read each time. */
const rankedMax = 200;
/** So many of a ranking may have sold out since it was read before it is read anew. */
const sparesMax = 10;

type View = Pick<Clock, 'monotonicMs'>;

/** Keeps what `view` says of products. What it says of visitors is read each time. */
export const freshSimilarity = (view: SimilarityView, { monotonicMs }: View): SimilarityView => {
  const neighboursOf = (countMax: number) =>
    createFreshMap<readonly Neighbour[] | null>({
      load: (productIds) => view.neighbours(productIds, countMax),
      otherwise: null,
      ageMsMax: productAgeMsMax,
      entriesMax: productsKeptMax,
      monotonicMs,
    });
  const neighbours = new Map<number, ReturnType<typeof neighboursOf>>();
  const popular = createFreshMap<readonly Weighted[]>({
    load: async ([countMax = '0']) => new Map([[countMax, await view.popular(Number(countMax))]]),
    otherwise: [],
    ageMsMax: productAgeMsMax,
    entriesMax: rankingsKeptMax,
    monotonicMs,
  });
  const learned = createFreshMap<number | null>({
    load: async ([key = '']) => new Map([[key, await view.learnedUpTo()]]),
    otherwise: null,
    ageMsMax: productAgeMsMax,
    entriesMax: 1,
    monotonicMs,
  });

  return {
    ...view,
    neighbours: async (productIds, countMax) => {
      const known = neighbours.get(countMax) ?? neighboursOf(countMax);
      neighbours.set(countMax, known);
      const found = await known.getMany(productIds);
      return new Map([...found].flatMap(([id, near]) => (near === null ? [] : [[id, [...near]]])));
    },
    popular: async (countMax) => [...(await popular.get(String(countMax)))],
    learnedUpTo: () => learned.get(''),
  };
};

/**
 * Keeps shelves until the store says that they have changed. Whoever asks starts the next look at the changes and waits for
 * none: while no look has succeeded lately, shelves are kept for `productAgeMsMax` only.
 */
const createKeptShelves = (store: CatalogueReads, { monotonicMs }: View) => {
  let mark: string | null = null;
  let followedAtMs = Number.NEGATIVE_INFINITY;
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  const shelves = createFreshMap<Shelf | null>({
    load: (productIds) => store.shelves(productIds),
    otherwise: null,
    ageMsMax: (nowMs) => (nowMs - followedAtMs < productAgeMsMax ? shelfAgeMsMax : productAgeMsMax),
    entriesMax: shelvesKeptMax,
    monotonicMs,
  });
  const look = async (startedAtMs: number): Promise<void> => {
    const changes = await store.changesSince(mark);
    if (changes.productIds === null) shelves.forgetAll();
    else shelves.forget(changes.productIds);
    mark = changes.mark;
    followedAtMs = startedAtMs;
  };
  return (productIds: readonly string[]): Promise<ReadonlyMap<string, Shelf | null>> => {
    const nowMs = monotonicMs();
    if (nowMs - lookedAtMs >= followedEveryMs) {
      lookedAtMs = nowMs;
      // Where it fails nothing is followed, and reading the shelves, which then happens again and again, fails too.
      look(nowMs).catch(() => {});
    }
    return shelves.getMany(productIds);
  };
};

/** Keeps where products stand, and the rankings of categories. */
export const freshCatalogue = (store: CatalogueReads, { monotonicMs }: View): Catalogue => {
  const keptShelves = createKeptShelves(store, { monotonicMs });
  const nobody: Exclusions = { productIds: [], buyerId: null };
  const rankings = createFreshMap<readonly Shelf[]>({
    load: async ([key = '']) =>
      new Map([[key, await store.bestsellers(categoryOfKey(key), nobody, rankedMax)]]),
    otherwise: [],
    ageMsMax: rankingAgeMsMax,
    entriesMax: rankingsKeptMax,
    monotonicMs,
  });
  const excludedBy = async ({ productIds, buyerId }: Exclusions): Promise<ReadonlySet<string>> =>
    new Set(buyerId === null ? productIds : [...productIds, ...(await store.recentPurchases(buyerId))]);

  return {
    sellable: async (productIds, exclusions) => {
      const [known, excluded] = await Promise.all([keptShelves(productIds), excludedBy(exclusions)]);
      const found: Shelf[] = [];
      for (const [productId, shelf] of known)
        if (shelf?.sellable && !excluded.has(productId)) found.push(shelf);
      return found;
    },
    bestsellers: async (category, exclusions, countMax) => {
      const [ranked, excluded] = await Promise.all([
        rankings.get(keyOfCategory(category)),
        excludedBy(exclusions),
      ]);
      const left = ranked.filter(({ productId }) => !excluded.has(productId));
      const wanted = left.slice(0, countMax + sparesMax);
      // A ranking is kept for longer than where its products stand: what has just sold out is in it still.
      const standing = await keptShelves(wanted.map(({ productId }) => productId));
      const found = wanted.filter(({ productId }) => standing.get(productId)?.sellable === true);
      const areAll = ranked.length < rankedMax && wanted.length === left.length;
      if (found.length < countMax && !areAll) return store.bestsellers(category, exclusions, countMax);
      return found.slice(0, countMax);
    },
    shelves: async (productIds) => {
      const known = await keptShelves(productIds);
      return new Map([...known].flatMap(([id, shelf]) => (shelf === null ? [] : [[id, shelf]])));
    },
    recentPurchases: store.recentPurchases,
  };
};

const keyOfCategory = (category: string | null): string => (category === null ? '' : `=${category}`);
const categoryOfKey = (key: string): string | null => (key === '' ? null : key.slice(1));
