import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Authenticator } from '#platform/http/auth';
import { idempotencyMigrations } from '#platform/http/idempotency';
import { createHttpServer, type HttpApp } from '#platform/http/server';
import { inTransaction } from '#platform/postgres/transaction';
import { type ScratchDatabase, scratchDatabase } from '#platform/testing/scratch-database';
import { testHost } from '#platform/testing/test-host';
import { inventoryRoutes } from './routes.js';
import { piecesMax } from './stock.js';
import { createStockStore, type StockStore } from './stock-store.js';

const host = testHost('inventory-test');
const auth: Authenticator = {
  principalOf: async () => ({ kind: 'user', userId: 'admin-1', roles: ['admin'] }),
};
let scratch: ScratchDatabase;
let stock: StockStore;
let app: HttpApp;

beforeAll(async () => {
  scratch = await scratchDatabase([
    'platform/outbox/migrations',
    idempotencyMigrations,
    'services/inventory/migrations',
  ]);
  stock = createStockStore({
    clock: host.clock,
    events: {
      event: (type, key, value) => ({
        topic: type,
        key,
        value: Buffer.from(JSON.stringify(value)),
        headers: {},
      }),
    },
  });
  app = createHttpServer(host, { port: 0, title: 'inventory', auth }).app;
  inventoryRoutes(app, scratch.db, stock);
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
