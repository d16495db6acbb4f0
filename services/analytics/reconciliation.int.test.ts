import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Authenticator } from '#platform/http/auth';
import type { HttpApp } from '#platform/http/http-app';
import { createHttpServer } from '#platform/http/server';
import { handClock } from '#platform/testing/hand-clock';
import { type ScratchClickHouse, scratchClickHouse } from '#platform/testing/scratch-clickhouse';
import { testHost } from '#platform/testing/test-host';
import type { Role } from '#schemas/roles';
import { costLimits, rawQueries, withinCost } from './clickhouse-calls.js';
import { createReconciler, reconciliationRoutes } from './reconciliation.js';

/** Takes the bearer token for the caller's role. */
const auth: Authenticator = {
  principalOf: async (header) =>
    header === undefined
      ? { kind: 'anonymous' }
      : { kind: 'user', userId: 'user', roles: [header.replace('Bearer ', '') as Role] },
};

const clock = handClock();
/** How far the ingest is behind. */
let lagMs = 0;
const completeness = { read: async () => ({ asOfMs: clock.nowMs() - lagMs, lagMs, version: '' }) };
let scratch: ScratchClickHouse;
let app: HttpApp;
let offset = 0;

beforeAll(async () => {
  scratch = await scratchClickHouse();
  app = createHttpServer(testHost('analytics'), { port: 0, title: 'analytics', auth }).app;
  reconciliationRoutes(app, createReconciler(scratch.clickhouse, completeness), clock);
  await scratch.clickhouse.insertRows('domain_events', goodOrders());
  await scratch.clickhouse.insertRows('sales', [sale('order-good'), sale('order-good', -1)]);
});
afterAll(() => scratch.drop());

type Answer = {
  items: { oracle: string; subject: string; expected: string; found: string }[];
  next: string | null;
};
const ask = (query = '', role = 'support') =>
  app.inject({
    method: 'GET',
    url: `/api/ops/reconciliation${query}`,
    headers: { authorization: `Bearer ${role}` },
  });
const differences = async (query = '') => (await ask(query)).json() as Answer;

/** Two hours ago, so that it is quiet; an earlier or later minute of that hour. */
const timeText = (minute: number) => {
  const hour = new Date(Math.floor((clock.nowMs() - 7_200_000) / 3_600_000) * 3_600_000);
  return new Date(hour.getTime() + minute * 60_000).toISOString().replace('T', ' ').replace('Z', '');
};
const event = (type: string, key: string, payload: object, eventId = `${type} ${key} ${offset}`) => {
  const topic = /^Order/.test(type) ? 'orders' : /^(Stock|Low)/.test(type) ? 'inventory' : 'payments';
  offset += 1;
  return {
    topic,
    kafka_partition: 0,
    kafka_offset: offset,
    event_id: eventId,
    key,
    type,
    occurred_at: timeText(1),
    correlation_id: key,
    causation_id: '',
    payload: JSON.stringify(payload),
    payload_bytes: 10,
  };
};
const sale = (orderId: string, sign = 1, productId = 'lamp') => {
  offset += 1;
  return {
    kafka_partition: 0,
    kafka_offset: offset,
    event_id: `sale ${offset}`,
    order_id: orderId,
    line: 0,
    product_id: productId,
    category: 'home',
    user_id: null,
    quantity: 2 * sign,
    amount_minor: 100 * sign,
    currency: 'EUR',
    kind: sign > 0 ? 'sale' : 'refund',
    occurred_at: timeText(1),
  };
};
const line = (stockVersion: number, available: number, productId = 'lamp') => ({
  productId,
  quantity: 2,
  available,
  stockVersion,
});
const captured = (orderId: string, amountMinor = 100) => event('PaymentCaptured', orderId, { amountMinor });

