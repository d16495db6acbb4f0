import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { runFilePath } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { currencies } from '#schemas/currency';
import { readRunFile, shopAt } from './shop.js';

type Revenue = {
  items: { currency: string; orders: number; units: number; gross: number; refunds: number; net: number }[];
};
type TopProducts = { items: { productId: string; units: number; net: number; currency: string }[] };

const run = readRunFile(runFilePath());
const shop = shopAt(run.gateway);
let admin: string;
let buyer: { token: string; userId: string };
/** One without a sale so far: amounts of different currencies are never added up, so the figures are this test's alone. */
let currency: string;

const newProduct = async (amountMinor: number): Promise<string> => {
  const made = await shop.call<{ id: string }>('POST', '/api/products', {
    token: admin,
    body: { name: 'Lantern', category: 'home', price: { amountMinor, currency }, initialStock: 100 },
  });
  await eventually(async () => (await shop.stockOf(made.body.id)).available === 100);
  return made.body.id;
};

beforeAll(async () => {
  admin = await shop.login(run.adminEmail, run.adminPassword);
  buyer = await shop.registerCustomer();
  const { body } = await shop.call<Revenue>('GET', '/api/analytics/revenue?granularity=day', {
    token: admin,
  });
  const sold = new Set(['GBP', ...body.items.map((row) => row.currency)]);
  currency = currencies.find((code) => !sold.has(code)) as string;
});

describe('figures of sales', () => {
  it('are what was sold less what came back, by order, product and bucket, to the minor unit', async () => {
    const [lamp, wick] = [await newProduct(199_900), await newProduct(35_000)];
    const order = async (items: { productId: string; quantity: number }[]) => {
      const placed = await shop.placeOrder({ token: buyer.token, items });
      await shop.settled(placed.body.id, buyer.token);
      return placed.body.id;
    };
    const first = await order([
      { productId: lamp, quantity: 30 },
      { productId: wick, quantity: 20 },
    ]);
    await order([{ productId: wick, quantity: 50 }]);
    const returned = await shop.call('POST', `/api/orders/${first}/returns`, {
      token: buyer.token,
      headers: { 'idempotency-key': randomUUID() },
      body: { items: [{ productId: lamp, quantity: 10 }], reason: 'too bright' },
    });
    expect(returned.status).toBe(202);

    const gross = 30 * 199_900 + 70 * 35_000;
    const refunds = 10 * 199_900;
    const expected = { orders: 2, units: 90, gross, refunds, net: gross - refunds };
    const sum = (items: Revenue['items']) =>
      items
        .filter((row) => row.currency === currency)
        .reduce(
          (total, row) => ({
            orders: total.orders + row.orders,
            units: total.units + row.units,
            gross: total.gross + row.gross,
            refunds: total.refunds + row.refunds,
            net: total.net + row.net,
          }),
          { orders: 0, units: 0, gross: 0, refunds: 0, net: 0 },
        );
    for (const granularity of ['minute', 'hour', 'day'])
      for (const counted of ['return_day', 'sale_day'])
        await eventually(async () => {
          const path = `/api/analytics/revenue?granularity=${granularity}&refunds=${counted}`;
          const { body } = await shop.call<Revenue>('GET', path, { token: admin });
          expect(sum(body.items), `${granularity} ${counted}`).toEqual(expected);
        });

    const query = {
      measures: ['orders', 'units', 'gross', 'refunds', 'net'],
      filters: [{ dimension: 'currency', values: [currency] }],
    };
    const asked = await shop.call<Revenue>('POST', '/api/analytics/query', { token: admin, body: query });
    expect(asked.body.items).toEqual([{ currency, ...expected }]);
    const overview = await shop.call<Revenue>('GET', '/api/analytics/overview', { token: admin });
    expect(overview.body.items).toContainEqual({
      currency,
      ...expected,
      averageOrder: Math.round(gross / 2),
      buyers: 1,
      newBuyers: 1,
    });
    const basket = await shop.call<{ items: object[] }>('GET', `/api/analytics/basket?productId=${lamp}`, {
      token: admin,
    });
    expect(basket.body.items).toMatchObject([{ productId: wick, name: 'Lantern', orders: 1, confidence: 1 }]);

    // A week of minutes, a year of hours, and longer than that of days.
    for (const days of [1, 300, 3_000]) {
      const from = new Date(Date.now() - days * 86_400_000).toISOString();
      for (const [by, order] of [
        ['revenue', [lamp, wick]],
        ['units', [wick, lamp]],
      ] as const) {
        const path = `/api/analytics/top-products?from=${from}&by=${by}&limit=100`;
        const { status, body } = await shop.call<TopProducts>('GET', path, { token: admin });
        expect(status).toBe(200);
        const own = body.items.filter((row) => row.currency === currency);
        expect(own.map(({ productId }) => productId)).toEqual(order);
        expect(own.find(({ productId }) => productId === lamp)).toMatchObject({
          units: 20,
          net: 20 * 199_900,
        });
        expect(own.find(({ productId }) => productId === wick)).toMatchObject({
          units: 70,
          net: 70 * 35_000,
        });
      }
    }
  });

  it('have what met no stock as soon as `asOf` says so', async () => {
    const lamp = await newProduct(500);
    for (const _ of [1, 2]) {
      const { body } = await shop.placeOrder({
        items: [{ productId: lamp, quantity: 60 }],
        token: buyer.token,
      });
      await shop.settled(body.id, buyer.token);
    }
    const happenedAtMs = Date.now();
    const from = new Date(happenedAtMs - 60_000).toISOString();
    type StockOuts = { asOf: string; items: { productId: string; orders: number; lostMinor: number }[] };
    const complete = await eventually(async () => {
      const { body } = await shop.call<StockOuts>('GET', `/api/analytics/stock-outs?from=${from}&limit=100`, {
        token: admin,
      });
      expect(Date.parse(body.asOf)).toBeGreaterThan(happenedAtMs);
      return body;
    });
    expect(complete.items.find(({ productId }) => productId === lamp)).toMatchObject({
      orders: 1,
      lostMinor: 60 * 500,
    });
  });
});
