import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { runFilePath } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { readRunFile, shopAt } from './shop.js';

/** Who may do what, through the gateway: the whole table, so that a guard that is lost anywhere shows. */

const run = readRunFile(runFilePath());
const shop = shopAt(run.gateway);
const callers = ['anonymous', 'owner', 'stranger', 'analyst', 'support', 'admin'] as const;
type Caller = (typeof callers)[number];
let tokens: Record<Caller, string | undefined>;
let productId: string;
let orderId: string;
let paymentId: string;
let ownerId: string;

const withRoles = async (admin: string, roles: string[]): Promise<string> => {
  const email = `${randomUUID()}@example.com`;
  const password = 'correct horse battery';
  const made = await shop.call<{ user: { id: string } }>('POST', '/api/auth/register', {
    body: { email, password, name: 'Ada' },
  });
  const path = `/api/users/${made.body.user.id}/roles`;
  expect((await shop.call('PUT', path, { token: admin, body: { roles } })).status).toBe(200);
  return shop.login(email, password);
};

beforeAll(async () => {
  const admin = await shop.login(run.adminEmail, run.adminPassword);
  const owner = await shop.registerCustomer();
  ownerId = owner.userId;
  tokens = {
    anonymous: undefined,
    owner: owner.token,
    stranger: (await shop.registerCustomer()).token,
    analyst: await withRoles(admin, ['customer', 'analyst']),
    support: await withRoles(admin, ['customer', 'support']),
    admin,
  };
  productId = await shop.createProduct(admin, { initialStock: 10 });
  const placed = await shop.placeOrder({ token: owner.token, items: [{ productId, quantity: 1 }] });
  orderId = placed.body.id;
  const settled = await shop.settled(orderId, owner.token);
  paymentId = settled.payment.id ?? '';
  await eventually(async () => (await ask('owner', 'GET', `/api/payments/${paymentId}`)) === 200);
});

const ask = async (caller: Caller, method: string, path: string, body?: unknown): Promise<number> =>
  (await shop.call(method, path, { token: tokens[caller], ...(body === undefined ? {} : { body }) })).status;

/** Statuses in the order of `callers`: anonymous, owner, stranger, analyst, support, admin. */
const table: [string, string, number[], unknown?][] = [
  ['GET', '/api/orders/{orderId}', [404, 200, 404, 404, 200, 200]],
  ['GET', '/api/orders/{orderId}/status', [404, 200, 404, 404, 200, 200]],
  ['GET', '/api/orders/{orderId}/timeline', [404, 200, 404, 404, 200, 200]],
  ['GET', '/api/orders', [401, 200, 200, 200, 200, 200]],
  ['GET', '/api/orders?userId={ownerId}', [401, 200, 403, 403, 200, 200]],
  ['GET', '/api/payments/{paymentId}', [401, 200, 404, 404, 200, 200]],
  ['GET', '/api/payments?userId={ownerId}', [401, 200, 403, 403, 200, 200]],
  ['GET', '/api/users', [401, 403, 403, 403, 403, 200]],
  ['PUT', '/api/users/{ownerId}/roles', [401, 403, 403, 403, 403, 200], { roles: ['customer'] }],
  ['POST', '/api/products', [401, 403, 403, 403, 403, 400], {}],
  ['PUT', '/api/inventory/{productId}', [401, 403, 403, 403, 403, 400], {}],
  ['POST', '/api/inventory/{productId}/restock', [401, 403, 403, 403, 403, 400], {}],
  ['GET', '/api/inventory/{productId}/movements', [401, 403, 403, 403, 200, 200]],
  ['GET', '/api/analytics/revenue', [401, 403, 403, 200, 403, 200]],
  ['GET', '/api/analytics/top-products', [401, 403, 403, 200, 403, 200]],
  ['GET', '/api/ops/reconciliation', [401, 403, 403, 403, 200, 200]],
  ['GET', '/api/notifications/history', [401, 200, 200, 200, 200, 200]],
];

const filled = (path: string): string =>
  path
    .replace('{orderId}', orderId)
    .replace('{paymentId}', paymentId)
    .replace('{productId}', productId)
    .replace('{ownerId}', ownerId);

describe('who may', () => {
  it.each(table)('%s %s', async (method, path, expected, body) => {
    const found = await Promise.all(callers.map((caller) => ask(caller, method, filled(path), body)));
    expect(Object.fromEntries(callers.map((caller, at) => [caller, found[at]]))).toEqual(
      Object.fromEntries(callers.map((caller, at) => [caller, expected[at]])),
    );
  });

  it.each(['/api/orders', '/api/payments', '/api/notifications/history'])(
    'see in %s what is theirs alone',
    async (path) => {
      const idsOf = async (caller: Caller) =>
        (await shop.call<{ items: { id: string }[] }>('GET', path, { token: tokens[caller] })).body.items;
      await eventually(async () => (await idsOf('owner')).length > 0);
      expect(await idsOf('stranger')).toEqual([]);
      expect(await idsOf('analyst')).toEqual([]);
    },
  );
});

describe('a guest', () => {
  const place = (key: string, headers: Record<string, string> = {}) =>
    shop.placeOrder({
      items: [{ productId, quantity: 1 }],
      email: 'guest@example.com',
      idempotencyKey: key,
      headers,
    });
  const read = async (id: string, token: string) =>
    (await shop.call('GET', `/api/orders/${id}`, { headers: { 'x-order-token': token } })).status;

  it('keeps the order to themselves: whoever repeats the request gets no token', async () => {
    const key = randomUUID();
    const { status, body } = await place(key);
    const repeated = await place(key);
    expect(repeated.headers.get('idempotency-replayed')).toBe('true');
    const { orderToken = '', ...rest } = body;
    expect([repeated.status, repeated.body]).toEqual([status, rest]);
    expect(await read(body.id, orderToken)).toBe(200);
    expect((await place(key, { 'x-order-token': orderToken })).body).toEqual(body);
  });

  it('who chose the token gets the whole answer again, also when the first was lost', async () => {
    const [key, chosen] = [randomUUID(), `${randomUUID()}${randomUUID()}`];
    const first = await place(key, { 'x-order-token': chosen });
    expect(first.body.orderToken).toBe(chosen);
    expect((await place(key, { 'x-order-token': chosen })).body).toEqual(first.body);
    expect((await place(key, { 'x-order-token': `${randomUUID()}x` })).body).not.toHaveProperty('orderToken');
    expect(await read(first.body.id, chosen)).toBe(200);
    const short = await place(randomUUID(), { 'x-order-token': 'guessable' });
    expect([short.status, (short.body as unknown as { code: string }).code]).toEqual([400, 'invalid_header']);
  });
});
