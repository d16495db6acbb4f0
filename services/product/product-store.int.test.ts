import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDatabase, type Database } from '#platform/postgres/pool';
import { inTransaction } from '#platform/postgres/transaction';
import { projectPath } from '#platform/project';
import { engines } from '#platform/testing/engines';
import { handClock } from '#platform/testing/hand-clock';
import { testHost } from '#platform/testing/test-host';
import type { CatalogueChange } from '#schemas/catalogue-changes';
import { listProducts, positionOf, type Sort } from './product-list-store.js';
import { findProducts, type ProductRow } from './product-row-store.js';
import { createProductStore } from './product-store.js';

const clock = handClock();
const changes: CatalogueChange[] = [];
const products = createProductStore({
  clock,
  onChange: (change) => changes.push(change),
  events: {
    event: (type, key, value, { occurredAt }) => ({
      topic: type,
      key,
      value: Buffer.from(JSON.stringify(value)),
      headers: { 'occurred-at': String(occurredAt) },
    }),
  },
});
let db: Database;

beforeAll(async () => {
  const url = new URL(engines().databaseUrl);
  url.pathname = `/test_product_${randomUUID().replaceAll('-', '')}`;
  db = createDatabase(testHost('product-test'), {
    url: url.toString(),
    migrations: ['platform/outbox/migrations', 'services/product/migrations'].map(projectPath),
  });
  await db.start();
});

afterAll(async () => {
  const name = new URL(db.pool.options.connectionString as string).pathname.slice(1);
  await db.stop();
  const admin = createDatabase(testHost('product-test'), { url: engines().databaseUrl });
  await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  await admin.stop();
});

const create = (category: string, priceMinor = 1999, active = true): Promise<ProductRow> => {
  clock.advanceMs(1);
  return inTransaction(db, (tx) =>
    products.create(tx, {
      name: 'Lantern',
      description: '',
      category,
      priceMinor,
      currency: 'GBP',
      brand: null,
      tags: [],
      attributes: {},
      images: [],
      groupId: null,
      ageRestricted: false,
      active,
      featured: false,
      initialStock: 12,
    }),
  );
};

describe('what is available of a product', () => {
  it('is the newest word of inventory, whatever order its words arrive in', async () => {
    const { productId } = await create('stock');
    const receive = (available: number, stockVersion: number) =>
      inTransaction(db, (tx) => products.noteStock(tx, [{ productId, available, stockVersion }]));
    await receive(10, 2);
    await receive(7, 4);
    await receive(9, 3);
    await receive(10, 2);
    expect((await findProducts(db, [productId])).get(productId)).toMatchObject({
      available: 7,
      stockVersion: 4,
    });
  });
});

describe('the catalogue', () => {
  const walk = async (sort: Sort, category: string, withInactive = false): Promise<number[]> => {
    const seen: number[] = [];
    let after: ProductRow | undefined;
    do {
      const rows = await listProducts(db, {
        sort,
        category,
        after: after && positionOf(after, sort),
        rowsMax: 2,
        withInactive,
      });
      seen.push(...rows.map(({ priceMinor }) => priceMinor));
      after = rows.at(-1);
    } while (after);
    return seen;
  };

  it('is walked page by page in each order, every product once, also where prices are equal', async () => {
    const category = `walk-${randomUUID()}`;
    for (const priceMinor of [300, 100, 300, 300, 200]) await create(category, priceMinor);
    expect(await walk('newest', category)).toEqual([200, 300, 300, 100, 300]);
    expect(await walk('price', category)).toEqual([100, 200, 300, 300, 300]);
    expect(await walk('-price', category)).toEqual([300, 300, 300, 200, 100]);
  });

  it('of a category holds those below it, and not those whose name only begins alike', async () => {
    const root = `home-${randomUUID()}`;
    await create(root, 1);
    await create(`${root}/lighting`, 2);
    await create(`${root}ware`, 3);
    expect(await walk('price', root)).toEqual([1, 2]);
  });

  it('hides what is not active from shoppers only', async () => {
    const category = `hidden-${randomUUID()}`;
    await create(category, 1);
    await create(category, 2, false);
    expect(await walk('price', category)).toEqual([1]);
    expect(await walk('price', category, true)).toEqual([1, 2]);
  });
});

describe('a change of a product', () => {
  it('is announced when it is committed, and not before or without', async () => {
    changes.length = 0;
    const { productId } = await create('announced');
    expect(changes).toEqual([{ productIds: [], isListed: true }]);
    await inTransaction(db, async (tx) => {
      await products.noteStock(tx, [{ productId, available: 3, stockVersion: 2 }]);
      expect(changes).toHaveLength(1);
    });
    expect(changes[1]).toEqual({ productIds: [productId], isListed: false });
    const undone = inTransaction(db, async (tx) => {
      await products.noteStock(tx, [{ productId, available: 4, stockVersion: 3 }]);
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    expect(changes).toHaveLength(2);
  });

  it('is not announced where nobody can see it, and says which lists have another order', async () => {
    const [one, other] = [await create('counted/one'), await create('counted/other')];
    const [available, stockVersion] = [12, 0];
    changes.length = 0;
    const note = (left: number, version: number) =>
      inTransaction(db, (tx) =>
        products.noteStock(tx, [
          { productId: one.productId, available: left, stockVersion: version },
          { productId: other.productId, available, stockVersion: stockVersion + 1 },
        ]),
      );
    await note(11, 1);
    await note(11, 2);
    await note(11, 1);
    expect(changes).toEqual([{ productIds: [one.productId], isListed: false }]);
    expect((await findProducts(db, [one.productId])).get(one.productId)?.stockVersion).toBe(2);

    changes.length = 0;
    const orderId = randomUUID();
    const sold = [one, other].map(({ productId }) => ({ productId, weight: 1 }));
    for (let times = 0; times < 2; times += 1)
      await inTransaction(db, (tx) => products.countSale(tx, orderId, sold));
    const rated = { productId: one.productId, ratingVersion: 1, sum: 5, count: 1 };
    for (let times = 0; times < 2; times += 1)
      await inTransaction(db, (tx) => products.noteRating(tx, rated));
    const categories = expect.toSatisfy(
      (paths: string[]) => paths.sort().join() === 'counted/one,counted/other',
    );
    expect(changes).toEqual([
      { productIds: [], isListed: false, reorders: { sort: 'popularity', categories } },
      {
        productIds: [one.productId],
        isListed: false,
        reorders: { sort: 'rating', categories: ['counted/one'] },
      },
    ]);
  });
});
