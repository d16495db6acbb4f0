import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { assert } from '#platform/assert';
import { newId } from '#platform/ids';
import { createDatabase, type Database } from '#platform/postgres/pool';
import { inTransaction } from '#platform/postgres/transaction';
import { projectPath } from '#platform/project';
import { createLogger } from '#platform/telemetry/logger';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { type HandClock, handClock } from '#platform/testing/hand-clock';
import { testHost } from '#platform/testing/test-host';
import type { EventMap } from '#schemas/events';
import { createOrderMetrics } from './order-metrics.js';
import { createOrderStore, type OrderStore } from './order-store.js';
import { findOrders } from './order-view.js';
import { sagaReactions } from './reactions.js';
import { createSweeper } from './sweeper.js';
import { timelineOf } from './timeline.js';
import { findSaga } from './unsettled.js';

const paymentWaitMs = 900_000;
const productId = randomUUID();
let db: Database;
let clock: HandClock;
let orders: OrderStore;
let host: ReturnType<typeof testHost>;

beforeAll(async () => {
  const url = new URL(engines().databaseUrl);
  url.pathname = `/test_order_${randomUUID().replaceAll('-', '')}`;
  db = createDatabase(testHost('order-test'), {
    url: url.toString(),
    poolMax: 10,
    migrations: ['platform/outbox/migrations', 'services/order/migrations'].map(projectPath),
  });
  await db.start();
});

afterAll(async () => {
  const name = new URL(db.pool.options.connectionString as string).pathname.slice(1);
  await db.stop();
  const admin = createDatabase(testHost('order-test'), { url: engines().databaseUrl });
  await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  await admin.stop();
});

beforeEach(() => {
  clock = handClock();
  host = testHost('order-test', { clock });
  orders = createOrderStore({
    clock,
    events: {
      event: (type, key, value, { occurredAt, eventId }) => ({
        topic: type,
        key,
        value: Buffer.from(JSON.stringify(value)),
        headers: { 'event-id': eventId ?? newId(clock), 'occurred-at': String(occurredAt) },
      }),
    },
  });
});

const find = async (orderId: string) => (await findOrders(db, [orderId])).get(orderId);
const place = async (): Promise<string> => {
  const orderId = newId(clock);
  const line = { productId, name: 'Lantern', category: 'home', quantity: 2, unitPriceMinor: 700 };
  await inTransaction(db, (tx) =>
    orders.open(
      tx,
      {
        type: 'PlaceOrder',
        paymentWaitMs,
        draft: {
          orderId,
          userId: randomUUID(),
          visitId: null,
          cartId: null,
          cartProof: null,
          lines: [line],
          currency: 'EUR',
          paymentMethod: 'card',
          shippingCountry: 'DE',
          occurredAt: clock.nowMs(),
        },
      },
      {
        email: null,
        guestTokenHash: null,
        paymentToken: 'tok_secret',
        shippingAddress: { name: 'Ada', line1: '1 Row', city: 'Bonn', postalCode: '53111', country: 'DE' },
      },
    ),
  );
  return orderId;
};

/** Delivers an event of another service, as the reactor would. */
const deliver = async <
  T extends
    | 'StockReserved'
    | 'StockRejected'
    | 'StockCommitted'
    | 'StockReleased'
    | 'PaymentAuthorized'
    | 'PaymentCaptured'
    | 'PaymentDeclined'
    | 'PaymentVoided'
    | 'PaymentRefunded'
    | 'RefundFailed',
>(
  type: T,
  orderId: string,
  rest: Omit<EventMap[T], 'orderId' | 'occurredAt'>,
  eventId: string = randomUUID(),
): Promise<void> => {
  const metrics = createOrderMetrics(host.metrics);
  const reaction = sagaReactions({ orders, clock, logger: host.logger, metrics })[type];
  const occurredAt = clock.nowMs();
  await inTransaction(
    db,
    (tx) =>
      reaction?.(tx, {
        type,
        value: { ...rest, orderId, occurredAt } as never,
        key: orderId,
        eventId,
        correlationId: orderId,
        causationId: undefined,
        traceparent: undefined,
        occurredAt,
        topic: type.startsWith('Stock') ? 'inventory' : 'payments',
        partition: 0,
        offset: 0n,
      }) ?? Promise.resolve(),
  );
};
const reserved = (orderId: string, holdMs = 1_200_000) =>
  deliver('StockReserved', orderId, { lines: [], expiresAt: clock.nowMs() + holdMs });
const authorized = (orderId: string, eventId?: string) =>
  deliver(
    'PaymentAuthorized',
    orderId,
    { paymentId: randomUUID(), amountMinor: 1400, currency: 'EUR', method: 'card' },
    eventId,
  );

const published = async (orderId: string): Promise<{ type: string; value: Record<string, unknown> }[]> => {
  const { rows } = await db.query<{ topic: string; value: Buffer }>(
    'SELECT topic, value FROM outbox WHERE key = $1 ORDER BY seq',
    [orderId],
  );
  return rows.map(({ topic, value }) => ({ type: topic, value: JSON.parse(value.toString()) }));
};
const typesPublished = async (orderId: string) => (await published(orderId)).map(({ type }) => type);
const statusOf = async (orderId: string) => {
  const order = await find(orderId);
  return order?.reason ? `${order.status} ${order.reason}` : order?.status;
};

