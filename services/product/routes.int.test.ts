import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { text as readWhole } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Authenticator, Principal } from '#platform/http/auth';
import type { HttpApp } from '#platform/http/http-app';
import { idempotencyMigrations } from '#platform/http/idempotency';
import { createHttpServer } from '#platform/http/server';
import { inTransaction } from '#platform/postgres/transaction';
import { createRedis } from '#platform/redis/client';
import { createReadAside, type ReadAside } from '#platform/redis/read-aside';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { handClock } from '#platform/testing/hand-clock';
import { type ScratchDatabase, scratchDatabase } from '#platform/testing/scratch-database';
import { testHost } from '#platform/testing/test-host';
import { sleep } from '#platform/waiting/sleep';
import { pathCharsMax } from './category.js';
import { createCategoryChanges, movedProductsMax } from './category-changes-store.js';
import { categoryRoutes } from './category-routes.js';
import { createImportPace, keptMax } from './import-pace.js';
import { importRoutes } from './import-routes.js';
import { release } from './imported-events-store.js';
import { createProductReads } from './product-reads.js';
import type { ProductRow } from './product-row-store.js';
import { createBody, createCommand } from './product-schemas.js';
import { createProductStore, type ProductStore } from './product-store.js';
import { productRoutes } from './routes.js';

/** The catalogue's endpoints on a real database. */

const clock = handClock();
const host = testHost('product-test', { clock });
const admin = randomUUID();
const callers: Record<string, Principal> = {
  admin: { kind: 'user', userId: admin, roles: ['admin'] },
  customer: { kind: 'user', userId: randomUUID(), roles: ['customer'] },
};
const auth: Authenticator = {
  principalOf: async (authorization) => callers[authorization ?? ''] ?? { kind: 'anonymous' },
};
let scratch: ScratchDatabase;
let products: ProductStore;
let app: HttpApp;
let cache: ReadAside<ProductRow>;
const redis = createRedis(host, engines().redisUrl);
/** So many of an import's events count as kept. */
let countedAsKept = 0;
const published: { type: string; key: string; value: Record<string, unknown> }[] = [];

/** So often an import says that it goes on. */
const seldomMs = 60_000;
let signEveryMs = seldomMs;
let silenceMsMax = seldomMs;

beforeAll(async () => {
  scratch = await scratchDatabase([
    'platform/outbox/migrations',
    idempotencyMigrations,
    'services/product/migrations',
  ]);
  cache = createReadAside<ProductRow>(host, redis, { name: 'product', ageMsMax: 60_000, isOn: true });
  await redis.start();
  await cache.start();
  const parts = {
    clock,
    onChange: ({ productIds }: { productIds: readonly string[] }) => cache.forget(productIds),
    events: {
      event: (type: string, key: string, value: object) => {
        published.push({ type, key, value: value as Record<string, unknown> });
        return { topic: type, key, value: Buffer.from(JSON.stringify(value)), headers: {} };
      },
    },
  };
  products = createProductStore(parts);
  app = createHttpServer(host, { port: 0, title: 'product', auth }).app;
  categoryRoutes(app, scratch.db, createCategoryChanges(products, parts));
  const pace = createImportPace(async () => countedAsKept, {
    monotonicMs: clock.monotonicMs,
    wait: async (ms) => clock.advanceMs(ms),
  });
  await importRoutes(app, {
    ...host,
    clock,
    products,
    db: scratch.db,
    pace,
    importedEvents: { begin: () => () => {} },
    get signEveryMs() {
      return signEveryMs;
    },
    get silenceMsMax() {
      return silenceMsMax;
    },
  });
  productRoutes(app, scratch.db, {
    products,
    reads: createProductReads(scratch.db, cache),
    metrics: host.metrics,
  });
});
afterAll(async () => {
  await cache.stop();
  await redis.stop();
  await scratch.drop();
});

type Asked = { as?: string; body?: unknown; headers?: Record<string, string> };

const ask = async (
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  url: string,
  { as, body, headers }: Asked = {},
) => {
  const answer = await app.inject({
    method,
    url,
    headers: { ...(as === undefined ? {} : { authorization: as }), ...headers },
    ...(body === undefined ? {} : { payload: body as object }),
  });
  return {
    status: answer.statusCode,
    etag: String(answer.headers.etag),
    body: answer.body === '' ? undefined : answer.json(),
  };
};

