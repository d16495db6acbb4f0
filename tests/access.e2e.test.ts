import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { runFilePath } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { sleep } from '#platform/waiting/sleep';
import { scopes } from '#schemas/scopes';
import { type Caller, callers, type Row, table } from './access-table.js';
import { documented } from './openapi.js';
import { awaited, promised } from './promised-operations.js';
import { readRunFile, shopAt } from './shop.js';

/** The access rules of every operation, tested through the gateway, so that a missing guard is noticed. */

const run = readRunFile(runFilePath());
const shop = shopAt(run.gateway);
type Owner = 'customer' | 'other';
let tokens: Record<Caller, string | undefined>;
let userIds: Record<Owner, string>;
let productId: string;
let orderId: string;

const password = 'correct horse battery';
const emails: Record<Owner, string> = {
  customer: `${randomUUID()}@example.com`,
  other: `${randomUUID()}@example.com`,
};

const register = async (email: string) =>
  (
    await shop.call<{ accessToken: string; user: { id: string } }>('POST', '/api/auth/register', {
      body: { email, password, name: 'Ada' },
    })
  ).body;

const withRoles = async (admin: string, roles: string[]): Promise<string> => {
  const email = `${randomUUID()}@example.com`;
  const { user } = await register(email);
  const path = `/api/users/${user.id}/roles`;
  expect((await shop.call('PUT', path, { token: admin, body: { roles } })).status).toBe(200);
  return shop.login(email, password);
};

beforeAll(async () => {
  const admin = await shop.login(run.adminEmail, run.adminPassword);
  const [customer, other] = await Promise.all([register(emails.customer), register(emails.other)]);
  userIds = { customer: customer.user.id, other: other.user.id };
  tokens = {
    anonymous: undefined,
    customer: customer.accessToken,
    other: other.accessToken,
    support: await withRoles(admin, ['customer', 'support']),
    analyst: await withRoles(admin, ['customer', 'analyst']),
    admin,
  };
  productId = await shop.createProduct(admin, { initialStock: 100 });
  orderId = await orderOf.of('customer');
});

const triesMax = 5;

