import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { runFilePath } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { readRunFile, shopAt } from './shop.js';

type Money = { amountMinor: number; currency: string };
type Problem = { code: string; errors?: { path: string }[] };

const run = readRunFile(runFilePath());
const shop = shopAt(run.gateway);
let admin: string;
let buyer: string;

beforeAll(async () => {
  admin = await shop.login(run.adminEmail, run.adminPassword);
  buyer = (await shop.registerCustomer()).token;
});

const createProduct = <T>(price: Money) =>
  shop.call<T>('POST', '/api/products', {
    token: admin,
    body: { name: 'Lantern', category: 'home/lighting', price, initialStock: 10 },
  });

describe('a price', () => {
  it.each(['ZZZ', 'XXX', 'XAU', 'gbp', 'ANG'])('in %s is refused by its path', async (currency) => {
    const refused = await createProduct<Problem>({ amountMinor: 500, currency });
    expect(refused.status).toBe(400);
    expect(refused.body.errors?.map(({ path }) => path)).toEqual(['/price/currency']);
  });

  it.each([
    ['JPY', 500],
    ['KWD', 1_250],
  ])('in %s keeps its minor units from the shelf to the payment', async (currency, amountMinor) => {
    const made = await createProduct<{ id: string; price: Money }>({ amountMinor, currency });
    expect([made.status, made.body.price]).toEqual([201, { amountMinor, currency }]);
    const { id: productId } = made.body;
    await eventually(async () => (await shop.stockOf(productId)).available === 10);
    const placed = await shop.placeOrder({ token: buyer, items: [{ productId, quantity: 3 }] });
    const order = await shop.settled(placed.body.id, buyer);
    expect([order.status, order.total]).toEqual(['confirmed', { amountMinor: 3 * amountMinor, currency }]);
    const payment = await eventually(async () => {
      const { body } = await shop.call<{ status: string; amount: Money }>(
        'GET',
        `/api/payments/${order.payment.id}`,
        { token: buyer },
      );
      return body.status === 'captured' && body;
    });
    expect(payment).toMatchObject({ amount: { amountMinor: 3 * amountMinor, currency } });
  });
});

describe('an address', () => {
  it.each(['ZZ', 'XX', 'gb', 'AA'])('in the country %s is refused by its path', async (country) => {
    const refused = await shop.call<Problem>('POST', '/api/orders', {
      token: buyer,
      headers: { 'idempotency-key': randomUUID() },
      body: {
        items: [{ productId: randomUUID(), quantity: 1 }],
        shippingAddress: { name: 'Ada', line1: '1 Engine Row', city: 'London', postalCode: 'N1', country },
        payment: { method: 'card', token: 'tok_ok' },
      },
    });
    expect(refused.status).toBe(400);
    expect(refused.body.errors?.map(({ path }) => path)).toEqual(['/shippingAddress/country']);
  });
});