const lamp = { name: 'Lamp', category: 'home/lighting', price: { amountMinor: 1999, currency: 'EUR' } };
const create = async (changes: object = {}) => {
  clock.advanceMs(1);
  const made = await ask('POST', '/api/products', { as: 'admin', body: { ...lamp, ...changes } });
  expect(made.status).toBe(201);
  return made;
};
const put = (id: string, etag: string, body: object) =>
  ask('PUT', `/api/products/${id}`, { as: 'admin', body, headers: { 'if-match': etag } });

describe('a product', () => {
  it('has every field of its body, and what was read may be sent back with another word in it', async () => {
    const groupId = randomUUID();
    const body = {
      ...lamp,
      description: 'Warm light',
      brand: 'Lumen',
      tags: ['paper'],
      attributes: { colour: 'white', watts: 8, dimmable: true },
      images: ['https://example.com/a.jpg'],
      groupId,
      ageRestricted: true,
      active: true,
      featured: true,
    };
    const { body: made, etag } = await create({ ...body, initialStock: 3 });
    expect(made).toMatchObject({ ...body, available: 3, rating: { average: 0, count: 0 } });
    const same = await put(made.id, etag, made);
    expect([same.status, same.etag, same.body]).toEqual([200, etag, made]);
    clock.advanceMs(1000);
    const changed = await put(made.id, etag, { ...made, name: 'Lantern', available: 99 });
    expect(changed.body).toEqual({ ...made, name: 'Lantern', updatedAt: changed.body.updatedAt });
    expect(changed.body.updatedAt > made.updatedAt).toBe(true);
    const read = await ask('GET', `/api/products/${made.id}`);
    expect([read.body, read.etag]).toEqual([changed.body, changed.etag]);
    const event = published.findLast(({ type }) => type === 'ProductUpdated');
    expect(event?.value).toMatchObject({ name: 'Lantern', version: 2, changed: ['name'], changedBy: admin });
  });

  it('is changed only by who has seen its newest description', async () => {
    const { body: made, etag } = await create();
    const path = `/api/products/${made.id}`;
    expect((await ask('PUT', path, { as: 'admin', body: made })).status).toBe(428);
    expect((await ask('DELETE', path, { as: 'admin' })).status).toBe(428);
    const both = await Promise.all(['One', 'Other'].map((name) => put(made.id, etag, { ...made, name })));
    expect(both.map(({ status }) => status).sort()).toEqual([200, 412]);
    const headers = { 'if-match': etag };
    expect((await ask('DELETE', path, { as: 'admin', headers })).status).toBe(412);
    for (const id of [randomUUID(), made.id.toUpperCase()])
      expect((await put(id, '"9.0.0"', lamp)).status).toBe(id === made.id.toUpperCase() ? 412 : 404);
  });

  it('may be changed by who read it before a sale or a review', async () => {
    const { body: made, etag } = await create();
    const productId = made.id;
    await inTransaction(scratch.db, async (tx) => {
      await products.noteStock(tx, [{ productId, available: 1, stockVersion: 7 }]);
      await products.noteRating(tx, { productId, ratingVersion: 2, sum: 9, count: 2 });
      await products.noteRating(tx, { productId, ratingVersion: 1, sum: 5, count: 1 });
    });
    const read = await ask('GET', `/api/products/${productId}`);
    expect(read.etag).not.toBe(etag);
    expect(read.body).toMatchObject({ available: 1, rating: { average: 4.5, count: 2 } });
    expect((await put(productId, etag, { ...made, name: 'Lantern' })).status).toBe(200);
  });

  it('is there for who has asked for it before it was', async () => {
    const id = randomUUID();
    expect((await ask('GET', `/api/products/${id}`)).status).toBe(404);
    await inTransaction(scratch.db, (tx) =>
      products.createAll(tx, [createCommand(createBody.parse(lamp))], null, { productIds: [id] }),
    );
    expect((await ask('GET', `/api/products/${id}`)).body).toMatchObject({ id, name: lamp.name });
  });

  it('is not described anew by an old version, whatever the body is', async () => {
    const { body: made, etag } = await create();
    expect((await put(made.id, etag, { ...made, name: 'Lantern' })).status).toBe(200);
    for (const body of [{ ...made, name: 'Torch' }, { nothing: 1 }]) {
      const answer = await put(made.id, etag, body);
      expect([answer.status, answer.body.code]).toEqual([412, 'stale_version']);
    }
  });

  it('is read from Redis by all instances until it changes in any way', async () => {
    const { body: made, etag } = await create({ initialStock: 3 });
    const read = async () => (await ask('GET', `/api/products/${made.id}`)).body;
    const leftMs = () => redis.client.pttl(`cache:product:${made.id}`);
    const isStored = () =>
      eventually(async () => {
        await read();
        const ms = await leftMs();
        return ms > 0 && ms <= 60_000;
      });
    await isStored();
    await inTransaction(scratch.db, (tx) =>
      products.noteStock(tx, [{ productId: made.id, available: 2, stockVersion: 1 }]),
    );
    expect((await read()).available).toBe(2);
    await isStored();
    await inTransaction(scratch.db, (tx) =>
      products.noteRating(tx, { productId: made.id, ratingVersion: 1, sum: 4, count: 1 }),
    );
    expect((await read()).rating).toEqual({ average: 4, count: 1 });
    await isStored();
    expect((await put(made.id, etag, { ...made, name: 'Lantern' })).status).toBe(200);
    const renamed = await ask('GET', `/api/products/${made.id}`);
    expect(renamed.body.name).toBe('Lantern');
    await isStored();
    const headers = { 'if-match': renamed.etag };
    expect((await ask('DELETE', `/api/products/${made.id}`, { as: 'admin', headers })).status).toBe(204);
    expect((await ask('GET', `/api/products/${made.id}`)).status).toBe(404);
    await eventually(async () => (await leftMs()) < 0);
  });

  it('that is removed is gone for everybody, but not from its history', async () => {
    const { body: made, etag } = await create({ featured: true });
    const path = `/api/products/${made.id}`;
    await put(made.id, etag, { ...made, price: { amountMinor: 5, currency: 'EUR' } });
    const removed = await ask('DELETE', path, { as: 'admin', headers: { 'if-match': '*' } });
    expect([removed.status, removed.body]).toEqual([204, undefined]);
    for (const as of ['admin', 'customer']) expect((await ask('GET', path, { as })).status).toBe(404);
    for (const list of ['/api/products?limit=100', '/api/products/featured?limit=100'])
      expect((await ask('GET', list, { as: 'admin' })).body.items).not.toContainEqual(
        expect.objectContaining({ id: made.id }),
      );
    expect((await ask('DELETE', path, { as: 'admin', headers: { 'if-match': '*' } })).status).toBe(404);
    expect(published.at(-1)).toMatchObject({ type: 'ProductDeleted', value: { version: 3 } });

    const first = await ask('GET', `${path}/history?limit=2`, { as: 'admin' });
    expect(first.body.items.map(({ kind }: { kind: string }) => kind)).toEqual(['deleted', 'updated']);
    expect(first.body.items[1]).toMatchObject({
      version: 2,
      changes: [{ field: 'priceMinor', from: 1999, to: 5 }],
      changedBy: admin,
    });
    const rest = await ask('GET', `${path}/history?limit=2&cursor=${first.body.next}`, { as: 'admin' });
    expect(rest.body).toMatchObject({ items: [{ version: 1, kind: 'created' }], next: null });
    expect((await ask('GET', `${path}/history`, { as: 'customer' })).status).toBe(403);
    expect((await ask('GET', `/api/products/${randomUUID()}/history`, { as: 'admin' })).status).toBe(404);
  });
});