const ask = async (caller: Caller, method: string, path: string, body?: unknown): Promise<number> => {
  const token = tokens[caller];
  const headers = {
    'idempotency-key': randomUUID(),
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  };
  for (let tries = 1; ; tries += 1) {
    const answer = await fetch(`${run.gateway}${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    await answer.arrayBuffer();
    const retryAfterSeconds = Number(answer.headers.get('retry-after') ?? 'NaN');
    // What a busy machine has not read yet says nothing about who may ask.
    if (answer.status !== 503 || Number.isNaN(retryAfterSeconds) || tries === triesMax) return answer.status;
    await sleep(retryAfterSeconds * 1_000);
  }
};

/** What a parameter of a path stands for. */
type Thing = {
  /** The id of a thing of this owner, a new one at each call. */
  of(owner: Owner): Promise<string>;
  /** True for what belongs to the shop: it is the same for both owners. */
  isShared?: true;
  /** An id of the right form that no thing has; a random UUID if unset. */
  missing?: string;
};

const orderOf: Thing = {
  of: async (owner) => {
    const token = tokens[owner] ?? '';
    const placed = await shop.placeOrder({ token, items: [{ productId, quantity: 1 }] });
    await shop.settled(placed.body.id, token);
    return placed.body.id;
  },
};
const productOf: Thing = { of: async () => productId, isShared: true };

/** The id of what the owner posts. */
const added = async (owner: Owner, path: string, body: object): Promise<string> => {
  const answer = await shop.call<{ id: string }>('POST', path, { token: tokens[owner], body });
  expect(answer.status).toBe(201);
  return answer.body.id;
};

const createKey = async (scopes: string[]): Promise<{ id: string; key: string }> => {
  const body = { name: 'a test', scopes };
  const answer = await shop.call<{ id: string; key: string }>('POST', '/api/api-keys', {
    token: tokens.admin,
    body,
  });
  expect(answer.status).toBe(201);
  return answer.body;
};

/** By the path up to its first parameter. */
const things: Record<string, Thing> = {
  '/api/users/': { of: async (owner) => userIds[owner] },
  '/api/auth/sessions/': {
    of: async (owner) => {
      const [, claims = ''] = (await shop.login(emails[owner], password)).split('.');
      return (JSON.parse(Buffer.from(claims, 'base64url').toString()) as { sid: string }).sid;
    },
  },
  '/api/users/me/addresses/': {
    of: (owner) =>
      added(owner, '/api/users/me/addresses', {
        name: 'Ada',
        line1: '1 Engine Row',
        city: 'London',
        postalCode: 'N1',
        country: 'GB',
      }),
  },
  '/api/users/me/devices/': {
    of: (owner) =>
      added(owner, '/api/users/me/devices', {
        endpoint: `https://push.example.org/${randomUUID()}`,
        keys: { p256dh: 'B'.repeat(87), auth: 'a'.repeat(22) },
      }),
  },
  '/api/api-keys/': {
    of: async () => (await createKey(['products:read'])).id,
    isShared: true,
  },
  '/api/products/': productOf,
  // Every request is refused for its empty body, before the review is looked for.
  '/api/reviews/': { of: async () => randomUUID(), isShared: true },
  '/api/categories/': {
    of: async () => (await shop.call<{ items: [{ id: string }] }>('GET', '/api/categories')).body.items[0].id,
    isShared: true,
  },
  '/api/inventory/': productOf,
  '/api/cart/items/': productOf,
  '/api/orders/': orderOf,
  '/api/ops/sagas/': {
    of: async (owner) => {
      const id = await orderOf.of(owner);
      await eventually(async () => (await ask('support', 'POST', `/api/ops/sagas/${id}/retry`)) === 409);
      return id;
    },
  },
  // A topic, whose name is no letter's id.
  '/api/ops/dead-letters/': { of: async () => 'orders', isShared: true },
  // Every request is refused for its empty body.
  '/api/recommendations/models/': { of: async () => 'lasting', isShared: true },
  '/api/recommendations/experiments/': {
    of: async () => {
      const id = 'of-the-access-test';
      const arms = ['one', 'other'].map((name) => ({ name, model: 'live', percent: 0 }));
      const experiment = {
        id,
        scenarios: ['home'],
        unit: 'visit',
        metric: 'ordered',
        isRunning: false,
        arms,
      };
      const path = '/api/config/recommendations.experiments';
      const known = await shop.call('GET', path, { token: tokens.admin });
      const headers = { 'if-match': known.headers.get('etag') ?? '' };
      const body = { value: [experiment] };
      expect((await shop.call('PUT', path, { token: tokens.admin, headers, body })).status).toBe(200);
      await eventually(
        async () => (await ask('admin', 'GET', `/api/recommendations/experiments/${id}`)) === 200,
      );
      return id;
    },
    isShared: true,
  },
  '/api/config/': { of: async () => 'limits.general', isShared: true, missing: 'limits.nothing' },
  '/api/payments/': {
    of: async (owner) => {
      const { payment } = await shop.orderOf(await kept('/api/orders/', owner), tokens[owner] ?? '');
      const id = payment.id ?? '';
      await eventually(async () => (await ask(owner, 'GET', `/api/payments/${id}`)) === 200);
      return id;
    },
  },
};

const keptThings = new Map<string, Promise<string>>();
/** The same thing at each call, for requests that change nothing. */
const kept = (place: string, owner: Owner): Promise<string> => {
  const known = keptThings.get(place + owner) ?? (things[place] as Thing).of(owner);
  keptThings.set(place + owner, known);
  return known;
};

/** The path up to its first parameter; undefined for a path without one. */
const placeIn = (path: string): string | undefined =>
  path.includes('{') ? path.slice(0, path.indexOf('{')) : undefined;

const objects = ['customer', 'other', 'missing'] as const;
type Case = { operation: string; row: Row; of: (typeof objects)[number] };

/** Every row with each of the objects that it can be asked about. */
const cases = Object.entries(table).flatMap(([operation, rows]) =>
  rows.flatMap((row): Case[] => {
    const place = placeIn(operation.split(' ')[1] ?? '');
    const asked = objects.filter(
      (of) => of === 'customer' || (place !== undefined && !(of === 'other' && things[place]?.isShared)),
    );
    return asked.map((of) => ({ operation, row, of }));
  }),
);

