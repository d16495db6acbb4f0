import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newId } from '#platform/ids';
import { createDatabase, type Database } from '#platform/postgres/pool';
import { inTransaction, type Tx } from '#platform/postgres/transaction';
import { projectPath } from '#platform/project';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { testHost } from '#platform/testing/test-host';
import { createBell } from '#platform/waiting/bell';
import type { ProductCreated } from '#schemas/events';
import { type CatalogueStore, createCatalogueStore } from './catalogue-store.js';
import { freshCatalogue } from './fresh-view.js';
import { reactions } from './reactions.js';

const nowMs = Date.UTC(2026, 5, 1);
const dayMs = 24 * 60 * 60 * 1000;
const host = testHost('recommendation-test');
const url = new URL(engines().databaseUrl);
url.pathname = `/test_recommendation_${newId().replaceAll('-', '').slice(-12)}`;
let db: Database;
let store: CatalogueStore;

beforeAll(async () => {
  db = createDatabase(host, {
    url: url.toString(),
    poolMax: 4,
    migrations: [projectPath('services/recommendation/migrations')],
  });
  await db.start();
  store = createCatalogueStore(db, { nowMs: () => nowMs, recentMs: 30 * dayMs });
});
afterAll(async () => {
  await db.stop();
  const admin = createDatabase(host, { url: engines().databaseUrl, poolMax: 1 });
  await admin.query(`DROP DATABASE ${url.pathname.slice(1)}`);
  await admin.stop();
});
beforeEach(() => db.query('TRUNCATE products, purchases, erased_users'));

const created = (productId: string, more: Partial<ProductCreated> = {}): ProductCreated => ({
  productId,
  version: 1,
  name: productId,
  description: '',
  category: 'home/lighting',
  priceMinor: 100,
  currency: 'GBP',
  brand: null,
  tags: [],
  groupId: null,
  active: true,
  initialStock: 5,
  attributes: '{}',
  images: [],
  ageRestricted: false,
  featured: false,
  changedBy: null,
  createdAt: nowMs - dayMs,
  occurredAt: nowMs - dayMs,
  ...more,
});
const within = (work: (tx: Parameters<CatalogueStore['open']>[0]) => Promise<void>) =>
  inTransaction(db, work);
const open = (productId: string, more: Partial<ProductCreated> = {}) =>
  within(async (tx) => {
    await store.open(tx, created(productId, more));
    await store.setAvailable(tx, [{ productId, available: 5, stockVersion: 1 }]);
  });
const anybody = { productIds: [], buyerId: null };
const best = async (
  category: string | null = null,
  exclusions: Parameters<CatalogueStore['bestsellers']>[1] = anybody,
) => (await store.bestsellers(category, exclusions, 10)).map(({ productId }) => productId);

describe('what may be shown', () => {
  it('is what is known, active and in stock, in whatever order the two topics tell it', async () => {
    await open('both');
    await within((tx) =>
      store.setAvailable(tx, [{ productId: 'stock-first', available: 3, stockVersion: 1 }]),
    );
    expect(await best()).toEqual(['both']);
    await within((tx) => store.open(tx, created('stock-first')));
    await within((tx) => store.open(tx, created('no-stock')));
    await open('inactive', { active: false });
    expect((await best()).sort()).toEqual(['both', 'stock-first']);
    const asked = ['both', 'stock-first', 'no-stock', 'inactive', 'unknown'];
    const found = await freshCatalogue(store, { monotonicMs: () => 0 }).sellable(asked, anybody);
    expect(found.map(({ productId }) => productId).sort()).toEqual(['both', 'stock-first']);
  });

  it('has no product that was removed, also where its removal comes twice at a time', async () => {
    await open('a');
    const removal = { productId: 'a', version: 2, changedBy: null, occurredAt: nowMs };
    await within(async (tx) => {
      await Promise.all([store.close(tx, removal), store.close(tx, removal)]);
    });
    expect(await best()).toEqual([]);
  });

  it('follows the newest stock change, however late an older one arrives', async () => {
    await open('a');
    await within((tx) => store.setAvailable(tx, [{ productId: 'a', available: 0, stockVersion: 7 }]));
    await within((tx) => store.setAvailable(tx, [{ productId: 'a', available: 4, stockVersion: 6 }]));
    expect(await best()).toEqual([]);
    await within((tx) => store.setAvailable(tx, [{ productId: 'a', available: 1, stockVersion: 8 }]));
    expect(await best()).toEqual(['a']);
  });

  it('leaves out what is excluded and what the buyer lately bought', async () => {
    await Promise.all(['a', 'b', 'c'].map((id) => open(id)));
    await within((tx) => store.addPurchases(tx, 'u', ['b'], nowMs - dayMs));
    await within((tx) => store.addPurchases(tx, 'u', ['c'], nowMs - 31 * dayMs));
    expect(await best(null, { productIds: ['a'], buyerId: 'u' })).toEqual(['c']);
    const fresh = freshCatalogue(store, { monotonicMs: () => 0 });
    const asked = await fresh.sellable(['a', 'b', 'c'], { productIds: ['a'], buyerId: 'u' });
    expect(asked.map(({ productId }) => productId)).toEqual(['c']);
    expect((await best(null, { productIds: [], buyerId: 'other' })).sort()).toEqual(['a', 'b', 'c']);
  });
});