describe('an order', () => {
  test('publishes its confirmation and its sales in one transaction', async () => {
    const orderId = await place();
    await reserved(orderId);
    await authorized(orderId);
    expect(await typesPublished(orderId)).toEqual([
      'OrderPlaced',
      'PaymentInstructed',
      'OrderConfirmed',
      'Sale',
    ]);
    expect((await published(orderId)).at(-1)?.value).toMatchObject({
      product_id: productId,
      quantity: 2,
      amount_minor: 1400,
      kind: 'sale',
    });
  });

  test('hears of stock and money at the same moment and is confirmed once', async () => {
    const orderId = await place();
    await Promise.all([reserved(orderId), authorized(orderId)]);
    expect(await statusOf(orderId)).toBe('confirmed');
    expect(await typesPublished(orderId)).toEqual([
      'OrderPlaced',
      'PaymentInstructed',
      'OrderConfirmed',
      'Sale',
    ]);
  });

  test('is confirmed once by an event that comes twice, and tells of it once', async () => {
    const orderId = await place();
    const eventId = randomUUID();
    await reserved(orderId);
    await authorized(orderId, eventId);
    await authorized(orderId, eventId);
    expect(await typesPublished(orderId)).toEqual([
      'OrderPlaced',
      'PaymentInstructed',
      'OrderConfirmed',
      'Sale',
    ]);
    const timeline = await timelineOf(db, orderId);
    expect(timeline.map(({ type }) => type)).toEqual([
      'OrderPlaced',
      'StockReserved',
      'PaymentAuthorized',
      'OrderConfirmed',
    ]);
  });

  test('shows its saga without the payment token', async () => {
    const orderId = await place();
    const [entry] = await timelineOf(db, orderId);
    expect(entry).toMatchObject({ type: 'OrderPlaced', service: 'order', data: { totalMinor: 1400 } });
    expect(JSON.stringify(entry)).not.toContain('tok_secret');
  });

  test('shows of another service’s event only what it knows to be fit for a buyer', async () => {
    const orderId = await place();
    await reserved(orderId);
    await deliver('PaymentAuthorized', orderId, {
      paymentId: randomUUID(),
      amountMinor: 1400,
      currency: 'EUR',
      method: 'card',
      providerSecret: 'added next year',
    } as never);
    const entries = await timelineOf(db, orderId);
    expect(entries.find(({ type }) => type === 'PaymentAuthorized')?.data).toMatchObject({
      amountMinor: 1400,
    });
    expect(JSON.stringify(entries)).not.toContain('providerSecret');
  });

  test('that was declined shows which payment it was, and why', async () => {
    const orderId = await place();
    const paymentId = randomUUID();
    await reserved(orderId);
    await deliver('PaymentDeclined', orderId, {
      paymentId,
      amountMinor: 1400,
      currency: 'EUR',
      method: 'card',
      reason: 'declined',
      retryUntil: null,
    });
    expect(await find(orderId)).toMatchObject({
      status: 'cancelled',
      reason: 'payment_declined',
      paymentId,
      paymentStatus: 'declined',
    });
  });
});

describe('the money of an order returned', () => {
  test('shows as refunded when all of it is back, however soon all the goods are, and not when it comes back to us', async () => {
    const orderId = await place();
    await reserved(orderId);
    await authorized(orderId);
    const returnOne = () =>
      inTransaction(db, (tx) =>
        orders.update(tx, orderId, {
          type: 'ReturnItems',
          returnId: newId(clock),
          items: [{ productId, quantity: 1 }],
          reason: 'too bright',
          nowMs: clock.nowMs(),
        }),
      );
    const refund = async () => {
      const made = {
        paymentId: randomUUID(),
        refundId: randomUUID(),
        amountMinor: 700,
        currency: 'EUR',
        method: 'card',
      };
      await deliver('PaymentRefunded', orderId, made);
      return made;
    };
    await returnOne();
    await returnOne();
    await refund();
    expect(await find(orderId)).toMatchObject({
      status: 'returned',
      paymentStatus: 'partially_refunded',
    });
    const last = await refund();
    expect(await find(orderId)).toMatchObject({ status: 'returned', paymentStatus: 'refunded' });

    const waitsFor = async () => (await findSaga(db, orderId))?.waitsFor;
    const before = await waitsFor();
    await deliver('RefundFailed', orderId, { ...last, reason: 'lost_or_stolen_card' });
    expect(await find(orderId)).toMatchObject({ status: 'returned', paymentStatus: 'partially_refunded' });
    expect(await waitsFor()).toContain('refund');
    await deliver('PaymentRefunded', orderId, last);
    expect(await find(orderId)).toMatchObject({ paymentStatus: 'refunded' });
    expect(await waitsFor()).toEqual(before);
  });
});

