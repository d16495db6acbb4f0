import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AskedApp, askedApp } from './testing/asked-app.js';

const nowMs = Date.UTC(2026, 10, 10, 12, 34, 56);
let shop: AskedApp;
let offset = 0;
const product = randomUUID();
const other = randomUUID();

const placed = (atMs: number) => {
  offset += 1;
  return {
    kafka_partition: 0,
    kafka_offset: offset,
    event_id: randomUUID(),
    occurred_at: new Date(atMs).toISOString().slice(0, 23).replace('T', ' '),
  };
};

beforeAll(async () => {
  shop = await askedApp(nowMs);
  await shop.insertProducts([{ productId: product, name: 'Lamp' }]);
});
afterAll(() => shop.drop());

describe('GET /api/analytics/stock-outs', () => {
  const line = (orderId: string, productId: string, revision: number, more: object) => ({
    ...placed(nowMs - 60_000),
    order_id: orderId,
    product_id: productId,
    revision,
    category: 'home',
    requested: 3,
    available: 1,
    unit_price_minor: 500,
    lost_minor: 1_500,
    currency: 'GBP',
    user_id: null,
    ...more,
  });

  it('adds up the last revision of each line, by product and currency', async () => {
    const orderId = randomUUID();
    const unknown = { unit_price_minor: null, lost_minor: 0, currency: null, category: null };
    await shop.clickhouse.insertRows('stock_outs', [line(orderId, product, 1, unknown)]);
    await shop.clickhouse.insertRows('stock_outs', [
      line(orderId, product, 2, {}),
      line(randomUUID(), product, 1, {}),
      line(randomUUID(), product, 1, { currency: 'JPY', lost_minor: 90, requested: 1, available: 0 }),
      line(randomUUID(), other, 1, { ...placed(nowMs - 40 * 86_400_000) }),
    ]);
    expect(await shop.items('stock-outs')).toMatchObject([
      {
        productId: product,
        name: 'Lamp',
        orders: 2,
        requested: 6,
        missing: 4,
        lostMinor: 3_000,
        currency: 'GBP',
      },
      { productId: product, orders: 1, requested: 1, missing: 1, lostMinor: 90, currency: 'JPY' },
    ]);
    const early = await shop.items('stock-outs?from=2026-09-01T00:00:00Z&to=2026-11-01T00:00:00Z&limit=1');
    expect(early).toMatchObject([{ productId: other, name: '' }]);
  });
});

describe('GET /api/analytics/fraud-signals', () => {
  it('shows each signal once, in its last revision, newest first', async () => {
    const signal = (id: string, revision: number, atMs: number, more: object = {}) => ({
      ...placed(atMs),
      signal_id: id,
      revision,
      kind: 'velocity',
      buyer: 'buyer-1',
      user_id: 'buyer-1',
      order_id: 'order-5',
      count: 4 + revision,
      amount_minor: 700,
      currency: 'GBP',
      detail: '',
      ...more,
    });
    const mismatch = { kind: 'mismatch', detail: 'GB FR', count: 2, user_id: null };
    await shop.clickhouse.insertRows('fraud_signals', [signal('s-1', 1, nowMs - 90_000)]);
    await shop.clickhouse.insertRows('fraud_signals', [
      signal('s-1', 2, nowMs - 90_000),
      signal('s-2', 1, nowMs - 30_000, mismatch),
    ]);
    expect(await shop.items('fraud-signals')).toMatchObject([
      { signalId: 's-2', kind: 'mismatch', detail: 'GB FR', userId: null },
      { signalId: 's-1', count: 6, occurredAt: new Date(nowMs - 90_000).toISOString() },
    ]);
    for (const [limit, isCut] of [
      [1, true],
      [2, false],
    ]) {
      const { text } = await shop.ask(`fraud-signals?limit=${limit}`);
      expect(JSON.parse(text)).toMatchObject({ items: { length: limit }, truncated: isCut });
    }
    expect(await shop.items('fraud-signals?kind=velocity')).toHaveLength(1);
    expect((await shop.ask('fraud-signals?kind=other')).status).toBe(400);
    expect((await shop.ask('fraud-signals', { role: 'support' })).status).toBe(403);
    const toStaff = (role: string) => shop.ask('../ops/fraud-signals?limit=1', { role });
    for (const role of ['support', 'admin'])
      expect(JSON.parse((await toStaff(role)).text).items).toMatchObject([{ signalId: 's-2' }]);
    const others = ['', 'customer', 'analyst'].map(async (role) => (await toStaff(role)).status);
    expect(await Promise.all(others)).toEqual([401, 403, 403]);
  });
});
