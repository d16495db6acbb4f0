import { expect, test } from 'vitest';
import type { CatalogueReads } from './catalogue-store.js';
import { freshCatalogue } from './fresh-view.js';
import { shelfOf } from './testing/shelf.js';

test('shelves are read again when they have changed, or when nobody knows whether they have', async () => {
  let monotonicMs = 0;
  let changed: string[] | null = null;
  let isFailing = false;
  let read: string[] = [];
  const store: CatalogueReads = {
    shelves: async (ids) => {
      read.push(...ids);
      return new Map(ids.map((id) => [id, shelfOf(id, 'home')]));
    },
    changesSince: async (mark) => {
      if (isFailing) throw new Error('no database');
      return { productIds: mark === null ? null : changed, mark: 'later' };
    },
    bestsellers: async () => [],
    recentPurchases: async () => [],
  };
  const catalogue = freshCatalogue(store, { monotonicMs: () => monotonicMs });
  /** What is read for a list, after what the look that it starts has found. */
  const readAfter = async (ms: number): Promise<string[]> => {
    monotonicMs += ms;
    await catalogue.shelves(['a', 'b']);
    await new Promise(setImmediate);
    read = [];
    await catalogue.shelves(['a', 'b']);
    return read;
  };
  // The first look says where changes begin: what was read before it is read again.
  expect(await readAfter(0)).toEqual(['a', 'b']);
  changed = [];
  for (let nth = 0; nth < 10; nth += 1) expect(await readAfter(300)).toEqual([]);
  changed = ['b', 'c'];
  expect(await readAfter(300)).toEqual(['b']);
  changed = null;
  expect(await readAfter(300)).toEqual(['a', 'b']);
  isFailing = true;
  expect(await readAfter(300)).toEqual([]);
  read = [];
  monotonicMs += 200;
  await catalogue.shelves(['a', 'b']);
  expect(read).toEqual(['a', 'b']);
});

test('best sellers are without what sold out after they were ranked, and others take its place', async () => {
  const ids = Array.from({ length: 30 }, (_, nth) => `p${nth}`);
  const soldOut = new Set<string>();
  let rankings = 0;
  const shelfNow = (id: string) => ({ ...shelfOf(id, 'home'), sellable: !soldOut.has(id) });
  const store: CatalogueReads = {
    shelves: async (asked) => new Map(asked.map((id) => [id, shelfNow(id)])),
    changesSince: async () => ({ productIds: [...soldOut], mark: 'later' }),
    bestsellers: async (_category, _exclusions, countMax) => {
      rankings += 1;
      return ids
        .map(shelfNow)
        .filter(({ sellable }) => sellable)
        .slice(0, countMax);
    },
    recentPurchases: async () => [],
  };
  let monotonicMs = 0;
  const catalogue = freshCatalogue(store, { monotonicMs: () => monotonicMs });
  const nobody = { productIds: [], buyerId: null };
  const best = async () => {
    await new Promise(setImmediate);
    return (await catalogue.bestsellers(null, nobody, 3)).map(({ productId }) => productId);
  };
  expect(await best()).toEqual(['p0', 'p1', 'p2']);
  soldOut.add('p1');
  monotonicMs = 300;
  await best();
  expect(await best()).toEqual(['p0', 'p2', 'p3']);
  expect(rankings).toBe(1);
  for (const id of ids.slice(0, 20)) soldOut.add(id);
  monotonicMs = 600;
  await best();
  expect(await best()).toEqual(['p20', 'p21', 'p22']);
});