const minuteMs = 60_000;
/** It has neither been paid nor given up, and was placed ten minutes ago. */
const waitingOrder = () => ({
  ...event('OrderPlaced', 'order-waiting', { version: 1 }),
  occurred_at: new Date(clock.nowMs() - 10 * minuteMs).toISOString().replace('T', ' ').replace('Z', ''),
});

/** An order that is bought and comes back whole, and some that are cancelled in time or still wait. */
const goodOrders = () => [
  event('StockAdjusted', 'lamp', { productId: 'lamp', delta: 10, available: 10, stockVersion: 1 }),
  event('OrderPlaced', 'order-good', { version: 1 }),
  event('StockReserved', 'order-good', { lines: [line(2, 8)] }),
  event('PaymentAuthorized', 'order-good', { amountMinor: 100 }),
  event('OrderConfirmed', 'order-good', { version: 2, lines: [{ productId: 'lamp', quantity: 2 }] }),
  event('StockCommitted', 'order-good', { lines: [line(3, 8)] }),
  captured('order-good'),
  event('OrderReturned', 'order-good', { version: 3 }),
  event('StockReturned', 'order-good', { lines: [line(4, 10)] }),
  // It did not arrive, and was paid once more.
  event('PaymentRefunded', 'order-good', { refundId: 'r1', amountMinor: 100 }),
  event('RefundFailed', 'order-good', { refundId: 'r1', amountMinor: 100 }),
  event('PaymentRefunded', 'order-good', { refundId: 'r1', amountMinor: 100 }),
  event('OrderPlaced', 'order-cancelled', { version: 1 }),
  event('StockReserved', 'order-cancelled', { lines: [line(5, 8)] }),
  event('OrderCancelled', 'order-cancelled', { version: 2 }),
  event('StockReleased', 'order-cancelled', { lines: [line(6, 10)] }),
  ...['PaymentVoided', 'PaymentFailed'].flatMap((ending) => [
    event('OrderPlaced', `order ${ending}`, { version: 1 }),
    event('PaymentAuthorized', `order ${ending}`, { amountMinor: 5 }),
    event('OrderCancelled', `order ${ending}`, { version: 2 }),
    event(ending, `order ${ending}`, { amountMinor: 5 }),
  ]),
  waitingOrder(),
];

