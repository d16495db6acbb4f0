import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { runFilePath } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { documented } from './openapi.js';
import { readRunFile, shopAt } from './shop.js';

/** The access rules of every operation, tested through the gateway, so that a missing guard is noticed. */

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

const ask = async (caller: Caller, method: string, path: string, body?: unknown): Promise<number> => {
  const token = tokens[caller];
  const answer = await fetch(`${run.gateway}${path}`, {
    method,
    headers: {
      'idempotency-key': randomUUID(),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  await answer.arrayBuffer();
  return answer.status;
};

type Row = {
  /** Anonymous, owner, stranger, analyst, support, admin: in the order of `callers`. */
  statuses: readonly number[];
  query?: string;
  /** An empty body is answered with 400 if the caller may send one, so no request changes anything. */
  body?: object;
};

const all = (status: number) => callers.map(() => status);
const empty = {};
const everybodyReads: Row = { statuses: all(200) };
const everybodyWrites: Row = { statuses: all(400), body: empty };
const loggedInReads: Row = { statuses: [401, 200, 200, 200, 200, 200] };
const ownerReads: Row = { statuses: [401, 200, 404, 404, 200, 200] };
const bearerReads: Row = { statuses: [404, 200, 404, 404, 200, 200] };
const ownListRead: Row = { statuses: [401, 200, 403, 403, 200, 200], query: '?userId={ownerId}' };
const adminReads: Row = { statuses: [401, 403, 403, 403, 403, 200] };
const adminWrites: Row = { statuses: [401, 403, 403, 403, 403, 400], body: empty };
const staffReads: Row = { statuses: [401, 403, 403, 403, 200, 200] };
const analystReads: Row = { statuses: [401, 403, 403, 200, 403, 200] };

/** Every operation of the OpenAPI document: one without a row here fails the test. */
const table: Record<string, readonly Row[]> = {
  'GET /health/live': [everybodyReads],
  'GET /health/ready': [everybodyReads],
  'GET /health': [everybodyReads],
  'GET /metrics': [everybodyReads],
  'GET /.well-known/jwks.json': [everybodyReads],
  'POST /api/events': [everybodyWrites],
  'POST /api/auth/register': [everybodyWrites],
  'POST /api/auth/login': [everybodyWrites],
  'POST /api/auth/refresh': [everybodyWrites],
  'POST /api/auth/logout': [everybodyWrites],
  'GET /api/users/me': [loggedInReads],
  'PATCH /api/users/me': [{ statuses: [401, 400, 400, 400, 400, 400], body: empty }],
  'GET /api/users': [adminReads],
  'PUT /api/users/{id}/roles': [{ ...adminReads, body: { roles: ['customer'] } }],
  'GET /api/products': [everybodyReads],
  'POST /api/products': [adminWrites],
  'GET /api/products/{productId}': [everybodyReads],
  'GET /api/inventory': [everybodyReads],
  'GET /api/inventory/{productId}': [everybodyReads],
  'PUT /api/inventory/{productId}': [adminWrites],
  'POST /api/inventory/{productId}/restock': [adminWrites],
  'GET /api/inventory/{productId}/movements': [staffReads],
  'POST /api/orders': [everybodyWrites],
  'GET /api/orders': [loggedInReads, ownListRead],
  'GET /api/orders/{id}': [bearerReads],
  'GET /api/orders/{id}/status': [bearerReads],
  'GET /api/orders/{id}/timeline': [bearerReads],
  'GET /api/orders/{id}/stream': [bearerReads],
  'POST /api/orders/{id}/returns': [{ statuses: [404, 400, 404, 404, 400, 400], body: empty }],
  'GET /api/payments': [loggedInReads, ownListRead],
  'GET /api/payments/{id}': [ownerReads],
  'GET /api/analytics/revenue': [analystReads],
  'GET /api/analytics/top-products': [analystReads],
  'GET /api/analytics/overview': [analystReads],
  'GET /api/analytics/funnel': [analystReads],
  'GET /api/analytics/retention': [analystReads],
  'GET /api/analytics/rfm': [analystReads],
  'GET /api/analytics/basket': [{ ...analystReads, query: '?productId={productId}' }],
  'GET /api/analytics/searches': [analystReads],
  'GET /api/analytics/attribution': [analystReads],
  'GET /api/analytics/stock-outs': [analystReads],
  'GET /api/analytics/fraud-signals': [analystReads],
  'GET /api/analytics/live': [{ ...analystReads, query: '?seconds=1' }],
  'GET /api/analytics/model': [analystReads],
  'POST /api/analytics/query': [{ statuses: [401, 403, 403, 400, 403, 400], body: empty }],
  'GET /api/ops/consumers': [staffReads],
  'GET /api/ops/reconciliation': [staffReads],
  'GET /api/ops/sagas': [staffReads],
  'GET /api/notifications/history': [loggedInReads],
  'GET /api/recommendations': [{ ...everybodyReads, query: '?scenario=home' }],
};

/** The things of the owner, whatever a path calls their ids. */
const filled = (path: string): string => {
  const idOf = { orders: orderId, payments: paymentId, users: ownerId }[path.split('/')[2] ?? ''] ?? '';
  return path.replace('{id}', idOf).replace('{productId}', productId).replace('{ownerId}', ownerId);
};

describe('who may', () => {
  it('is said of every operation of the document', async () => {
    const { operations } = await documented(run.gateway);
    expect(Object.keys(table).sort()).toEqual(
      operations.map(({ method, path }) => `${method} ${path}`).sort(),
    );
  });

  const rows = Object.entries(table).flatMap(([operation, kept]) =>
    kept.map((row) => [`${operation}${row.query ?? ''}`, row] as const),
  );
  it.each(rows)('%s', async (operation, { statuses, body }) => {
    const [method = '', path = ''] = operation.split(' ');
    const found = await Promise.all(callers.map((caller) => ask(caller, method, filled(path), body)));
    expect(Object.fromEntries(callers.map((caller, at) => [caller, found[at]]))).toEqual(
      Object.fromEntries(callers.map((caller, at) => [caller, statuses[at]])),
    );
  });

  it.each([
    ['application/json', '{'],
    ['text/xml', '<items/>'],
  ])('return an order is decided before a body of %s is read', async (type, body) => {
    const statuses = (['anonymous', 'owner', 'stranger'] as const).map(async (caller) => {
      const answer = await fetch(`${run.gateway}/api/orders/${orderId}/returns`, {
        method: 'POST',
        headers: {
          'idempotency-key': randomUUID(),
          'content-type': type,
          ...(tokens[caller] === undefined ? {} : { authorization: `Bearer ${tokens[caller]}` }),
        },
        body,
      });
      await answer.arrayBuffer();
      return answer.status;
    });
    expect(await Promise.all(statuses)).toEqual([404, type === 'application/json' ? 400 : 415, 404]);
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