const expected = ({ statuses, missing }: Row, of: Case['of']): readonly number[] => {
  if (of === 'missing') return missing ?? [];
  const [anonymous, owner, stranger, ...others] = statuses;
  return of === 'customer' ? statuses : [anonymous, stranger, owner, ...others];
};

const statusOf = async ({ operation, row, of }: Case, caller: Caller): Promise<number> => {
  const [method = '', path = ''] = operation.split(' ');
  const place = placeIn(path);
  const idOf = async (at: string): Promise<string> => {
    if (of === 'missing') return things[at]?.missing ?? randomUUID();
    return row.changes ? (things[at] as Thing).of(of) : kept(at, of);
  };
  const id = place === undefined ? '' : await idOf(place);
  const filled = (path + (row.query ?? ''))
    .replace('{customerId}', userIds.customer)
    .replace('?productId={productId}', `?productId=${productId}`)
    .replace(/\{\w+\}/, id);
  return ask(caller, method, filled, row.body);
};

describe('who may', () => {
  it('is said of every operation of the document', async () => {
    const { operations } = await documented(run.gateway);
    expect(Object.keys(table).sort()).toEqual(
      operations.map(({ method, path }) => `${method} ${path}`).sort(),
    );
  });

  it('is asked of every operation that was promised', async () => {
    const { operations } = await documented(run.gateway);
    const there = new Set(
      operations.map(({ method, path }) => `${method} ${path.replaceAll(/\{\w+\}/g, '{}')}`),
    );
    expect(promised.filter((operation) => !there.has(operation))).toEqual(
      promised.filter((operation) => awaited.includes(operation)),
    );
  });

  it('is said of every kind of object', () => {
    const unsaid = Object.entries(table).filter(([operation, rows]) => {
      const place = placeIn(operation);
      return place !== undefined && rows.some(({ missing }) => missing === undefined);
    });
    expect(unsaid.map(([operation]) => operation)).toEqual([]);
    const places = Object.keys(table).map((operation) => placeIn(operation.split(' ')[1] ?? ''));
    expect(places.filter((place) => place !== undefined && !(place in things))).toEqual([]);
  });

  it.each(cases.map((one) => [`${one.operation}${one.row.query ?? ''}`, one.of, one] as const))(
    '%s of %s',
    async (_operation, of, one) => {
      const found = await Promise.all(callers.map((caller) => statusOf(one, caller)));
      expect(Object.fromEntries(callers.map((caller, at) => [caller, found[at]]))).toEqual(
        Object.fromEntries(callers.map((caller, at) => [caller, expected(one.row, of)[at]])),
      );
    },
  );

  it.each([
    ['application/json', '{'],
    ['text/xml', '<items/>'],
  ])('return an order is decided before a body of %s is read', async (type, body) => {
    const statuses = (['anonymous', 'customer', 'other'] as const).map(async (caller) => {
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
      await eventually(async () => (await idsOf('customer')).length > 0);
      const own = (await idsOf('customer')).map(({ id }) => id);
      expect((await idsOf('other')).filter(({ id }) => own.includes(id))).toEqual([]);
      expect((await idsOf('analyst')).filter(({ id }) => own.includes(id))).toEqual([]);
    },
  );
});

it('the export of an account has what all services store of it, and nothing of others', async () => {
  type Export = {
    orders: { id: string }[];
    payments: { id: string }[];
    cart: { productId: string }[];
    reviews: { productId: string }[];
  };
  const [token, body] = [tokens.customer, { quantity: 1 }];
  await shop.call('PUT', `/api/cart/items/${productId}`, { token, body });
  const review = { rating: 5, title: 'Good', text: 'It is.' };
  await shop.call('POST', `/api/products/${productId}/reviews`, { token, body: review });
  const orders = { own: await kept('/api/orders/', 'customer'), others: await kept('/api/orders/', 'other') };
  const payment = await kept('/api/payments/', 'customer');
  const { body: whole } = await shop.call<Export>('GET', '/api/users/me/export', { token });
  expect(whole.orders.map(({ id }) => id)).toContain(orders.own);
  expect(whole.payments.map(({ id }) => id)).toContain(payment);
  expect(whole.cart.map((item) => item.productId)).toEqual([productId]);
  expect(whole.reviews.map((one) => one.productId)).toEqual([productId]);
  expect(JSON.stringify(whole)).not.toContain(orders.others);
});

describe('a program with an API key', () => {
  const call = (method: string, path: string, headers: Record<string, string>, body?: object) =>
    shop.call<{ code: string }>(method, path, { headers, body });

  it('may do nothing outside of its scopes', async () => {
    const { key } = await createKey(['live:read']);
    const { operations } = await documented(run.gateway);
    // Whoever may call an operation without any token is not asked for one, so no key is looked at.
    const guarded = operations.filter(
      ({ statuses, scope, path }) =>
        statuses.includes(403) && scope !== 'live:read' && !path.startsWith('/api/live'),
    );
    const answers = await Promise.all(
      guarded.map(async ({ method, path }) => {
        const address = path.replaceAll(/\{\w+\}/g, randomUUID());
        const { status, body } = await call(method, address, {
          'x-api-key': key,
          'idempotency-key': randomUUID(),
        });
        return [`${method} ${path}`, status, body.code];
      }),
    );
    expect(answers).toEqual(
      guarded.map(({ method, path }) => [`${method} ${path}`, 403, 'insufficient_scope']),
    );
    const named = operations.flatMap(({ scope }) => scope ?? []);
    expect(named.filter((scope) => !(scopes as readonly string[]).includes(scope))).toEqual([]);
  });

  it('may do what an admin may within its scopes, until the key is revoked', async () => {
    const { id, key } = await createKey(['inventory:read', 'products:write']);
    const headers = { 'x-api-key': key };
    const movements = `/api/inventory/${productId}/movements`;
    expect((await call('GET', movements, headers)).status).toBe(200);
    expect((await call('GET', movements, { authorization: `Bearer ${key}` })).status).toBe(200);
    expect((await call('POST', '/api/products', headers, {})).body.code).toBe('invalid_body');
    expect((await call('PUT', `/api/inventory/${productId}`, headers, {})).body.code).toBe(
      'insufficient_scope',
    );
    expect((await call('GET', '/api/products', headers)).body.code).toBe('insufficient_scope');
    const both = { ...headers, authorization: `Bearer ${tokens.admin}` };
    expect((await call('GET', movements, both)).body.code).toBe('invalid_token');
    expect((await call('GET', movements, { 'x-api-key': `${key}x` })).body.code).toBe('invalid_token');
    const listed = await shop.call<{ items: { id: string; hint: string }[] }>(
      'GET',
      '/api/api-keys?limit=100',
      {
        token: tokens.admin,
      },
    );
    expect(listed.body.items.find((one) => one.id === id)?.hint).toBe(key.slice(-4));
    expect(JSON.stringify(listed.body)).not.toContain(key);

    expect(await ask('admin', 'DELETE', `/api/api-keys/${id}`)).toBe(204);
    const revokedAtMs = performance.now();
    await eventually(async () => (await call('GET', movements, headers)).status === 401);
    expect(performance.now() - revokedAtMs).toBeLessThan(5_000);
  });
});

it('counts an API key as nobody’s account: it sees all orders, orders for guests, and reviews nothing', async () => {
  const { key } = await createKey([
    'orders:read',
    'orders:write',
    'reviews:write',
    'cart:read',
    'products:write',
  ]);
  const headers = { 'x-api-key': key };
  const own = await kept('/api/orders/', 'customer');
  expect((await shop.call('GET', `/api/orders/${own}`, { headers })).status).toBe(200);
  const order = { items: [{ productId, quantity: 1 }], headers: { ...headers } };
  expect((await shop.placeOrder(order)).status).toBe(400);
  const placed = await shop.placeOrder({ ...order, email: 'guest@example.com' });
  expect([placed.status, typeof placed.body.orderToken]).toEqual([202, 'string']);
  const cart = await shop.call('GET', '/api/cart', { headers });
  expect([cart.status, cart.headers.has('x-cart-id')]).toEqual([200, true]);
  for (const path of [`/api/products/${productId}/reviews`, `/api/products/${productId}/back-in-stock`])
    expect((await shop.call('POST', path, { headers, body: {} })).status, path).toBe(403);
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