describe('best sellers', () => {
  it('come by what sold, then by what is newest', async () => {
    await open('old', { createdAt: nowMs - 9 * dayMs });
    await open('new', { createdAt: nowMs - dayMs });
    await open('sold', { createdAt: nowMs - 20 * dayMs });
    await within((tx) =>
      store.countSale(tx, 'e0000000-0000-7000-8000-000000000001', [{ productId: 'sold', weight: 2 }]),
    );
    expect(await best()).toEqual(['sold', 'new', 'old']);
  });

  it('of a category include those below it and no namesakes', async () => {
    await open('lamp', { category: 'home/lighting' });
    await open('home', { category: 'home' });
    await open('homeware', { category: 'homeware' });
    expect((await best('home')).sort()).toEqual(['home', 'lamp']);
    expect(await best('home/lighting')).toEqual(['lamp']);
    expect(await best('h%')).toEqual([]);
  });
});

describe('taking in the same again', () => {
  it('changes nothing of a product, and keeps the later of two purchases', async () => {
    await open('a');
    await within((tx) => store.open(tx, created('a', { category: 'elsewhere' })));
    const found = await store.shelves(['a', 'unknown']);
    expect([...found.values()].map(({ category }) => category)).toEqual(['home/lighting']);
    await within((tx) => store.addPurchases(tx, 'u', ['a', 'a'], nowMs - dayMs));
    await within((tx) => store.addPurchases(tx, 'u', ['a'], nowMs - 40 * dayMs));
    expect(await best(null, { productIds: [], buyerId: 'u' })).toEqual([]);
  });
});

describe('changes of shelves', () => {
  const changesAfter = async (change: (tx: Tx) => Promise<void>) => {
    const { mark } = await store.changesSince(null);
    await within(change);
    return (await store.changesSince(mark)).productIds;
  };

  it('are told of all that may change a list', async () => {
    expect((await store.changesSince(null)).productIds).toBeNull();
    expect(await changesAfter((tx) => store.open(tx, created('a')))).toContain('a');
    const stocked = (available: number, stockVersion: number) => (tx: Tx) =>
      store.setAvailable(tx, [{ productId: 'a', available, stockVersion }]);
    expect(await changesAfter(stocked(5, 1))).toContain('a');
    expect(await changesAfter(stocked(0, 2))).toContain('a');
    expect(await changesAfter((tx) => store.open(tx, created('a', { version: 2 })))).toContain('a');
    const deleted = { productId: 'a', version: 3, changedBy: null, occurredAt: nowMs };
    expect(await changesAfter((tx) => store.close(tx, deleted))).toContain('a');
  });

  it('are not those of pieces that leave some in stock', async () => {
    await open('a');
    const changedBy = async () => (await db.query('SELECT changed_by FROM products')).rows;
    const before = await changedBy();
    await within((tx) => store.setAvailable(tx, [{ productId: 'a', available: 2, stockVersion: 7 }]));
    expect(await changedBy()).toEqual(before);
  });

  it('are told after a mark that was given while they were made', async () => {
    await open('a');
    const mark = await inTransaction(db, async (tx) => {
      await tx.query('UPDATE products SET changed_by = pg_current_xact_id()');
      return (await store.changesSince(null)).mark;
    });
    expect((await store.changesSince(mark)).productIds).toContain('a');
  });

  it('are not those of another cluster, whose transactions had higher numbers', async () => {
    await open('a');
    await db.query("UPDATE products SET changed_by = '4000000000'");
    const { mark } = await store.changesSince(null);
    expect((await store.changesSince(mark)).productIds).toEqual([]);
    await within((tx) => store.setAvailable(tx, [{ productId: 'a', available: 0, stockVersion: 7 }]));
    expect((await store.changesSince(mark)).productIds).toEqual(['a']);
  });

  it('are not named one by one where they are too many', async () => {
    const add = (from: number, to: number) =>
      db.query(
        "INSERT INTO products (product_id) SELECT 'many-' || n FROM generate_series($1::integer, $2) AS n",
        [from, to],
      );
    const { mark } = await store.changesSince(null);
    await add(1, 2_000);
    expect((await store.changesSince(mark)).productIds).toHaveLength(2_000);
    await add(2_001, 2_001);
    expect((await store.changesSince(mark)).productIds).toBeNull();
  });
});

