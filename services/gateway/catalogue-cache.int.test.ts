import { randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createAuthenticator, hasRole, tokenType } from '#platform/http/auth';
import { etagOf, notModified, sendWithEtag } from '#platform/http/etag';
import { problem } from '#platform/http/problem-details';
import { createHttpServer } from '#platform/http/server';
import { encodeSharedAnswer, sharedAnswerHeader } from '#platform/http/shared-answer';
import { createRedis, type RedisClient } from '#platform/redis/client';
import type { RunnableHost } from '#platform/service-host';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { handClock } from '#platform/testing/hand-clock';
import { testHost } from '#platform/testing/test-host';
import { sleep } from '#platform/waiting/sleep';
import { anythingChanged, catalogueChannel, encodeCatalogueChange } from '#schemas/catalogue-changes';
import { type CachedAnswer, createCatalogueCache } from './catalogue-cache.js';
import { startGateway, useGateways } from './testing/gateway.js';
import { openWayToRedis } from './testing/way-to-redis.js';

const claims = { issuer: 'cartstream', audience: 'cartstream-api' };
let keys: Awaited<ReturnType<typeof generateKeyPair>>;
let redis: RedisClient;
const running: RunnableHost[] = [];
const products = new Map<string, { name: string; version: number; active: boolean }>();
let asked: string[] = [];
/** Reads wait for it after they have read. */
let holding: Promise<void> | undefined;

const tokenOf = (role: string): Promise<string> =>
  new SignJWT({ roles: [role] })
    .setProtectedHeader({ alg: 'EdDSA', kid: 'k', typ: tokenType })
    .setSubject(randomUUID())
    .setIssuer(claims.issuer)
    .setAudience(claims.audience)
    .setExpirationTime('10m')
    .sign(keys.privateKey);

/** Issues the keys, and serves products as the product service does. */
const startServices = async (): Promise<string> => {
  const host = testHost('product');
  const jwks = { keys: [{ ...(await exportJWK(keys.publicKey)), kid: 'k', alg: 'EdDSA' }] };
  const auth = createAuthenticator({ keys: async () => jwks, ...claims });
  const { app, component } = createHttpServer(host, { port: 0, title: 'Products', auth });
  app.get('/.well-known/jwks.json', { access: 'anonymous' }, () => jwks);
  app.get(
    '/api/products/:id',
    { access: 'public', schema: { params: z.strictObject({ id: z.uuid() }), response: notModified } },
    async (request, reply) => {
      asked.push(request.url);
      const found = products.get(request.params.id);
      const shown = { ...found };
      await holding;
      if (!found || (!found.active && !hasRole(request.principal, 'admin')))
        throw problem(404, 'product_not_found', 'There is no such product.');
      return sendWithEtag(request, reply, etagOf(shown.version ?? 0), shown);
    },
  );
  app.get(
    '/api/products',
    {
      access: 'public',
      schema: { querystring: z.strictObject({ limit: z.string().max(3).optional() }), response: notModified },
    },
    async (request, reply) => {
      asked.push(request.url);
      const items = [...products]
        .map(([id, product]) => ({ id, ...product }))
        .filter(({ active }) => active || hasRole(request.principal, 'admin'));
      await holding;
      return sendWithEtag(request, reply, etagOf(items), { items, next: null });
    },
  );
  app.put('/api/products/:id', { access: 'public' }, async (request) => {
    const { id } = request.params as { id: string };
    const found = products.get(id);
    if (found) products.set(id, { ...found, name: `${found.name}!`, version: found.version + 1 });
    return {};
  });
  app.post('/api/products', { access: 'public' }, async (_request, reply) =>
    reply.code(201).send(addProduct()),
  );
  app.get(
    '/api/analytics/sums',
    { access: ['analyst', 'admin'], schema: { hide: true } },
    async (request, reply) => {
      asked.push(request.url);
      reply.header('vary', 'accept');
      reply.header(sharedAnswerHeader, encodeSharedAnswer({ roles: ['analyst', 'admin'], ageMsMax: 200 }));
      return { sum: asked.length };
    },
  );
  host.use(component);
  await host.start();
  running.push(host);
  return component.url;
};