describe('the list', () => {
  it('is walked page by page in every order, each product once, and filtered', async () => {
    const brand = `Brand ${randomUUID()}`;
    const groupId = randomUUID();
    const ids: string[] = [];
    for (const amountMinor of [300, 100, 200, 400])
      ids.push((await create({ brand, groupId, price: { amountMinor, currency: 'EUR' } })).body.id);
    const [a, b, c, d] = ids as [string, string, string, string];
    await inTransaction(scratch.db, async (tx) => {
      for (const [nth, productId] of [a, b].entries())
        await products.noteRating(tx, { productId, ratingVersion: 1, sum: 8 + nth, count: 2 });
      await products.noteRating(tx, { productId: c, ratingVersion: 1, sum: 9, count: 2 });
      await products.countSale(tx, randomUUID(), [{ productId: c, weight: 0.1 + 0.2 }]);
      const orderId = randomUUID();
      for (const _ of [1, 2]) await products.countSale(tx, orderId, [{ productId: d, weight: 0.2 }]);
    });
    const walk = async (query: string): Promise<string[]> => {
      const seen: string[] = [];
      let cursor = '';
      do {
        const { body } = await ask(
          'GET',
          `/api/products?limit=1&brand=${encodeURIComponent(brand)}&${query}${cursor}`,
        );
        seen.push(...body.items.map(({ id }: { id: string }) => id));
        cursor = body.next === null ? '' : `&cursor=${body.next}`;
      } while (cursor !== '');
      return seen;
    };
    expect(await walk('')).toEqual([d, c, b, a]);
    expect(await walk('sort=price')).toEqual([b, c, a, d]);
    expect(await walk('sort=-price')).toEqual([d, a, c, b]);
    expect(await walk('sort=rating')).toEqual([c, b, a, d]);
    expect(await walk('sort=popularity')).toEqual([c, d, b, a]);
    expect(await walk('minPrice=200&maxPrice=300&sort=price')).toEqual([c, a]);
    expect(await walk(`groupId=${groupId}&category=home&sort=price&maxPrice=100`)).toEqual([b]);
    expect(await walk(`ids=${c.toUpperCase()},${randomUUID()},${a}`)).toEqual([c, a]);
    expect(await walk('ids=')).toEqual([]);
  });

  it('refuses a range of prices that ends below its beginning', async () => {
    expect((await ask('GET', '/api/products?minPrice=9&maxPrice=9')).status).toBe(200);
    const { status, body } = await ask('GET', '/api/products?minPrice=9&maxPrice=1');
    expect([status, body.code]).toEqual([400, 'invalid_query']);
    expect(body.errors).toEqual([{ path: '/query/maxPrice', message: 'must not be below minPrice' }]);
  });

  it('refuses ids that are none, and more than it reads at once', async () => {
    for (const ids of ['a', `${randomUUID()},'`, Array.from({ length: 101 }, () => randomUUID()).join()])
      expect((await ask('GET', `/api/products?ids=${ids}`)).status).toBe(400);
  });

  it('refuses a cursor of another order, and one that was made up', async () => {
    for (const _ of [1, 2]) await create();
    const nextOf = async (sort: string): Promise<string> =>
      (await ask('GET', `/api/products?limit=1&sort=${sort}`)).body.next;
    const statusOf = async (sort: string, cursor: string): Promise<number> =>
      (await ask('GET', `/api/products?sort=${sort}&cursor=${cursor}`)).status;
    /** The cursor with other numbers in its position. */
    const changed = (cursor: string, ...numbers: unknown[]): string => {
      const [mark, position] = JSON.parse(Buffer.from(cursor, 'base64url').toString());
      const after = [...numbers, position.after.at(-1)];
      return Buffer.from(JSON.stringify([mark, { ...position, after }])).toString('base64url');
    };
    const [price, rating, popularity] = await Promise.all(['price', 'rating', 'popularity'].map(nextOf));
    expect(await statusOf('rating', price as string)).toBe(400);
    for (const numbers of [[], ['a'], [1, 2], [1.5], [1e300], [-0.1]])
      expect([numbers, await statusOf('price', changed(price as string, ...numbers))]).toEqual([
        numbers,
        400,
      ]);
    for (const numbers of [[1], [1, 1.5], [2 ** 31, 0], [0, -(2 ** 31) - 1]])
      expect([numbers, await statusOf('rating', changed(rating as string, ...numbers))]).toEqual([
        numbers,
        400,
      ]);
    expect(await statusOf('price', changed(price as string, Number.MAX_SAFE_INTEGER))).toBe(200);
    expect(await statusOf('popularity', changed(popularity as string, 1.5e300))).toBe(200);
  });

  it('has a next page for everybody, however somebody else has spelt the same list', async () => {
    const brand = `Brand ${randomUUID()}`;
    for (const name of ['One', 'Two']) await create({ brand, name });
    const query = `limit=1&brand=${encodeURIComponent(brand)}`;
    const spellings = ['/api/%70roducts', '/api/products'];
    // At the same time, so that they share the text of their page.
    const pages = await Promise.all(spellings.map((path) => ask('GET', `${path}?${query}`)));
    for (const { body } of pages) {
      const next = await ask('GET', `/api/products?${query}&cursor=${body.next}`);
      expect([next.status, next.body.items?.[0].name]).toEqual([200, 'One']);
    }
  });

  it('of what is shown in front holds what is featured and active', async () => {
    const shown = (await create({ featured: true })).body.id;
    const hidden = (await create({ featured: true, active: false })).body.id;
    const { body } = await ask('GET', '/api/products/featured?limit=100', { as: 'admin' });
    const ids = body.items.map(({ id }: { id: string }) => id);
    expect([ids.includes(shown), ids.includes(hidden)]).toEqual([true, false]);
  });
});