describe('books', () => {
  it('that agree have no difference, also when the outbox has sent an event twice', async () => {
    const again = event('StockReserved', 'order-good', { lines: [line(2, 8)] });
    await scratch.clickhouse.insertRows('domain_events', [
      { ...again, event_id: 'StockReserved order-good 2' },
    ]);
    const { items, next } = await differences();
    expect({ items, next }).toEqual({ items: [], next: null });
  });

  it('do not take an order for stuck before it has waited longer than a payment may take', async () => {
    clock.advanceMs(11 * minuteMs);
    expect((await differences()).items.map(({ oracle, subject }) => [oracle, subject])).toEqual([
      ['O3', 'order-waiting'],
    ]);
    clock.advanceMs(-11 * minuteMs);
  });

  it('that differ show each difference with both values', async () => {
    await scratch.clickhouse.insertRows('domain_events', [
      // O1 and O5: two pieces left without a movement, so a version is missing too.
      event('StockAdjusted', 'vase', { productId: 'vase', delta: 5, available: 5, stockVersion: 1 }),
      event('StockAdjusted', 'vase', { productId: 'vase', delta: 1, available: 4, stockVersion: 3 }),
      // O1: more sold than there was, though the movements add up.
      event('StockAdjusted', 'rug', { productId: 'rug', delta: 1, available: 1, stockVersion: 1 }),
      event('StockAdjusted', 'rug', { productId: 'rug', delta: -2, available: -1, stockVersion: 2 }),
      event('StockAdjusted', 'rug', { productId: 'rug', delta: 2, available: 1, stockVersion: 3 }),
      // O2 and O4
      event('OrderPlaced', 'order-twice', { version: 1 }),
      event('OrderConfirmed', 'order-twice', { version: 2, lines: [] }),
      captured('order-twice'),
      captured('order-twice'),
      // O4: the bank has sent back what was refunded.
      event('OrderPlaced', 'order-owed', { version: 1 }),
      event('OrderConfirmed', 'order-owed', { version: 2, lines: [] }),
      captured('order-owed'),
      event('PaymentRefunded', 'order-owed', { refundId: 'r1', amountMinor: 100 }),
      event('RefundFailed', 'order-owed', { refundId: 'r1', amountMinor: 100 }),
      // O3
      event('OrderPlaced', 'order-open', { version: 1 }),
      event('OrderPlaced', 'order-holds', { version: 1 }),
      event('StockReserved', 'order-holds', { lines: [] }),
      event('OrderCancelled', 'order-holds', { version: 2 }),
      event('OrderPlaced', 'order-paid', { version: 1 }),
      event('PaymentAuthorized', 'order-paid', { amountMinor: 5 }),
      event('OrderCancelled', 'order-paid', { version: 2 }),
      // O5: an event is missing, and there is one too many.
      event('OrderPlaced', 'order-gap', { version: 1 }),
      event('OrderCancelled', 'order-gap', { version: 3 }),
      event('OrderPlaced', 'order-second', { version: 1 }),
      event('OrderCancelled', 'order-second', { version: 2 }),
      event('OrderShipped', 'order-second', { version: 2 }),
      // O6
      event('PaymentAuthorized', 'order-nobody', { amountMinor: 5 }),
      event('OrderPlaced', 'order-placed-twice', { version: 1 }),
      event('OrderPlaced', 'order-placed-twice', { version: 2 }),
      event('PaymentDeclined', 'order-placed-twice', {}),
      event('OrderCancelled', 'order-placed-twice', { version: 3 }),
    ]);
    await scratch.clickhouse.insertRows('sales', [sale('order-twice', 1, 'clock')]);
    await scratch.clickhouse.command(
      `INSERT INTO sales_rollup (size, bucket, currency, product_id, gross, net)
       SELECT 'hour', hour, currency, product_id, 7, 7 FROM sales_per_hour WHERE product_id = 'clock'`,
    );
    await scratch.clickhouse.insertRows('ingest_lost_ranges', [
      { topic: 'sales', partition: 3, from_offset: 5, to_offset: 9 },
    ]);
    const { items } = await differences('?limit=100');
    const found = items.map(({ oracle, subject, expected, found }) => [oracle, subject, expected, found]);
    const hour = timeText(0).slice(0, 19);
    expect(found).toEqual([
      ['O1', 'rug', '0', '-1'],
      ['O1', 'vase', '6', '4'],
      ['O2', 'order-twice', '1', '2'],
      ['O3', 'order-holds', 'given back', 'held'],
      ['O3', 'order-open', 'confirmed or cancelled', expect.stringContaining('open since')],
      ['O3', 'order-paid', 'given back', 'held'],
      ['O4', 'order-owed', '0', '100'],
      ['O4', 'order-twice', '100', '200'],
      ['O5', 'order order-gap', '3', '2'],
      ['O5', 'order order-second', '2', '3'],
      ['O5', 'product vase', '3', '2'],
      ['O6', 'order-nobody', '1', '0'],
      ['O6', 'order-placed-twice', '1', '2'],
      ['O7', `${hour} clock`, '100', '107'],
      ['O7', `${hour} clock`, '0', '2'],
      ['O7', 'lost sales 3 5', '0', '4'],
    ]);
  });

  it('are read page by page, or of one oracle', async () => {
    const all = (await differences('?limit=100')).items;
    const pages: Answer['items'] = [];
    for (let next: string | null | undefined; next !== null; ) {
      const answer = await differences(`?limit=2${next === undefined ? '' : `&cursor=${next}`}`);
      pages.push(...answer.items);
      next = answer.next;
    }
    expect(pages).toEqual(all);
    expect((await differences('?oracle=O3')).items).toEqual(all.filter(({ oracle }) => oracle === 'O3'));
  });

  it('do not count what has only just happened', async () => {
    clock.advanceMs(-7_200_000);
    expect((await differences('?oracle=O4')).items).toEqual([]);
    clock.advanceMs(7_200_000);
  });

  it('do not count what may only be missing because the ingest is behind', async () => {
    const bothOf = async () =>
      (await Promise.all(['O3', 'O4'].map((oracle) => differences(`?oracle=${oracle}`)))).map(
        ({ items }) => items.length,
      );
    lagMs = 7_200_000;
    expect(await bothOf()).toEqual([0, 0]);
    lagMs = 0;
    expect(await bothOf()).toEqual([3, 2]);
  });

  it('take money as moved that a provider has still to move, for as long as that may take', async () => {
    const bought = (key: string) => [
      event('OrderPlaced', key, { version: 1 }),
      event('OrderConfirmed', key, { version: 2, totalMinor: 100, lines: [] }),
    ];
    const sentBack = (key: string) =>
      event('OrderReturned', key, { version: 3, returnId: `return of ${key}`, refundMinor: 40 });
    await scratch.clickhouse.insertRows('domain_events', [
      ...bought('order-untaken'),
      ...[...bought('order-back'), captured('order-back'), sentBack('order-back')],
      ...[...bought('order-undone'), captured('order-undone')],
      event('OrderCancelled', 'order-undone', { version: 3 }),
      // Staff gave 80 back at the same time, so the return is paid the other 20.
      ...[...bought('order-goodwill'), captured('order-goodwill'), sentBack('order-goodwill')],
      event('PaymentRefunded', 'order-goodwill', { refundId: 'goodwill', amountMinor: 80 }),
      // Too little was taken, whatever else is under way.
      ...[...bought('order-short'), captured('order-short', 90), sentBack('order-short')],
    ]);
    const part = (orderId: string, amount_minor: number) => ({ ...sale(orderId, -1), amount_minor });
    await scratch.clickhouse.insertRows('sales', [
      sale('order-untaken'),
      ...[sale('order-back'), part('order-back', -40)],
      ...[sale('order-undone'), sale('order-undone', -1)],
      ...[sale('order-goodwill'), part('order-goodwill', -40), part('order-goodwill', -60)],
      ...[sale('order-short'), part('order-short', -40)],
    ]);
    const subjects = async () => (await differences('?oracle=O4')).items.map(({ subject }) => subject);
    const wrong = ['order-owed', 'order-short', 'order-twice'];
    expect(await subjects()).toEqual(wrong);
    const dayMs = 86_400_000;
    clock.advanceMs(dayMs);
    expect(await subjects()).toEqual([...wrong, 'order-untaken']);
    clock.advanceMs(13 * dayMs);
    const late = ['order-back', 'order-goodwill', 'order-undone', 'order-untaken'];
    expect(await subjects()).toEqual([...wrong, ...late].sort());
    clock.advanceMs(-14 * dayMs);
  });
});

it('answers staff alone', async () => {
  const statuses = await Promise.all(
    ['customer', 'analyst', 'support', 'admin'].map(async (role) => (await ask('', role)).statusCode),
  );
  expect(statuses).toEqual([403, 403, 200, 200]);
});

it('says that a comparison would cost too much', async () => {
  const { app: bounded } = createHttpServer(testHost('analytics'), { port: 0, title: 'analytics', auth });
  const limited = withinCost(scratch.clickhouse, rawQueries, { ...costLimits, rowsReadMax: 1 });
  reconciliationRoutes(bounded, createReconciler(limited, completeness), clock);
  const answer = await bounded.inject({
    method: 'GET',
    url: '/api/ops/reconciliation',
    headers: { authorization: 'Bearer support' },
  });
  expect([answer.statusCode, answer.json().code]).toEqual([422, 'question_too_costly']);
});