const addProduct = (active = true): { id: string } => {
  const id = randomUUID();
  products.set(id, { name: 'Lamp', version: 1, active });
  return { id };
};

const open = async (
  env: Record<string, string> = {},
): Promise<(path: string, options?: RequestInit) => Promise<Response>> => {
  const url = await startServices();
  const gateway = await startGateway({ PRODUCT_URL: url, USER_URL: url, ANALYTICS_URL: url, ...env });
  running.push(gateway.host);
  return (path, options) => fetch(gateway.url + path, options);
};

const announce = (id: string, isListed = false): Promise<number> =>
  redis.client.publish(catalogueChannel, encodeCatalogueChange({ productIds: [id], isListed }));

const change = (id: string): void => {
  products.set(id, { name: 'Torch', version: 2, active: true });
};

/** The headers without those that differ from answer to answer. */
const without = (headers: Headers): object => {
  const differing = ['x-correlation-id', 'traceparent', 'date', 'ratelimit-remaining', 'ratelimit-reset'];
  return Object.fromEntries([...headers].filter(([name]) => !differing.includes(name)));
};

const nameIn = async (answer: Response): Promise<unknown> =>
  ((await answer.json()) as { name?: string }).name;

useGateways();

beforeAll(async () => {
  keys = await generateKeyPair('EdDSA', { extractable: true });
  redis = createRedis(testHost(), engines().redisUrl);
  await redis.start();
});
afterEach(async () => {
  asked = [];
  holding = undefined;
  products.clear();
  for (const host of running.splice(0).reverse()) await host.stop();
});
afterAll(() => redis.stop());