describe('the tree of categories', () => {
  type Node = { id: string; path: string; name: string; children: Node[] };
  const tree = async (): Promise<Node[]> => (await ask('GET', '/api/categories')).body.items;
  const at = async (path: string): Promise<Node | undefined> => {
    let level = await tree();
    let found: Node | undefined;
    for (const [nth] of path.split('/').entries()) {
      const part = path
        .split('/')
        .slice(0, nth + 1)
        .join('/');
      found = level.find((node) => node.path === part);
      level = found?.children ?? [];
    }
    return found;
  };

  it('grows with the categories of products, and by hand', async () => {
    const root = `root-${randomUUID().slice(0, 8)}`;
    await create({ category: `${root}/fairy-lights` });
    expect(await at(`${root}/fairy-lights`)).toMatchObject({ name: 'Fairy lights', children: [] });
    const parent = (await at(root)) as Node;
    const made = await ask('POST', '/api/categories', {
      as: 'admin',
      body: { name: 'Table Lamps', parentId: parent.id, position: 0 },
    });
    expect(made.body).toMatchObject({
      path: `${root}/table-lamps`,
      name: 'Table Lamps',
      parentId: parent.id,
    });
    const names = ((await at(root)) as Node).children.map(({ name }) => name);
    expect(names).toEqual(['Fairy lights', 'Table Lamps']);
    const twice = await ask('POST', '/api/categories', {
      as: 'admin',
      body: { path: `${root}/Table-Lamps` },
    });
    expect([twice.status, twice.body.code]).toEqual([409, 'category_exists']);
    for (const [body, status] of [
      [{}, 400],
      [{ parentId: parent.id }, 400],
      [{ name: '/' }, 422],
      [{ path: 'x/y', parentId: parent.id }, 422],
      [{ name: 'a', parentId: randomUUID() }, 422],
    ] as const)
      expect((await ask('POST', '/api/categories', { as: 'admin', body })).status).toBe(status);
    expect((await ask('POST', '/api/categories', { as: 'customer', body: { name: 'a' } })).status).toBe(403);
  });

  it('is moved with what is in it, and its products say so', async () => {
    const root = `moved-${randomUUID().slice(0, 8)}`;
    const { body: product } = await create({ category: `${root}/old/deep` });
    const { id } = (await at(`${root}/old`)) as Node;
    const read = await ask('GET', `/api/categories/${id}`);
    const path = `/api/categories/${id}`;
    const headers = { 'if-match': read.etag };
    expect((await ask('PUT', path, { as: 'admin', body: {} })).status).toBe(428);
    const within = await ask('PUT', path, { as: 'admin', headers, body: { path: `${root}/old/deep/er` } });
    expect([within.status, within.body.code]).toEqual([409, 'category_below_itself']);
    const sent = { ...read.body, name: 'New', path: `${root}/new` };
    const moved = await ask('PUT', path, { as: 'admin', headers, body: sent });
    expect([moved.status, moved.body.path]).toEqual([200, `${root}/new`]);
    for (const body of [sent, { nothing: 1 }])
      expect((await ask('PUT', path, { as: 'admin', headers, body })).status).toBe(412);
    expect((await ask('GET', `/api/products/${product.id}`)).body.category).toBe(`${root}/new/deep`);
    expect(published.at(-1)).toMatchObject({ type: 'CategorySaved' });
    expect(published.findLast(({ type }) => type === 'ProductUpdated')?.value).toMatchObject({
      productId: product.id,
      category: `${root}/new/deep`,
    });
    expect(await at(`${root}/old`)).toBeUndefined();
    expect((await ask('GET', '/api/categories', { headers: { 'if-none-match': '*' } })).status).toBe(304);
  });

  const move = async (from: string, to: string) =>
    ask('PUT', `/api/categories/${((await at(from)) as Node).id}`, {
      as: 'admin',
      headers: { 'if-match': '"1"' },
      body: { path: to },
    });

  it('is not moved to where a path below would be too long', async () => {
    const root = `long-${randomUUID().slice(0, 8)}`;
    const longest = `${root}/${'x'.repeat(pathCharsMax - root.length - 1)}`;
    const { body: product } = await create({ category: longest });
    const answer = await move(root, `${root}r`);
    expect([answer.status, answer.body.code]).toEqual([409, 'category_path_too_long']);
    expect((await ask('GET', `/api/products/${product.id}`)).body.category).toBe(longest);
    expect(await at(`${root}r`)).toBeUndefined();
    expect((await move(root, root.replace('long', 'tall'))).status).toBe(200);
  });

  it('is not moved with more products than one transaction moves', async () => {
    const root = `full-${randomUUID().slice(0, 8)}`;
    const { body: product } = await create({ category: `${root}/a` });
    const copied =
      'version, name, description, category, price_minor, currency, tags, attributes, images, age_restricted, active, ' +
      'featured, available, created_at, updated_at';
    await scratch.db.query(
      `INSERT INTO products (product_id, ${copied}) SELECT gen_random_uuid(), ${copied}
       FROM products, generate_series(1, $2) WHERE product_id = $1`,
      [product.id, movedProductsMax],
    );
    const answer = await move(root, `${root}er`);
    expect([answer.status, answer.body.code]).toEqual([409, 'category_too_large']);
    expect(await at(`${root}er`)).toBeUndefined();
    await scratch.db.query('DELETE FROM products WHERE category = $1 AND product_id <> $2', [
      `${root}/a`,
      product.id,
    ]);
    expect((await move(root, `${root}er`)).status).toBe(200);
  });

  it('loses only what nothing is in', async () => {
    const root = `kept-${randomUUID().slice(0, 8)}`;
    const { body: product, etag } = await create({ category: `${root}/a`, active: false });
    const remove = async (path: string) =>
      (
        await ask('DELETE', `/api/categories/${((await at(path)) as Node).id}`, {
          as: 'admin',
          headers: { 'if-match': '"1"' },
        })
      ).status;
    expect([await remove(root), await remove(`${root}/a`)]).toEqual([409, 409]);
    await ask('DELETE', `/api/products/${product.id}`, { as: 'admin', headers: { 'if-match': etag } });
    expect([await remove(`${root}/a`), await remove(root)]).toEqual([204, 204]);
    expect(published.at(-1)).toMatchObject({ type: 'CategoryDeleted', value: { path: root, version: 2 } });
  });
});

