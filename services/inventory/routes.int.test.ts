import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Authenticator } from '#platform/http/auth';
import type { HttpApp } from '#platform/http/http-app';
import { idempotencyMigrations } from '#platform/http/idempotency';
import { createHttpServer } from '#platform/http/server';
import { inTransaction } from '#platform/postgres/transaction';
import { type ScratchDatabase, scratchDatabase } from '#platform/testing/scratch-database';
import { testHost } from '#platform/testing/test-host';
import { backInStockRoutes } from './back-in-stock-routes.js';
import { type BackInStockStore, createBackInStockStore } from './back-in-stock-store.js';
import { createInventoryMetrics } from './inventory-metrics.js';
import { inventoryRoutes } from './routes.js';
import { piecesMax } from './stock.js';
import { createStockStore, type StockStore } from './stock-store.js';

const host = testHost('inventory-test');
const adminId = randomUUID();
const auth: Authenticator = {
  principalOf: async () => ({ kind: 'user', userId: adminId, roles: ['admin'] }),
};
let scratch: ScratchDatabase;
let stock: StockStore;
let waiting: BackInStockStore;
let app: HttpApp;

beforeAll(async () => {
  scratch = await scratchDatabase([
    'platform/outbox/migrations',
    idempotencyMigrations,
    'services/inventory/migrations',
  ]);
  const events: Parameters<typeof createStockStore>[0]['events'] = {
    event: (type, key, value) => ({
      topic: type,
      key,
      value: Buffer.from(JSON.stringify(value)),
      headers: {},
    }),
  };
  stock = createStockStore({ clock: host.clock, events });
  waiting = createBackInStockStore({ clock: host.clock, events });
  app = createHttpServer(host, { port: 0, title: 'inventory', auth }).app;
  inventoryRoutes(app, { db: scratch.db, stock, counted: createInventoryMetrics(host.metrics) });
  backInStockRoutes(app, scratch.db, waiting);
});
afterAll(() => scratch.drop());

const open = async (onHand: number): Promise<string> => {
  const productId = randomUUID();
  await inTransaction(scratch.db, (tx) => stock.open(tx, productId, onHand));
  return productId;
};
const restock = (productId: string, quantity: number, headers: Record<string, string> = {}) =>
  app.inject({
    method: 'POST',
    url: `/api/inventory/${productId}/restock`,
    headers: { authorization: 'Bearer any', ...headers },
    payload: { quantity },
  });
const onHand = async (productId: string) => (await stock.find(scratch.db, productId))?.onHand;

describe('a statement of what is on hand', () => {
  const state = (productId: string, payload: object) =>
    app.inject({
      method: 'PUT',
      url: `/api/inventory/${productId}`,
      headers: { authorization: 'Bearer any' },
      payload,
    });

  test('may be what was read with another number in it: what the server keeps is ignored', async () => {
    const productId = await open(4);
    const read = (await app.inject({ method: 'GET', url: `/api/inventory/${productId}` })).json();
    const answer = await state(productId, { ...read, onHand: 7, available: 99, reserved: 50 });
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({ productId, onHand: 7, reserved: 0, available: 7 });
    expect((await state(productId, { onHand: 7, price: 1 })).statusCode).toBe(400);
  });

  test('and a restock are counted as operations, done or refused', async () => {
    const productId = await open(4);
    const counted = async () => {
      const text = await host.metrics.render();
      return ['adjust', 'restock'].map((operation) =>
        ['success', 'failure'].map((status) => {
          const labels = `operation="${operation}",status="${status}"`;
          const [, count = 0] = new RegExp(`inventory_operations_total{${labels}} (\\d+)`).exec(text) ?? [];
          return Number(count);
        }),
      );
    };
    const before = (await counted()).flat();
    await state(productId, { onHand: 5 });
    await state(randomUUID(), { onHand: 5 });
    await restock(productId, 1);
    await restock(productId, piecesMax);
    expect((await counted()).flat()).toEqual(before.map((count) => count + 1));
  });

  test('and a restock, also one repeated, answer with the ETag that reading it then has', async () => {
    const productId = await open(4);
    const headers = { 'idempotency-key': randomUUID() };
    const etag = async () =>
      (await app.inject({ method: 'GET', url: `/api/inventory/${productId}` })).headers.etag;
    expect((await state(productId, { onHand: 7 })).headers.etag).toBe((await etag()) ?? 'none');
    expect((await restock(productId, 1)).headers.etag).toBe((await etag()) ?? 'none');
    expect((await restock(productId, 2, headers)).headers.etag).toBe((await etag()) ?? 'none');
    expect((await restock(productId, 2, headers)).headers.etag).toBe((await etag()) ?? 'none');
  });
});

