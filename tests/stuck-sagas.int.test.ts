import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Authenticator } from '#platform/http/auth';
import type { HttpApp } from '#platform/http/http-app';
import { createHttpServer } from '#platform/http/server';
import { testHost } from '#platform/testing/test-host';
import { uncached } from '#platform/testing/uncached';
import { createOrderMetrics } from '../services/order/order-metrics.js';
import { findOrders } from '../services/order/order-view.js';
import { createOrderViews } from '../services/order/order-view-store.js';
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

type Saga = {
  orderId: string;
  status: string;
  sentence: string;
  waitsFor: string[];
  ageMs: number;
  quietMs: number;
};

beforeAll(async () => {
  shop = await createChoreography();
  const host = testHost('order-test', { clock: shop.clock, logLevel: 'fatal' });
  app = createHttpServer(host, { port: 0, title: 'order', auth }).app;
  const db = shop.db('order');
  const views = createOrderViews(host, db, uncached);
  const metrics = createOrderMetrics(host.metrics);
  const { clock, logger } = host;
  sagaRoutes(app, { db, orders: shop.orders, views, metrics, clock, logger, stuckAfterMs });
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
      sentence:
        'Placed 60 s ago, last changed 60 s ago: the payment service has not answered whether the money is guaranteed.',
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

const act = async (orderId: string, action: 'retry' | 'compensate', who = 'staff') => {
  const answer = await app.inject({
    method: 'POST',
    url: `/api/ops/sagas/${orderId}/${action}`,
    headers: { authorization: `Bearer ${who}` },
  });
  return { status: answer.statusCode, body: answer.json() as Saga & { code?: string } };
};
const statusOf = async (orderId: string) =>
  (await findOrders(shop.db('order'), [orderId])).get(orderId)?.status;

it('is asked for again by staff, without waiting for the next try', async () => {
  const orderId = await place('tok_flaky');
  await shop.settle();
  // It fails twice.
  for (const status of ['reserved', 'confirmed']) {
    expect(await act(orderId, 'retry')).toMatchObject({ status: 202, body: { orderId } });
    await shop.settle();
    expect(await statusOf(orderId)).toBe(status);
  }
  expect(await act(orderId, 'retry')).toMatchObject({ status: 409, body: { code: 'saga_finished' } });
});

it('gets from the other services what their records lack, and nothing twice', async () => {
  const orderId = await place('tok_ok');
  await shop.settle();
  const stock = () => shop.stock.find(shop.db('inventory'), lamp);
  const before = await stock();
  // As if the events of both had never arrived.
  await shop
    .db('order')
    .query("UPDATE orders SET stock_status = 'held', payment_status = 'authorized' WHERE order_id = $1", [
      orderId,
    ]);
  expect((await act(orderId, 'retry')).body.waitsFor).toEqual(['payment_capture', 'stock_commit']);
  await shop.settle();
  expect(await stock()).toMatchObject({ onHand: before?.onHand, reserved: before?.reserved });
  expect(await shop.payments.find(shop.db('payment'), { orderId })).toMatchObject({ status: 'captured' });
});

it('is cancelled by staff, and everything of it is given back', async () => {
  const before = await shop.stock.find(shop.db('inventory'), lamp);
  const orderId = await place('tok_flaky');
  await shop.settle();
  expect(await act(orderId, 'compensate')).toMatchObject({
    status: 202,
    body: { status: 'cancelled', reason: 'payment_unavailable' },
  });
  await shop.settle();
  expect((await act(orderId, 'compensate')).status).toBe(202);
  await shop.settle();
  const after = await shop.stock.find(shop.db('inventory'), lamp);
  expect(after).toMatchObject({ onHand: before?.onHand, reserved: before?.reserved });
  expect((await ask('?limit=100')).body.items.map((saga) => saga.orderId)).not.toContain(orderId);
});

it('of an order that nobody placed is not found, and is for staff alone', async () => {
  for (const action of ['retry', 'compensate'] as const) {
    expect((await act(randomUUID(), action)).status).toBe(404);
    expect((await act(randomUUID(), action, 'buyer')).status).toBe(403);
  }
});