describe('an import', () => {
  const send = async (
    payload: string,
    headers: Record<string, string> = {},
    type = 'application/x-ndjson',
  ) => {
    const answer = await app.inject({
      method: 'POST',
      url: '/api/products/import',
      headers: { authorization: 'admin', 'content-type': type, ...headers },
      payload,
    });
    return { status: answer.statusCode, body: answer.json() };
  };
  const ofBrand = async (brand: string): Promise<{ id: string; name: string }[]> =>
    (await ask('GET', `/api/products?limit=100&brand=${brand}`)).body.items;

  it('takes each line that describes a product, and says which do not, and why', async () => {
    const brand = randomUUID();
    const line = (changes: object = {}) => JSON.stringify({ ...lamp, brand, ...changes });
    const { status, body } = await send(
      [line(), '{', '', line({ price: 1 }), line({ name: 'Last', initialStock: 4 }), 'a'.repeat(70_000)].join(
        '\n',
      ),
    );
    expect(status).toBe(200);
    expect(body).toMatchObject({ lines: 6, created: 2, updated: 0, unchanged: 0, isComplete: true });
    expect(body.errors.map(({ line, code }: { line: number; code: string }) => [line, code])).toEqual([
      [2, 'malformed_json'],
      [4, 'invalid_product'],
      [6, 'line_too_long'],
    ]);
    expect(body.errors[1].errors[0].path).toBe('/price');
    expect((await ofBrand(brand)).map(({ name }) => name).sort()).toEqual(['Lamp', 'Last']);
    expect(await ofBrand(brand)).toContainEqual(expect.objectContaining({ name: 'Last', available: 4 }));
  });

  it('may take longer than other requests, as long as it goes on, and ends where nothing more comes', async () => {
    Object.assign(app.server, { requestTimeout: 300, headersTimeout: 300, connectionsCheckingInterval: 50 });
    const url = await app.listen({ host: '127.0.0.1', port: 0 });
    let sentAll = false;
    async function* slowly(name: string): AsyncGenerator<Buffer> {
      for (let nth = 0; nth < 8; nth += 1) {
        yield Buffer.from(`${JSON.stringify({ ...lamp, name: `${name} ${nth}` })}\n`);
        await sleep(100);
      }
      sentAll = true;
    }
    const key = randomUUID();
    const headers = {
      ...{ authorization: 'admin', 'content-type': 'application/x-ndjson' },
      'idempotency-key': key,
    };
    const sendSlowly = async (name: string) => {
      sentAll = false;
      const sending = request(`${url}/api/products/import`, { method: 'POST', headers });
      const answered = once(sending, 'response').then(([answer]) => ({
        answer: answer as IncomingMessage,
        isEarly: !sentAll,
      }));
      await pipeline(slowly(name), sending);
      const { answer, isEarly } = await answered;
      // It began before the lines were all there.
      expect([answer.statusCode, isEarly]).toEqual([200, true]);
      return JSON.parse(await readWhole(answer));
    };
    signEveryMs = 200;
    expect(await sendSlowly('Lamp')).toMatchObject({ created: 8, isComplete: true });
    expect(await sendSlowly('Other')).toMatchObject({
      ...{ created: 0, isComplete: false },
      errors: [{ line: 1, code: 'idempotency_key_reused' }],
    });

    silenceMsMax = 300;
    const silent = request(`${url}/api/products/import`, {
      method: 'POST',
      headers: { ...headers, 'idempotency-key': randomUUID() },
    });
    silent.write(`${JSON.stringify(lamp)}\n`);
    const [answer] = (await once(silent, 'response')) as [IncomingMessage];
    expect(JSON.parse(await readWhole(answer))).toMatchObject({ created: 0, isComplete: false });
    silent.on('error', () => {}).destroy();
    [signEveryMs, silenceMsMax] = [seldomMs, seldomMs];
    await new Promise((closed) => app.server.close(closed).closeIdleConnections());
  });

  it('may come again: by its key, or by the keys of its lines, also twice in one', async () => {
    const brand = randomUUID();
    const line = (changes: object = {}) => JSON.stringify({ ...lamp, brand, ...changes });
    const headers = { 'idempotency-key': randomUUID() };
    const lines = [line(), line({ name: 'Torch', externalId: `sku-${brand}` })].join('\n');
    expect((await send(lines, headers)).body).toMatchObject({ created: 2 });
    const again = await Promise.all([1, 2, 3].map(() => send(lines, headers)));
    for (const { body } of again) expect(body).toMatchObject({ created: 0, updated: 0, unchanged: 2 });
    const renamed = ['Lantern', 'Beacon', 'Beacon'].map((name) => line({ name, externalId: `sku-${brand}` }));
    expect((await send(renamed.join('\n'))).body).toMatchObject({ created: 0, updated: 2, unchanged: 1 });
    expect((await ofBrand(brand)).map(({ name }) => name).sort()).toEqual(['Beacon', 'Lamp']);

    const beacon = (await ofBrand(brand)).find(({ name }) => name === 'Beacon');
    await ask('DELETE', `/api/products/${beacon?.id}`, { as: 'admin', headers: { 'if-match': '*' } });
    expect((await send(renamed[0] as string)).body).toMatchObject({
      created: 0,
      errors: [{ line: 1, code: 'product_removed' }],
    });
  });

  it('that comes again under its key leaves what was changed since', async () => {
    const brand = randomUUID();
    const line = (changes: object = {}) => JSON.stringify({ ...lamp, brand, ...changes });
    const headers = { 'idempotency-key': randomUUID() };
    const names = ['Numbered', 'Named', 'Removed'];
    const [byNumber, byId, removed] = names.map((name, n) =>
      line({ name, ...(n === 1 ? { externalId: `sku-${brand}` } : {}) }),
    );
    const lines = [byNumber, byId, removed].join('\n');
    expect((await send(lines, headers)).body).toMatchObject({ created: 3 });
    const idOf = async (name: string) => (await ofBrand(brand)).find((product) => product.name === name)?.id;
    const ids = await Promise.all(names.map(idOf));
    const price = { amountMinor: 2999, currency: 'EUR' };
    for (const [n, id] of ids.slice(0, 2).entries()) {
      const body = { ...lamp, brand, name: names[n], price };
      expect((await put(String(id), '*', body)).status).toBe(200);
    }
    await ask('DELETE', `/api/products/${ids[2]}`, { as: 'admin', headers: { 'if-match': '*' } });
    const before = [published.length, await ofBrand(brand)];

    expect((await send(lines, headers)).body).toMatchObject({
      created: 0,
      updated: 0,
      unchanged: 2,
      errors: [{ line: 3, code: 'product_removed' }],
      isComplete: true,
    });
    expect([published.length, await ofBrand(brand)]).toEqual(before);
    expect(before[1]).toMatchObject([{ price }, { price }]);
  });

  it('with a key that another body was sent under is refused before it writes, or where the bodies part', async () => {
    const brand = randomUUID();
    const lines = Array.from({ length: 1200 }, (_, n) =>
      JSON.stringify({ ...lamp, brand, name: `Lamp ${n}` }),
    );
    const headers = { 'idempotency-key': randomUUID() };
    expect((await send(lines.join('\n'), headers)).body).toMatchObject({ created: 1200, isComplete: true });
    const before = await ofBrand(brand);
    // From behind the lines that were taken, though with the same key.
    const reused = { status: 422, body: { code: 'idempotency_key_reused' } };
    expect(await send(lines.slice(1000).join('\n'), headers)).toMatchObject(reused);
    expect(await send(lines.slice(0, 100).join('\n'), headers)).toMatchObject(reused);
    expect(await send(['{', ...lines.slice(1)].join('\n'), headers)).toMatchObject(reused);
    expect(await send([...lines.slice(0, 1099), lines[0]].join('\n'), headers)).toMatchObject({
      status: 200,
      body: {
        lines: 1000,
        unchanged: 1000,
        updated: 0,
        errors: [{ line: 1001, code: 'idempotency_key_reused' }],
        isComplete: false,
      },
    });
    expect(await ofBrand(brand)).toEqual(before);
    expect((await send(lines.join('\n'), headers)).body).toMatchObject({ unchanged: 1200, isComplete: true });
  });

  it('makes each product once when it is sent several times at once', async () => {
    const brand = randomUUID();
    const lines = Array.from({ length: 300 }, (_, n) =>
      JSON.stringify({
        ...lamp,
        brand,
        category: `c/${brand.slice(0, 8)}/${n % 7}`,
        externalId: `${brand} ${n}`,
      }),
    );
    const answers = await Promise.all(
      [lines, lines.toReversed(), lines].map((some) => send(some.join('\n'))),
    );
    const sum = (field: string) => answers.reduce((all, { body }) => all + body[field], 0);
    expect([sum('created'), sum('unchanged'), sum('updated')]).toEqual([300, 600, 0]);
    expect(answers.every(({ body }) => body.isComplete)).toBe(true);
  });

  it('lets the events of single changes go first, and those of each product stay in order', async () => {
    const { db } = scratch;
    const sent = async () =>
      (
        await db.query<{ type: string; key: string }>(
          'SELECT topic AS type, key FROM outbox ORDER BY seq',
          [],
        )
      ).rows;
    await db.query('TRUNCATE outbox_a, outbox_b, imported_events', []);
    const externalIds = ['first', 'second'].map((name) => `${name} ${randomUUID()}`);
    const lines = externalIds.map((externalId) => JSON.stringify({ ...lamp, category: 'home', externalId }));
    expect((await send(lines.join('\n'))).body).toMatchObject({ created: 2, isComplete: true });
    const [first, second] = published.slice(-2).map(({ key }) => key);
    const { body: made } = await create();
    const read = await ask('GET', `/api/products/${first}`);
    expect((await put(first as string, read.etag, { ...lamp, name: 'Lantern' })).status).toBe(200);
    expect((await sent()).map(({ key }) => key)).toEqual([made.id]);

    expect(await release(db, 2)).toBe(2);
    const again = { ...lamp, category: 'home', name: 'Torch', externalId: externalIds[1] };
    expect((await send(JSON.stringify(again))).body).toMatchObject({ updated: 1 });
    expect(await Promise.all([release(db, 1_000), release(db, 1_000)])).toContain(2);
    expect(await release(db, 1_000)).toBe(0);
    expect(await sent()).toEqual([
      { type: 'ProductCreated', key: made.id },
      { type: 'ProductCreated', key: first },
      { type: 'ProductCreated', key: second },
      { type: 'ProductUpdated', key: first },
      { type: 'ProductUpdated', key: second },
    ]);
    const latest = await ask('GET', `/api/products/${first}`);
    expect((await put(first as string, latest.etag, { ...lamp, name: 'Lamp' })).status).toBe(200);
    expect((await sent()).at(-1)).toEqual({ type: 'ProductUpdated', key: first });
  });

  it('goes on slowly while nothing of it is sent', async () => {
    const fromMs = clock.monotonicMs();
    countedAsKept = keptMax;
    const line = JSON.stringify({ ...lamp, category: 'home' });
    expect((await send(`${line}\n${line}`)).body).toMatchObject({ created: 2, isComplete: true });
    countedAsKept = 0;
    const waitedMs = clock.monotonicMs() - fromMs;
    expect(waitedMs).toBeGreaterThanOrEqual(5_000);
    expect(waitedMs).toBeLessThan(20_000);
  });

  it('is refused in another form, and to everybody but administrators', async () => {
    expect((await send('[]', {}, 'application/json')).status).toBe(415);
    expect((await send('x', { 'content-encoding': 'gzip' })).status).toBe(415);
    expect((await ask('POST', '/api/products/import', { as: 'customer' })).status).toBe(403);
    expect((await ask('POST', '/api/products/import', { as: 'admin' })).status).toBe(400);
    expect((await send('')).body).toMatchObject({ lines: 0, created: 0, isComplete: true });
  });
});
