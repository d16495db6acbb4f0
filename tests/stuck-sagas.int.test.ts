import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Authenticator } from '#platform/http/auth';
import { createHttpServer, type HttpApp } from '#platform/http/server';
import { testHost } from '#platform/testing/test-host';
import { sagaRoutes } from '../services/order/saga-routes.js';
import { type Choreography, createChoreography, newProduct, placeOrder } from './choreography.js';

/** What staff see of orders that wait, and for what. */

const stuckAfterMs = 60_000;
const auth: Authenticator = {
  principalOf: async (header) => ({
    kind: 'user',
    userId: randomUUID(),
    roles: header === 'Bearer staff' ? ['support'] : ['customer'],
  }),
};
let shop: Choreography;
let app: HttpApp;
let lamp: string;

type Saga = { orderId: string; status: string; waitsFor: string[]; ageMs: number; quietMs: number };

beforeAll(async () => {
  shop = await createChoreography();
  app = createHttpServer(testHost('order-test', { clock: shop.clock }), {
    port: 0,
    title: 'order',
    auth,
  }).app;
  sagaRoutes(app, { db: shop.db('order'), clock: shop.clock, stuckAfterMs });
  lamp = await newProduct(shop, 1999, 100);
  await shop.settle();
});
afterAll(() => shop?.drop());

const ask = async (query: string, who = 'staff') => {
  const answer = await app.inject({
    method: 'GET',
    url: `/api/ops/sagas${query}`,
    headers: { authorization: `Bearer ${who}` },
  });
  return { status: answer.statusCode, body: answer.json() as { items: Saga[]; next: string | null } };
};
const place = (token: string) =>
  placeOrder(shop, { token, items: [{ productId: lamp, quantity: 1, unitPriceMinor: 1999 }] });

it('is for staff, and takes no parameter that it does not know', async () => {
  expect((await ask('', 'buyer')).status).toBe(403);
  expect((await ask('?stuk=true')).status).toBe(400);
});

it('shows an order from its placing until everything that follows from it has happened', async () => {
  const orderId = await place('tok_ok');
  expect((await ask('')).body.items).toMatchObject([
    { orderId, status: 'pending', waitsFor: ['stock_reservation'], ageMs: 0 },
  ]);
  const seen = new Set<string>();
  await shop.settle({
    beforeProvider: async () => {
      for (const { waitsFor } of (await ask('')).body.items) for (const wait of waitsFor) seen.add(wait);
    },
  });
  expect([...seen].sort()).toEqual([
    'payment_authorization',
    'payment_capture',
    'stock_commit',
    'stock_reservation',
  ]);
  expect((await ask('')).body.items).toEqual([]);
});

it('counts as stuck what nothing has happened to for longer than its time, with its age', async () => {
  const orderId = await place('tok_flaky');
  await shop.settle();
  shop.clock.advanceMs(stuckAfterMs - 1);
  expect((await ask('?stuck=true')).body.items).toEqual([]);
  shop.clock.advanceMs(1);
  expect((await ask('?stuck=true')).body.items).toMatchObject([
    {
      orderId,
      status: 'reserved',
      waitsFor: ['payment_authorization'],
      ageMs: stuckAfterMs,
      quietMs: stuckAfterMs,
    },
  ]);
});

it('gives them out page by page, the oldest first', async () => {
  await place('tok_flaky');
  const first = (await ask('?limit=1')).body;
  const second = (await ask(`?limit=1&cursor=${first.next}`)).body;
  expect(second.next).toBeNull();
  expect([...first.items, ...second.items].map(({ orderId }) => orderId)).toEqual(
    (await ask('')).body.items.map(({ orderId }) => orderId),
  );
  expect(first.items[0]?.ageMs).toBeGreaterThan(second.items[0]?.ageMs ?? 0);
});
