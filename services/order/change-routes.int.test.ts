import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Authenticator } from '#platform/http/auth';
import type { HttpApp } from '#platform/http/http-app';
import { createHttpServer } from '#platform/http/server';
import { newId } from '#platform/ids';
import { headerNames } from '#platform/messaging/record-headers';
import { type ScratchDatabase, scratchDatabase } from '#platform/testing/scratch-database';
import { testHost } from '#platform/testing/test-host';
import { uncached } from '#platform/testing/uncached';
import { changeRoutes } from './change-routes.js';
import { createOrderMetrics } from './order-metrics.js';
import { createOrderStore } from './order-store.js';
import { createOrderViews, type OrderViews } from './order-view-store.js';
import { sagaRoutes } from './saga-routes.js';

const host = testHost('order-test');
const staffId = randomUUID();
const auth: Authenticator = {
  principalOf: async () => ({ kind: 'user', userId: staffId, roles: ['support'] }),
};
let scratch: ScratchDatabase;
let views: OrderViews;

beforeAll(async () => {
  scratch = await scratchDatabase(
    ['outbox', 'http'].map((part) => `platform/${part}/migrations`).concat('services/order/migrations'),
  );
  views = createOrderViews(host, scratch.db, uncached);
  await views.start();
});
afterAll(async () => {
  await views.stop();
  await scratch.drop();
});

/** What stands between staff's request and the order, for one test, and by how much its clock is ahead. */
let seen: { find?: () => Promise<void>; waiting?: () => void; aheadMs?: number };
beforeEach(() => {
  seen = {};
});

const appWith = (captureWaitMs: number): HttpApp => {
  const { app } = createHttpServer(host, { port: 0, title: 'order', auth });
  const orders = createOrderStore({
    clock: host.clock,
    events: {
      event: (topic, key) => {
        const headers = { [headerNames.eventId]: newId() };
        return { topic, key, value: Buffer.from('{}'), headers };
      },
    },
  });
  const metrics = createOrderMetrics(testHost('order-test').metrics);
  sagaRoutes(app, { ...host, db: scratch.db, orders, views, metrics, stuckAfterMs: 60_000 });
  changeRoutes(app, {
    ...host,
    clock: { ...host.clock, nowMs: () => host.clock.nowMs() + (seen.aheadMs ?? 0) },
    db: scratch.db,
    orders,
    metrics,
    captureWaitMs,
    views: {
      ...views,
      find: async (orderId) => {
        const found = await views.find(orderId);
        await seen.find?.();
        return found;
      },
      changed: (...asked) => {
        seen.waiting?.();
        return views.changed(...asked);
      },
    },
  });
  return app;
};

const address = { name: 'Ada', line1: '1 Row', city: 'Bonn', postalCode: '53111', country: 'DE' };
const place = async (status: string, paymentStatus: string): Promise<string> => {
  const orderId = newId();
  const line = {
    productId: newId(),
    name: 'Lantern',
    category: 'home',
    quantity: 2,
    unitPriceMinor: 700,
    returned: 0,
  };
  await scratch.db.query(
    `INSERT INTO orders (order_id, user_id, status, version, lines, total_minor, currency, shipping_address,
       payment_method, payment_id, payment_status, correlation_id, hold_expires_at, deadline_at, created_at, updated_at)
     VALUES ($1, $1, $2, 2, $4, 1400, 'EUR', $5, 'card', $1, $3, '', now() + interval '1 hour',
       now() + interval '1 hour', now(), now())`,
    [orderId, status, paymentStatus, JSON.stringify([line]), JSON.stringify(address)],
  );
  return orderId;
};
const set = (orderId: string, status: string, paymentStatus: string) =>
  scratch.db.query('UPDATE orders SET status = $2, payment_status = $3 WHERE order_id = $1', [
    orderId,
    status,
    paymentStatus,
  ]);
const statusOf = async (orderId: string) => {
  const { rows } = await scratch.db.query('SELECT status FROM orders WHERE order_id = $1', [orderId]);
  return rows[0]?.status;
};
const fulfil = async (orderId: string, payload: object, captureWaitMs = 20) => {
  const answer = await appWith(captureWaitMs).inject({
    method: 'POST',
    url: `/api/orders/${orderId}/fulfilment`,
    headers: { authorization: 'Bearer staff' },
    payload,
  });
  return { status: answer.statusCode, body: answer.json() as { status: unknown; code?: string } };
};
const ship = (orderId: string, captureWaitMs: number) =>
  fulfil(orderId, { status: 'shipped', carrier: 'DHL' }, captureWaitMs);