describe('the catalogue at the gateway', () => {
  // Any product service that starts on this Redis meanwhile has everything forgotten.
  it('is asked of the service once, and answered with its version', { retry: 3 }, async () => {
    const ask = await open();
    const { id } = addProduct();
    for (const path of [`/api/products/${id}`, '/api/products?limit=5']) {
      asked = [];
      const first = await ask(path);
      const again = await ask(path, { headers: { 'x-correlation-id': 'mine' } });
      const etag = first.headers.get('etag') ?? '';
      expect(await again.text()).toBe(await first.text());
      expect(
        ['content-type', 'content-length', 'etag', 'x-correlation-id'].map((h) => again.headers.get(h)),
      ).toEqual([first.headers.get('content-type'), first.headers.get('content-length'), etag, 'mine']);
      expect(without(again.headers)).toEqual(without(first.headers));
      expect(again.headers.get('traceparent')).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
      const known = await ask(path, { headers: { 'if-none-match': `"other", W/${etag}` } });
      expect([known.status, await known.text(), known.headers.get('etag')]).toEqual([304, '', etag]);
      expect(asked).toEqual([path]);
    }
    const metrics = await (await ask('/metrics')).text();
    expect(metrics).toContain('cache_hits_total{cache="catalogue"} 4');
    for (const [route, status, count] of [
      ['/api/products/*', 200, 2],
      ['/api/products', 200, 2],
      ['/api/products', 304, 1],
    ])
      expect(metrics).toContain(
        `http_requests_total{method="GET",route="${route}",status="${status}"} ${count}`,
      );
  });

  it('is kept where a change was refused, which anybody may send', { retry: 3 }, async () => {
    const ask = await open();
    const { id } = addProduct();
    const path = `/api/products/${id}`;
    await ask(path);
    for (const refused of [path, '/api/categories/lamps'])
      expect([404, 405]).toContain((await ask(refused, { method: 'DELETE' })).status);
    asked = [];
    await ask(path);
    expect(asked).toEqual([]);
  });

  it('is new as soon as the service announces a change', async () => {
    const ask = await open();
    const { id } = addProduct();
    await ask(`/api/products/${id}`);
    change(id);
    expect(await nameIn(await ask(`/api/products/${id}`))).toBe('Lamp');
    await announce(id);
    await eventually(async () => (await nameIn(await ask(`/api/products/${id}`))) === 'Torch', {
      timeoutMs: 1_000,
      everyMs: 10,
    });
  });

  it('is a list until one of its products changes, and not when another one does', { retry: 3 }, async () => {
    const ask = await open();
    const { id } = addProduct();
    const nameListed = async (): Promise<string | undefined> => {
      const { items } = (await (await ask('/api/products')).json()) as { items: { name: string }[] };
      return items[0]?.name;
    };
    await nameListed();
    change(id);
    await announce(randomUUID());
    expect(await nameListed()).toBe('Lamp');
    await announce(id);
    await eventually(async () => (await nameListed()) === 'Torch', { timeoutMs: 1_000, everyMs: 10 });
  });

  it('is asked for again where a product of a list has changed while the list was read', {
    retry: 3,
  }, async () => {
    const ask = await open();
    const { id } = addProduct();
    const nameListed = async (): Promise<string | undefined> => {
      const { items } = (await (await ask('/api/products')).json()) as { items: { name: string }[] };
      return items[0]?.name;
    };
    const held = Promise.withResolvers<void>();
    holding = held.promise;
    const before = asked.length;
    const reading = nameListed();
    await eventually(async () => asked.length > before, { timeoutMs: 1_000, everyMs: 5 });
    change(id);
    await announce(id);
    await sleep(100);
    held.resolve();
    expect(await reading).toBe('Lamp');
    expect(await nameListed()).toBe('Torch');
  });

  it('is new to the one who has changed it', async () => {
    const ask = await open();
    const { id } = addProduct();
    for (let n = 0; n < 10; n += 1) {
      const before = await nameIn(await ask(`/api/products/${id}`));
      await ask('/api/products');
      await ask(`/api/products/${id}`, { method: 'PUT' });
      expect(await nameIn(await ask(`/api/products/${id}`))).toBe(`${before}!`);
      expect(await (await ask('/api/products')).text()).toContain(`${before}!`);
      await ask('/api/products', { method: 'POST' });
      const { items } = (await (await ask('/api/products')).json()) as { items: unknown[] };
      expect(items).toHaveLength(n + 2);
    }
  });

  it('is not what was read before a change and arrives after it', async () => {
    const ask = await open();
    const { id } = addProduct();
    let release = (): void => {};
    holding = new Promise((resolve) => {
      release = resolve;
    });
    const early = ask(`/api/products/${id}`);
    await eventually(() => asked.length === 1);
    change(id);
    await ask(`/api/products/${id}`, { method: 'PUT' });
    release();
    expect(await nameIn(await early)).toBe('Lamp');
    expect(await nameIn(await ask(`/api/products/${id}`))).toBe('Torch!');
  });

  it('is asked of the service once by many at a time, and by each for itself where there is no answer for all', async () => {
    const ask = await open();
    const { id } = addProduct();
    const unknown = randomUUID();
    const gone = new AbortController();
    const first = ask(`/api/products/${id}`, { signal: gone.signal }).catch(() => 'gone');
    const many = Array.from({ length: 50 }, () => ask(`/api/products/${id}`));
    gone.abort();
    expect(await first).toBe('gone');
    expect((await Promise.all(many)).map(({ status }) => status)).toEqual(Array(50).fill(200));
    expect(asked.length).toBeLessThanOrEqual(2);
    const missing = await Promise.all(
      Array.from({ length: 5 }, (_, n) =>
        ask(`/api/products/${unknown}`, { headers: { 'x-correlation-id': `c-${n}` } }),
      ),
    );
    for (const [n, answer] of missing.entries())
      expect(await answer.json()).toMatchObject({ status: 404, correlationId: `c-${n}` });
  });

  it('is not shared with those who see more, and an invalid token is refused', async () => {
    const ask = await open();
    const { id } = addProduct(false);
    const as = async (role: string) => ({ headers: { authorization: `Bearer ${await tokenOf(role)}` } });
    const [admin, customer] = [await as('admin'), await as('customer')];
    for (let n = 0; n < 2; n += 1) {
      expect((await ask(`/api/products/${id}`, admin)).status).toBe(200);
      expect((await ask(`/api/products/${id}`)).status).toBe(404);
      expect((await ask(`/api/products/${id}`, customer)).status).toBe(404);
      expect(await (await ask('/api/products', admin)).text()).toContain('Lamp');
      expect(await (await ask('/api/products')).text()).not.toContain('Lamp');
    }
    const seen = addProduct().id;
    await ask(`/api/products/${seen}`);
    asked = [];
    const remaining: number[] = [];
    for (let n = 0; n < 3; n += 1) {
      const answer = await ask(`/api/products/${seen}`, customer);
      expect(answer.status).toBe(200);
      expect(answer.headers.get('cache-control')).toBeNull();
      remaining.push(Number(answer.headers.get('ratelimit-remaining')));
    }
    expect(remaining.map((left) => left - (remaining[0] ?? 0))).toEqual([0, -1, -2]);
    expect(asked).toEqual([]);
    const ofAdmin = await ask(`/api/products/${seen}`, admin);
    expect(ofAdmin.headers.get('cache-control')).toBe('private, no-store');
    expect(asked).toHaveLength(1);
    const forged = {
      headers: { authorization: `Bearer ${(await tokenOf('customer')).slice(0, -8)}AAAAAAAA` },
    };
    expect((await ask(`/api/products/${seen}`, forged)).status).toBe(401);
  });

  it('counts against the limit of its client, cached or not', async () => {
    const ask = await open({ LIMITS: 'strict', REDIS_URL: 'redis://127.0.0.1:1' });
    const path = `/api/products/${addProduct().id}`;
    const answers = [];
    for (let n = 0; n < 202; n += 1)
      answers.push(await ask(path, { headers: { 'x-forwarded-for': '10.9.8.7' } }));
    expect(answers.map(({ headers }) => Number(headers.get('ratelimit-remaining')))).toEqual(
      answers.map((_, n) => Math.max(0, 199 - n)),
    );
    expect(answers.map(({ status }) => status)).toEqual([...Array(200).fill(200), 429, 429]);
    expect(await answers[201]?.json()).toMatchObject({ code: 'rate_limited' });
    expect((await ask(path, { headers: { 'x-forwarded-for': '10.9.8.6' } })).status).toBe(200);
  });

  it('is a moment old at most while Redis is away and no news can come', async () => {
    const ask = await open({ REDIS_URL: 'redis://127.0.0.1:1' });
    const { id } = addProduct();
    await ask(`/api/products/${id}`);
    change(id);
    await eventually(async () => (await nameIn(await ask(`/api/products/${id}`))) === 'Torch', {
      timeoutMs: 1_000,
      everyMs: 10,
    });
  });

  it('keeps a list while nothing in it changes, and its order for two seconds where that may have changed', {
    retry: 3,
  }, async () => {
    const clock = handClock();
    const cache = createCatalogueCache(testHost('gateway', { clock }), engines().redisUrl);
    await cache.start();
    const marker = `/api/products/${randomUUID()}`;
    const listed = [
      '?category=Home&sort=popularity',
      '?category=home%2Flighting&sort=popularity',
      '?category=garden&sort=popularity',
      '?sort=popularity',
      '?category=home&sort=rating',
      '?category=home&sort=price',
      '',
    ];
    const answer = (body: string) => ({
      statusCode: 200,
      headers: { etag: '"1"', 'content-type': 'application/json', 'content-length': String(body.length) },
      body,
    });
    const readAll = async () => {
      for (const path of [marker, ...listed.map((query) => `/api/products${query}`)])
        await cache.read(path, async () => answer('{"items":[]}'));
    };
    const kept = () => listed.filter((query) => cache.find(`/api/products${query}`) !== undefined);
    // Until it hears Redis nothing is kept for a second.
    await eventually(async () => {
      await readAll();
      clock.advanceMs(1_000);
      expect(kept()).toEqual(listed);
    });
    clock.advanceMs(50_000);
    expect(kept()).toEqual(listed);
    clock.advanceMs(10_000);
    expect(kept()).toEqual([]);

    await readAll();
    const sold = { sort: 'popularity', categories: ['home/lighting/lamps'] } as const;
    const news = { productIds: [marker.slice(-36)], isListed: false, reorders: sold };
    await redis.client.publish(catalogueChannel, encodeCatalogueChange(news));
    await eventually(() => expect(cache.find(marker)).toBeUndefined());
    clock.advanceMs(1_900);
    expect(kept()).toEqual(listed);
    clock.advanceMs(100);
    expect(kept()).toEqual(listed.filter((query) => /garden|rating|price|^$/.test(query)));
    await redis.client.publish(catalogueChannel, anythingChanged);
    await eventually(() => expect(kept()).toEqual([]));
    await cache.stop();
  });

  it('is forgotten where news of it may have got lost, because Redis was away for a moment', {
    retry: 3,
  }, async () => {
    const way = await openWayToRedis(engines().redisUrl);
    // No time passes, so nothing is forgotten because of its age.
    const cache = createCatalogueCache(testHost('gateway', { clock: handClock() }), way.url);
    await cache.start();
    const id = randomUUID();
    const path = `/api/products/${id}`;
    const read = () =>
      cache.read(path, async () => ({
        statusCode: 200,
        headers: { etag: '"1"', 'content-type': 'application/json', 'content-length': '2' },
        body: '{}',
      }));
    const isKept = () => cache.find(path) !== undefined;
    try {
      await eventually(async () => {
        await read();
        await announce(id);
        await eventually(() => !isKept(), { timeoutMs: 500, everyMs: 5 });
      });
      await read();
      way.cut();
      await announce(id);
      expect(isKept()).toBe(true);
      way.open();
      await eventually(() => !isKept());
    } finally {
      await cache.stop();
      way.close();
    }
  });

  it('takes no more memory than it may, and keeps what is asked for', async () => {
    const body = 'x'.repeat(1000);
    const cache = createCatalogueCache(testHost('gateway'), engines().redisUrl, { bytesMax: 10_000 });
    await cache.start();
    const pathOf = (n: number) => `/api/products/${String(n).padStart(8, '0')}-0000-7000-8000-000000000000`;
    const fetch = async () => ({
      statusCode: 200,
      headers: { etag: '"1"', 'content-type': 'application/json', 'content-length': '1000' },
      body,
    });
    for (let n = 0; n < 100; n += 1) {
      await cache.read(pathOf(n), fetch);
      await cache.read(pathOf(0), fetch);
    }
    const kept = Array.from({ length: 100 }, (_, n) => cache.find(pathOf(n))).filter(
      (answer): answer is CachedAnswer => answer !== undefined,
    );
    expect(kept.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(10_000);
    expect(kept.length).toBeGreaterThan(5);
    expect([cache.find(pathOf(0)), cache.find(pathOf(99)), cache.find(pathOf(1))].map(Boolean)).toEqual([
      true,
      true,
      false,
    ]);
    await cache.stop();
  });
});

describe('an answer that its service shares among roles', () => {
  const as = async (role: string) => ({ headers: { authorization: `Bearer ${await tokenOf(role)}` } });
  const path = '/api/analytics/sums?a=1';

  it('is sent to those who have one of them, for as long as the service says, and to nobody else', async () => {
    const ask = await open();
    const [analyst, admin, customer] = [await as('analyst'), await as('admin'), await as('customer')];
    // The gateway has to know a token before it answers by itself.
    for (const who of [analyst, admin, customer]) await ask('/api/products', who);
    asked = [];
    const first = await ask(path, analyst);
    expect(first.headers.has(sharedAnswerHeader)).toBe(false);
    const again = await ask(path, admin);
    expect([await again.text(), without(again.headers)]).toEqual([
      await first.text(),
      without(first.headers),
    ]);
    expect((await ask(path, customer)).status).toBe(403);
    expect((await ask(path)).status).toBe(401);
    expect(asked).toEqual([path]);
    await ask('/api/analytics/sums?a=2', admin);
    expect(asked).toHaveLength(2);
    await eventually(async () => (await (await ask(path, admin)).text()) === '{"sum":3}', {
      timeoutMs: 1_000,
    });
    expect(await (await ask('/metrics')).text()).toContain(
      'http_requests_total{method="GET",route="/api/analytics/*",status="200"}',
    );
  });

  it('is not sent to those who may want it in another format', async () => {
    const ask = await open();
    const admin = await as('admin');
    await ask('/api/products', admin);
    await ask(path, admin);
    asked = [];
    const wanting = (accept: string) => ask(path, { headers: { ...admin.headers, accept } });
    await (await wanting('application/json')).text();
    expect(asked).toEqual([]);
    for (const accept of ['text/csv', 'text/csv, application/json', 'application/json;q=0, */*'])
      await (await wanting(accept)).text();
    expect(asked).toHaveLength(3);
  });
});
