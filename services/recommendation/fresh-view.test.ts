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
