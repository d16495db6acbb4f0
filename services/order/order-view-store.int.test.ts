import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { newId } from '#platform/ids';
import type { Database } from '#platform/postgres/pool';
import { createRedis } from '#platform/redis/client';
import { createReadAside } from '#platform/redis/read-aside';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { type ScratchDatabase, scratchDatabase } from '#platform/testing/scratch-database';
import { testHost } from '#platform/testing/test-host';
import { uncached } from '#platform/testing/uncached';
import type { OrderStanding } from './order-view.js';
import { createOrderViews, type OrderViews } from './order-view-store.js';

let scratch: ScratchDatabase;
let views: OrderViews;
let queries = 0;

beforeAll(async () => {
  scratch = await scratchDatabase(['services/order/migrations']);
});
afterAll(() => scratch.drop());

beforeEach(async () => {
  const counted: Database = {
    ...scratch.db,
    query: (...asked) => {
      queries += 1;
      return scratch.db.query(...asked);
    },
  };
  views = createOrderViews(testHost('order-test'), counted, uncached);
  await views.start();
  await listening();
});
afterEach(() => views.stop());

/** The server's processes that listen for this test's database. */
const listeners = async (): Promise<number[]> =>
  (
    await scratch.db.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity
       WHERE datname = current_database() AND query LIKE 'LISTEN%' AND state = 'idle' AND $1`,
      [true],
    )
  ).rows.map(({ pid }) => pid);
const listening = () => eventually(async () => (await listeners()).length === 1);

const place = async (orderId = randomUUID() as string): Promise<string> => {
  await scratch.db.query(
    `INSERT INTO orders (order_id, user_id, status, version, lines, total_minor, currency, shipping_address,
       payment_method, correlation_id, deadline_at, created_at, updated_at)
     VALUES ($1, $1, 'pending', 1, '[]', 1, 'EUR', '{}', 'card', '', now(), now(), now())`,
    [orderId],
  );
  return orderId;
};
const change = (orderId: string, status: string) =>
  scratch.db.query('UPDATE orders SET status = $2 WHERE order_id = $1', [orderId, status]);

it('finds an order in memory until another connection changes it', async () => {
  const orderId = await place();
  expect((await views.find(orderId))?.status).toBe('pending');
  queries = 0;
  for (let n = 0; n < 10; n += 1) await views.find(orderId);
  expect(queries).toBe(0);
  await change(orderId, 'reserved');
  await eventually(async () => (await views.find(orderId))?.status === 'reserved', { timeoutMs: 500 });
});

it('asks once for orders that are asked for together', async () => {
  const orderIds = await Promise.all(Array.from({ length: 20 }, place));
  queries = 0;
  const found = await Promise.all([...orderIds, ...orderIds, randomUUID()].map(views.find));
  expect(queries).toBe(1);
  expect(found.map((order) => order?.orderId)).toEqual([...orderIds, ...orderIds, undefined]);
});

it('finds an order that did not exist a moment ago', async () => {
  const orderId = randomUUID();
  expect(await views.find(orderId)).toBeUndefined();
  await scratch.db.query('UPDATE orders SET order_id = $1 WHERE order_id = $2', [orderId, await place()]);
  expect((await views.find(orderId))?.orderId).toBe(orderId);
});

it('wakes who waits for an order when that order changes, and at the latest after the time given', async () => {
  const [orderId, other] = [await place(), await place()];
  let woken = false;
  const waiting = views.changed(orderId, 10_000).then(() => {
    woken = true;
  });
  await views.changed(other, 20);
  expect(woken).toBe(false);
  await change(orderId, 'confirmed');
  await waiting;
});

it('lets one caller take only so many of the places, so that others wait all the same', async () => {
  const orderIds = await Promise.all(Array.from({ length: 5 }, () => place()));
  const last = orderIds[4] ?? '';
  const ending = new AbortController();
  const wait = (orderId: string, callerId?: string) =>
    views.changed(orderId, 10_000, ending.signal, callerId);
  const taken = orderIds
    .slice(0, 4)
    .flatMap((orderId) => Array.from({ length: 50 }, () => wait(orderId, 'ada')));
  expect(await wait(last, 'ada')).toBe(false);
  const others = [wait(last, 'bob'), wait(last)];
  ending.abort();
  expect(new Set(await Promise.all([...taken, ...others]))).toEqual(new Set([true]));
});

it('keeps no copy while nothing reports changes', async () => {
  const orderId = await place();
  await views.find(orderId);
  const [pid] = await listeners();
  await scratch.db.query('SELECT pg_terminate_backend($1)', [pid]);
  await eventually(async () => (await listeners()).length === 0);
  await change(orderId, 'cancelled');
  await eventually(async () => (await views.find(orderId))?.status === 'cancelled', { timeoutMs: 1_500 });
  await listening();
  await change(orderId, 'pending');
  await eventually(async () => (await views.find(orderId))?.status === 'pending', { timeoutMs: 500 });
});

it('shows the status of an order that is not new from Redis, until it changes', async () => {
  const host = testHost('order-test');
  const redis = createRedis(host, engines().redisUrl);
  const cache = createReadAside<OrderStanding>(host, redis, {
    name: 'order-status',
    ageMsMax: 30_000,
    isOn: true,
  });
  await redis.start();
  await cache.start();
  const cached = createOrderViews(host, scratch.db, cache);
  await cached.start();
  await eventually(async () => (await listeners()).length === 2);
  const hourAgoMs = Date.now() - 3_600_000;
  const orderId = await place(newId({ nowMs: () => hourAgoMs, monotonicMs: () => 0 }));
  const fresh = await place(newId());
  const isStored = (id: string) => redis.client.exists(`cache:order-status:${id}`);
  await eventually(async () => {
    expect((await cached.standing(orderId))?.status).toBe('pending');
    cached.forget(fresh);
    expect((await cached.standing(fresh))?.status).toBe('pending');
    return (await isStored(orderId)) === 1;
  });
  expect(await isStored(fresh)).toBe(0);
  expect(await redis.client.pttl(`cache:order-status:${orderId}`)).toBeLessThanOrEqual(30_000);
  await change(orderId, 'confirmed');
  await eventually(async () => (await cached.standing(orderId))?.status === 'confirmed');
  await cached.stop();
  await cache.stop();
  await redis.stop();
});