describe('an event that staff replay behind its successors', () => {
  const charged = { paymentId: randomUUID(), amountMinor: 1400, currency: 'EUR', method: 'card' };
  const cancel = (orderId: string) =>
    inTransaction(db, (tx) =>
      orders.update(tx, orderId, { type: 'CancelOrder', reason: 'customer', nowMs: clock.nowMs() }),
    );
  const waitsFor = async (orderId: string) => (await findSaga(db, orderId))?.waitsFor;

  test('takes back nothing of what a cancelled order shows, so that it waits for nobody', async () => {
    const orderId = await place();
    await cancel(orderId);
    await deliver('StockReleased', orderId, { lines: [], reason: 'customer' });
    await deliver('PaymentVoided', orderId, { ...charged, reason: 'customer' });
    await reserved(orderId);
    await deliver('PaymentAuthorized', orderId, charged);
    expect(await waitsFor(orderId)).toEqual([]);
    await deliver('StockCommitted', orderId, { lines: [] });
    expect(await waitsFor(orderId)).toEqual([]);
    expect(await find(orderId)).toMatchObject({ status: 'cancelled', paymentStatus: 'voided' });
  });

  test('shows no payment as whole that was given back', async () => {
    const orderId = await place();
    await reserved(orderId);
    await deliver('PaymentAuthorized', orderId, charged);
    await deliver('PaymentRefunded', orderId, { ...charged, refundId: randomUUID() });
    await deliver('PaymentCaptured', orderId, charged);
    expect(await find(orderId)).toMatchObject({ paymentStatus: 'refunded' });
  });
});

describe('the sweeper', () => {
  const sweeper = () =>
    createSweeper(host, {
      db,
      orders,
      metrics: createOrderMetrics(host.metrics),
      everyMs: 1000,
      stuckAfterMs: 60_000,
    });

  test('gives up an order whose payment was not answered in time, and only then', async () => {
    const [late, confirmed] = [await place(), await place()];
    await reserved(late);
    await reserved(confirmed);
    await authorized(confirmed);
    clock.advanceMs(paymentWaitMs - 1);
    expect(await sweeper().sweep()).toBe(0);
    clock.advanceMs(1);
    await Promise.all([sweeper().sweep(), sweeper().sweep()]);
    expect(await statusOf(late)).toBe('cancelled payment_unavailable');
    expect(await statusOf(confirmed)).toBe('confirmed');
    expect(await typesPublished(late)).toEqual(['OrderPlaced', 'PaymentInstructed', 'OrderCancelled']);
  });

  test('gives up an order that inventory never answered, and one whose hold has expired', async () => {
    const [unanswered, expired] = [await place(), await place()];
    await reserved(expired, 1000);
    clock.advanceMs(1000);
    await sweeper().sweep();
    expect(await statusOf(expired)).toBe('cancelled timed_out');
    clock.advanceMs(paymentWaitMs);
    await sweeper().sweep();
    expect(await statusOf(unanswered)).toBe('cancelled timed_out');
  });

  test('gives up all others when one order cannot be given up', async () => {
    const placed = await Promise.all(Array.from({ length: 3 }, place));
    const stuck = placed[0];
    clock.advanceMs(paymentWaitMs);
    const orDatabaseSaysNo: OrderStore = {
      ...orders,
      update: (tx, orderId, command) => {
        if (orderId === stuck) throw new Error('value out of range');
        return orders.update(tx, orderId, command);
      },
    };
    const deps = {
      db,
      orders: orDatabaseSaysNo,
      metrics: createOrderMetrics(host.metrics),
      everyMs: 1000,
      stuckAfterMs: 60_000,
    };
    const quiet = { ...host, logger: createLogger('order-test', { level: 'silent' }) };
    await createSweeper(quiet, deps).sweep();
    expect(await Promise.all(placed.map(statusOf))).toEqual([
      'pending',
      'cancelled timed_out',
      'cancelled timed_out',
    ]);
  });

  test('that meets a broken invariant is fatal to the process', async () => {
    await place();
    clock.advanceMs(paymentWaitMs);
    const fatal: unknown[] = [];
    const broken: OrderStore = { ...orders, update: async () => assert(false, 'of this test') as never };
    const deps = {
      db,
      orders: broken,
      metrics: createOrderMetrics(host.metrics),
      everyMs: 20,
      stuckAfterMs: 60_000,
    };
    const running = createSweeper({ ...host, onFatal: (error) => void fatal.push(error) }, deps);
    await running.start();
    await eventually(() => expect(fatal[0]).toMatchObject({ name: 'AssertionError' }));
    await running.stop();
  });

  test('and a late authorisation never both have their way', async () => {
    const contested = await Promise.all(Array.from({ length: 10 }, place));
    for (const orderId of contested) await reserved(orderId);
    clock.advanceMs(paymentWaitMs);
    await Promise.all([sweeper().sweep(), ...contested.map((orderId) => authorized(orderId))]);
    await sweeper().sweep();
    for (const orderId of contested) {
      const ends = (await typesPublished(orderId)).filter((type) => /Confirmed|Cancelled/.test(type));
      expect(ends).toHaveLength(1);
    }
  });
});