test('goods do not leave before their money is captured', async () => {
  const orderId = await place('confirmed', 'authorized');
  expect(await ship(orderId, 20)).toMatchObject({ status: 409, body: { code: 'payment_not_captured' } });
  expect(await statusOf(orderId)).toBe('confirmed');
});

test('staff who ship an order a little early wait for its money', async () => {
  const orderId = await place('confirmed', 'authorized');
  const waiting = new Promise<void>((resolve) => {
    seen.waiting = resolve;
  });
  const shipping = ship(orderId, 10_000);
  await Promise.race([waiting, shipping]);
  seen.aheadMs = 2_000;
  const capturedAtMs = Date.now() + seen.aheadMs;
  await set(orderId, 'confirmed', 'captured');
  expect(await shipping).toMatchObject({ status: 200, body: { status: 'shipped' } });
  // Dated behind the money that the request waited for.
  const { rows } = await scratch.db.query<{ occurred_at: Date }>(
    "SELECT occurred_at FROM order_events WHERE order_id = $1 AND type = 'OrderShipped'",
    [orderId],
  );
  expect(rows[0]?.occurred_at.getTime()).toBeGreaterThanOrEqual(capturedAtMs);
});

test('goods of an order that is confirmed while it is shipped do not leave unpaid either', async () => {
  const orderId = await place('reserved', 'pending');
  seen.find = async () => {
    await set(orderId, 'confirmed', 'authorized');
  };
  expect(await ship(orderId, 20)).toMatchObject({ status: 409, body: { code: 'payment_not_captured' } });
  expect(await statusOf(orderId)).toBe('confirmed');
});

test('a repeat that leaves out carrier and number keeps both and announces nothing', async () => {
  const orderId = await place('confirmed', 'captured');
  const shipment = { carrier: 'DHL', trackingNumber: '42' };
  const first = await fulfil(orderId, { status: 'shipped', ...shipment });
  expect(first).toMatchObject({ status: 200, body: { status: 'shipped', shipment } });
  expect(await fulfil(orderId, { status: 'shipped' })).toEqual(first);
  const delivered = await fulfil(orderId, { status: 'delivered', carrier: 'UPS' });
  expect(delivered).toMatchObject({ status: 200, body: { status: 'delivered', shipment } });
  const { rows } = await scratch.db.query(
    "SELECT FROM order_events WHERE order_id = $1 AND type = 'OrderShipped'",
    [orderId],
  );
  expect(rows).toHaveLength(1);
});

const post = async (path: string, headers: Record<string, string>) => {
  const answer = await appWith(20).inject({
    method: 'POST',
    url: path,
    headers: { authorization: 'Bearer staff', ...headers },
  });
  const { statusCode: status, body, headers: answered } = answer;
  return { status, body, code: answer.json().code, isReplay: answered['idempotency-replayed'] === 'true' };
};

test.each([
  ['a buyer’s wish', (orderId: string) => `/api/orders/${orderId}/cancel`, 200],
  ['a compensation', (orderId: string) => `/api/ops/sagas/${orderId}/compensate`, 202],
])('%s that is repeated with its key is answered as the first time', async (_, pathOf, status) => {
  const [orderId, other] = [await place('confirmed', 'captured'), await place('confirmed', 'captured')];
  const keyed = { 'idempotency-key': randomUUID() };
  const first = await post(pathOf(orderId), keyed);
  expect([first.status, first.isReplay, await statusOf(orderId)]).toEqual([status, false, 'cancelled']);
  // What has become of it since.
  await set(orderId, 'cancelled', 'refunded');
  views.forget(orderId);
  expect(await post(pathOf(orderId), keyed)).toEqual({ ...first, isReplay: true });
  const now = await post(pathOf(orderId), {});
  expect([now.status, now.isReplay]).toEqual([status, false]);
  expect(now.body).toContain('"refunded"');
  expect(await post(pathOf(other), keyed)).toMatchObject({ status: 422, code: 'idempotency_key_reused' });
  expect(await statusOf(other)).toBe('confirmed');
});