describe('a restock', () => {
  test('of several at once never exceeds what a product may have, and says so with 409', async () => {
    const productId = await open(piecesMax - 10);
    const answers = await Promise.all(Array.from({ length: 10 }, () => restock(productId, piecesMax / 2)));
    expect(answers.map(({ statusCode }) => statusCode)).toEqual(Array(10).fill(409));
    const small = await Promise.all(Array.from({ length: 10 }, () => restock(productId, 4)));
    expect(small.map(({ statusCode }) => statusCode).sort()).toEqual([200, 200, ...Array(8).fill(409)]);
    expect(small.find(({ statusCode }) => statusCode === 409)?.json()).toMatchObject({
      code: 'too_many_pieces',
    });
    expect(await onHand(productId)).toBe(piecesMax - 2);
  });

  test('sent again with its Idempotency-Key adds its pieces once', async () => {
    const productId = await open(1);
    const headers = { 'idempotency-key': randomUUID() };
    const [first, again] = [await restock(productId, 5, headers), await restock(productId, 5, headers)];
    expect(first.statusCode).toBe(200);
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect(again.json()).toEqual(first.json());
    expect(await onHand(productId)).toBe(6);
    expect((await restock(productId, 6, headers)).statusCode).toBe(422);
  });

  test('without a key is taken as another one', async () => {
    const productId = await open(1);
    expect((await restock(productId, 5)).json()).toMatchObject({ onHand: 6 });
    expect((await restock(productId, 5)).json()).toMatchObject({ onHand: 11 });
  });
});

describe('the alerts', () => {
  test('are the products at their threshold or below, page by page', async () => {
    const low = await Promise.all([open(5), open(0), open(3)]);
    await open(6);
    const listed: string[] = [];
    let cursor: string | undefined;
    do {
      const answer = await app.inject({
        method: 'GET',
        url: '/api/inventory/alerts',
        query: { limit: '2', ...(cursor === undefined ? {} : { cursor }) },
        headers: { authorization: 'Bearer any' },
      });
      const page = answer.json() as {
        items: { productId: string; available: number }[];
        next: string | null;
      };
      for (const item of page.items) expect(item.available).toBeLessThanOrEqual(5);
      listed.push(...page.items.map(({ productId }) => productId));
      cursor = page.next ?? undefined;
    } while (cursor !== undefined);
    expect(listed).toEqual([...listed].sort());
    expect(listed).toEqual(expect.arrayContaining(low));
  });
});

describe('an account that waits for a product', () => {
  const wait = (productId: string, method: 'POST' | 'DELETE' = 'POST') =>
    app.inject({
      method,
      url: `/api/products/${productId}/back-in-stock`,
      headers: { authorization: 'Bearer any' },
    });
  const reported = async (productId: string) => {
    const { rows } = await scratch.db.query<{ value: Buffer }>(
      "SELECT value FROM outbox WHERE topic = 'BackInStock' AND key = $1",
      [productId],
    );
    return rows.map(({ value }) => JSON.parse(value.toString()) as object);
  };
  const report = () => waiting.report(scratch.db, 100);

  test('is notified once when it is available again', async () => {
    const productId = await open(0);
    const first = await wait(productId);
    expect([first.statusCode, first.json()]).toEqual([201, { productId, askedAt: expect.any(String) }]);
    expect((await wait(productId)).json()).toEqual(first.json());
    expect(await report()).toBe(0);
    await restock(productId, 3);
    const counts = await Promise.all([report(), report()]);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(1);
    expect(await reported(productId)).toMatchObject([{ productId, userId: adminId, available: 3 }]);
    expect(await report()).toBe(0);
  });

  test('is not notified of pieces that orders hold', async () => {
    const productId = await open(0);
    await wait(productId);
    await scratch.db.query('UPDATE stock SET on_hand = 2, reserved = 2 WHERE product_id = $1', [productId]);
    expect(await report()).toBe(0);
    await restock(productId, 1);
    expect(await report()).toBe(1);
    expect(await reported(productId)).toMatchObject([{ available: 1 }]);
  });

  test('is not notified when it has changed its mind', async () => {
    const productId = await open(0);
    await wait(productId);
    for (const _ of [1, 2]) expect((await wait(productId, 'DELETE')).statusCode).toBe(204);
    await restock(productId, 3);
    expect(await report()).toBe(0);
    expect(await reported(productId)).toEqual([]);
  });

  test('waits for a thousand products at most, and for each of them still', async () => {
    const [one, more] = [await open(0), await open(0)];
    const first = await wait(one);
    await scratch.db.query(
      `INSERT INTO back_in_stock (product_id, user_id, asked_at)
       SELECT gen_random_uuid(), $1, now() FROM generate_series(1, 999)`,
      [adminId],
    );
    const refused = await wait(more);
    expect([refused.statusCode, refused.json().code]).toEqual([409, 'too_many_subscriptions']);
    expect((await wait(one)).json()).toEqual(first.json());
    await wait(one, 'DELETE');
    expect((await wait(more)).statusCode).toBe(201);
    await scratch.db.query('DELETE FROM back_in_stock WHERE user_id = $1', [adminId]);
  });

  test('gets 404 for a product that has no stock record', async () => {
    expect((await wait(randomUUID())).statusCode).toBe(404);
  });
});