describe('of an erased user no purchase is kept', () => {
  const order = async (tx: Tx, userId: string, productId: string) => {
    const value = { userId, lines: [{ productId }], occurredAt: nowMs };
    await reactions(store).OrderConfirmed?.(tx, { type: 'OrderConfirmed', value } as never);
  };
  const erase = async (tx: Tx, userId: string) => {
    await reactions(store).UserErased?.(tx, { type: 'UserErased', value: { userId } } as never);
  };
  const buyers = async () => (await db.query('SELECT user_id FROM purchases')).rows;
  const isWaiting = async () =>
    (
      await db.query(
        `SELECT FROM pg_locks WHERE NOT granted
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      )
    ).rows.length > 0;

  it('also of orders that are read after the erasure', async () => {
    for (const userId of ['erased', 'other']) await within((tx) => order(tx, userId, 'a'));
    for (const _ of [1, 2]) await within((tx) => erase(tx, 'erased'));
    for (const userId of ['erased', 'other']) await within((tx) => order(tx, userId, 'b'));
    expect(await buyers()).toEqual([{ user_id: 'other' }, { user_id: 'other' }]);
  });

  it.each(['order', 'erasure'])('also where both are noted at once, the %s first', async (first) => {
    const works = [(tx: Tx) => order(tx, 'u', 'a'), (tx: Tx) => erase(tx, 'u')] as const;
    const [one, another] = first === 'order' ? works : ([works[1], works[0]] as const);
    const [noted, mayCommit] = [createBell(), createBell()];
    const earlier = within(async (tx) => {
      await one(tx);
      noted.ring();
      await mayCommit.wait(10_000);
    });
    await noted.wait(10_000);
    let isDone = false;
    const later = within(another).finally(() => {
      isDone = true;
    });
    await eventually(async () => isDone || (await isWaiting()));
    mayCommit.ring();
    await Promise.all([earlier, later]);
    expect(await buyers()).toEqual([]);
  });
});

it('all old purchases are forgotten, at most so many at once', async () => {
  await within((tx) => store.addPurchases(tx, 'u', ['a', 'b', 'c'], nowMs - 31 * dayMs));
  await within((tx) => store.addPurchases(tx, 'u', ['d'], nowMs));
  expect(await store.forgetPurchases(nowMs - 30 * dayMs, { rowsMax: 2 })).toBe(3);
  expect(await store.forgetPurchases(nowMs - 30 * dayMs, { rowsMax: 2 })).toBe(0);
});

describe('a catalogue that is kept for a moment', () => {
  it('answers as the store does, of many products and with many excluded', async () => {
    const ids = Array.from({ length: 260 }, (_, n) => `p-${String(n).padStart(3, '0')}`);
    await db.query(
      `INSERT INTO products (product_id, category, created_at, active, available, popularity)
       SELECT id, CASE WHEN n % 3 = 0 THEN 'home/lighting' ELSE 'tools' END, $2::timestamptz + n * interval '1 second',
         n % 7 > 0, (n % 5)::integer, n % 11
       FROM unnest($1::text[]) WITH ORDINALITY AS given(id, n)`,
      [ids, new Date(nowMs - dayMs)],
    );
    await within((tx) => store.addPurchases(tx, 'u', ids.slice(0, 150), nowMs - dayMs));
    const fresh = freshCatalogue(store, { monotonicMs: () => 0 });
    const everybody = [
      anybody,
      { productIds: ids.slice(200), buyerId: null },
      { productIds: ids.slice(250), buyerId: 'u' },
    ];
    for (let round = 0; round < 2; round += 1)
      for (const exclusions of everybody) {
        const asked = [...ids.slice(100), 'unknown'];
        const idsOf = (found: { productId: string }[]) => found.map(({ productId }) => productId).sort();
        const all = await store.bestsellers(null, exclusions, ids.length);
        expect(idsOf(await fresh.sellable(asked, exclusions))).toEqual(
          idsOf(all).filter((id) => asked.includes(id)),
        );
        for (const category of [null, 'home', 'tools', 'none'])
          for (const count of [5, 100, 300])
            expect(await fresh.bestsellers(category, exclusions, count)).toEqual(
              await store.bestsellers(category, exclusions, count),
            );
      }
    const some = [ids[2] as string, 'unknown'];
    expect(await fresh.shelves(some)).toEqual(await store.shelves(some));
  });

  it('follows what sells out within half a second, best sellers too', async () => {
    let monotonicMs = 0;
    const fresh = freshCatalogue(store, { monotonicMs: () => monotonicMs });
    await open('a');
    const sellable = async () => (await fresh.sellable(['a'], anybody)).length;
    const ranked = async () => (await fresh.bestsellers(null, anybody, 5)).length;
    expect([await sellable(), await ranked()]).toEqual([1, 1]);
    await within((tx) => store.setAvailable(tx, [{ productId: 'a', available: 0, stockVersion: 7 }]));
    monotonicMs = 500;
    expect([await sellable(), await ranked()]).toEqual([0, 0]);
  });
});
