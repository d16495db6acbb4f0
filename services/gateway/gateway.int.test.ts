import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, request as rawRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { tokenType } from '#platform/http/auth';
import { createHttpServer, type HttpServer } from '#platform/http/server';
import { connectBroker } from '#platform/messaging/connect-broker';
import { createRedis } from '#platform/redis/client';
import type { RunnableHost } from '#platform/service-host';
import { startTracing } from '#platform/telemetry/tracing';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { testHost } from '#platform/testing/test-host';
import { sleep } from '#platform/waiting/sleep';
import { topics, visitsTogetherHeader } from '#schemas/topics';
import { createRequestCounter } from './request-counter.js';
import { newAddress, startGateway as startGatewayOnly, useGateways } from './testing/gateway.js';

const { topic, partitions } = topics.shopperActivity;
const running: RunnableHost[] = [];

/** A service as real as any, with one instance's name in its answers. */
/** What the tests send where nobody looks at it. */
const sentBody = z
  .strictObject({
    email: z.string().max(500).optional(),
    password: z.string().max(9).optional(),
    name: z.string().max(9).optional(),
    items: z.array(z.string().max(9)).max(1).optional(),
  })
  .optional();

const startService = async (name: string, port = 0): Promise<{ url: string; host: RunnableHost }> => {
  const host = testHost(name);
  const server: HttpServer = createHttpServer(host, { port, title: name });
  const { app } = server;
  app.get(
    '/api/products',
    {
      access: 'public',
      schema: {
        summary: `From ${name}`,
        querystring: z.strictObject({ a: z.string().max(9).optional() }),
        response: { 200: z.unknown() },
      },
    },
    async (request) => ({ from: name, headers: request.headers }),
  );
  app.post(
    '/api/products',
    {
      access: 'public',
      schema: { body: z.strictObject({ name: z.string().max(99) }), response: { 201: z.unknown() } },
    },
    async (request, reply) =>
      reply.code(201).header('location', '/api/products/1').send({ got: request.body }),
  );
  app.get('/api/products/:id/back-in-stock', { access: 'public' }, async () => ({ from: name }));
  app.get('/api/products/slow', { access: 'public' }, async () => {
    await sleep(400);
    return { from: name };
  });
  app.get('/api/products/stream', { access: 'public' }, (_request, reply) => {
    reply.raw.writeHead(200, { 'content-type': 'text/event-stream' });
    reply.raw.write('data: first\n\n');
    host.stopping.addEventListener('abort', () => reply.raw.end());
    reply.hijack();
  });
  const takesAll = { access: 'anonymous', schema: { hide: true, body: sentBody } } as const;
  for (const path of ['/api/auth/login', '/api/auth/register'])
    app.post(path, takesAll, async () => ({ loggedIn: true }));
  app.get('/api/orders', { access: 'anonymous' }, async () => ({ items: [], next: null }));
  app.get('/api/orders/sender', { access: 'anonymous' }, async ({ headers }) => ({
    authorization: headers.authorization,
  }));
  app.post('/api/orders', takesAll, async () => ({}));
  host.use(server.component);
  await host.start();
  running.push(host);
  return { url: server.component.url, host };
};

/** A user service with one API key and one account; `asked` says how often it was asked about a key. */
const startKeyService = async (
  goodKey: string,
): Promise<{ url: string; asked: () => number; accountToken: string }> => {
  const { publicKey, privateKey } = await generateKeyPair('EdDSA', { extractable: true });
  const host = testHost('user');
  const { app, component } = createHttpServer(host, { port: 0, title: 'user' });
  const sign = (claims: object) =>
    new SignJWT({ roles: ['admin'], ...claims })
      .setProtectedHeader({ alg: 'EdDSA', kid: 'k', typ: tokenType })
      .setSubject(randomUUID())
      .setIssuer('cartstream')
      .setAudience('cartstream-api')
      .setExpirationTime('60s')
      .sign(privateKey);
  const [token, accountToken] = [await sign({ scopes: ['orders:write'] }), await sign({})];
  let asked = 0;
  app.delete('/api/users/me', { access: 'anonymous' }, async (_request, reply) => reply.code(204).send());
  app.get('/.well-known/jwks.json', { access: 'anonymous' }, async () => ({
    keys: [{ ...(await exportJWK(publicKey)), kid: 'k', alg: 'EdDSA' }],
  }));
  app.post(
    '/internal/api-key-tokens',
    { access: 'anonymous', schema: { body: z.strictObject({ key: z.string().max(200) }) } },
    async (request, reply) => {
      asked += 1;
      return request.body.key === goodKey ? { token, ttlS: 60 } : reply.code(401).send({});
    },
  );
  host.use(component);
  await host.start();
  running.push(host);
  return { url: component.url, asked: () => asked, accountToken };
};

/** A POST of which the rest comes later. */
const beginPost = (url: string, beginning: string) => {
  const request = rawRequest(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', expect: '100-continue' },
  });
  // The server asks for the body once it has the head, right before the hooks of the request run.
  const isUnderWay = new Promise<void>((resolve) => request.once('continue', resolve));
  const status = new Promise<number>((resolve, reject) => {
    request.once('response', (answer) => resolve(answer.resume().statusCode ?? 0));
    request.once('error', reject);
  });
  status.catch(() => {});
  request.write(beginning);
  return {
    isUnderWay,
    cancel: () => request.destroy(),
    end: (rest: string) => {
      request.end(rest);
      return status;
    },
  };
};

const startGateway = async (env: Record<string, string>): Promise<{ url: string; host: RunnableHost }> => {
  const gateway = await startGatewayOnly(env);
  running.push(gateway.host);
  return gateway;
};

useGateways();

beforeAll(async () => {
  const admin = await connectBroker(testHost(), engines().kafka).admin();
  await admin.createTopics([{ topic, partitions }]);
  await admin.close();
});

afterEach(async () => {
  for (const host of running.splice(0).reverse()) await host.stop();
});

const json = { 'content-type': 'application/json' };

/** The status of a request whose target is sent as written: `fetch` would tidy it up. */
const sendTarget = (url: string, target: string, headers: Record<string, string>, body?: string) =>
  new Promise<number | undefined>((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const method = body === undefined ? 'GET' : 'POST';
    rawRequest({ hostname, port, path: target, method, headers }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    })
      .on('error', reject)
      .end(body);
  });

/** The services run in this process, so the gateway asks them without a socket unless they have another name. */
const overASocket = (url: string): string => url.replace('127.0.0.1', 'localhost');

describe.each([
  ['within the process', (url: string) => url, Number.POSITIVE_INFINITY],
  // Reads that are not traced are given to the service by the front, once their client is known.
  ['directly', (url: string) => url, 0],
  ['over a socket', overASocket, Number.POSITIVE_INFINITY],
])('forwarding %s', (_hop, reached, readsPerSecondMax) => {
  const allow = (reads: number) =>
    startTracing({ service: 'gateway', sampleRatio: 0, readsPerSecondMax: reads });
  beforeAll(() => allow(readsPerSecondMax));
  afterAll(() => allow(Number.POSITIVE_INFINITY));

  it('gives a path with a parameter to the service of that path, and the paths around it to theirs', async () => {
    const { url: productUrl } = await startService('product');
    const { url: inventoryUrl } = await startService('inventory');
    const { url } = await startGateway({
      PRODUCT_URL: reached(productUrl),
      INVENTORY_URL: reached(inventoryUrl),
    });
    const servedBy = async (path: string) => (await (await fetch(url + path)).text()).slice(0, 40);
    const noRoute = (await servedBy('/api/products/1/other')).slice(0, 30);
    // The second time the front knows the client, and may pass the request on itself.
    for (const _ of [1, 2]) {
      expect(await servedBy('/api/products/1/back-in-stock')).toContain('"from":"inventory"');
      expect(await servedBy('/api/products')).toContain('"from":"product"');
      for (const path of ['/api/products/1/2/back-in-stock', '/api/products/1/back-in-stocks'])
        expect(await servedBy(path)).toContain(noRoute);
    }
  });

  it('passes on what was asked and what was answered, with the correlation id and a trace', async () => {
    const { url: productUrl } = await startService('product');
    const { url } = await startGateway({ PRODUCT_URL: reached(productUrl) });
    const answer = await fetch(`${url}/api/products?a=1`, {
      headers: { 'x-correlation-id': 'c-1', 'x-own': 'kept', connection: 'close' },
    });
    const { from, headers } = (await answer.json()) as { from: string; headers: Record<string, string> };
    expect([answer.status, from, answer.headers.get('x-correlation-id')]).toEqual([200, 'product', 'c-1']);
    expect(headers).toMatchObject({
      'x-correlation-id': 'c-1',
      'x-own': 'kept',
      'x-forwarded-proto': 'http',
    });

    const posted = await fetch(`${url}/api/products`, {
      method: 'POST',
      headers: json,
      body: '{"name":"é"}',
    });
    expect([posted.status, posted.headers.get('location'), await posted.json()]).toEqual([
      201,
      '/api/products/1',
      { got: { name: 'é' } },
    ]);
  });

  it('leaves refusing to the service: 400, 405 with Allow, 415', async () => {
    const { url: productUrl } = await startService('product');
    const { url } = await startGateway({ PRODUCT_URL: reached(productUrl) });
    const bad = await fetch(`${url}/api/products`, { method: 'POST', headers: json, body: '{' });
    expect([bad.status, ((await bad.json()) as { code: string }).code]).toEqual([400, 'malformed_json']);
    const other = await fetch(`${url}/api/products`, { method: 'DELETE' });
    expect([other.status, other.headers.get('allow')]).toEqual([405, 'GET, HEAD, POST']);
    const text = await fetch(`${url}/api/products`, {
      method: 'POST',
      headers: { 'content-type': 'text/xml' },
      body: '<a/>',
    });
    expect(text.status).toBe(415);
    const large = await fetch(`${url}/api/products`, {
      method: 'POST',
      headers: json,
      body: 'x'.repeat(1_100_000),
    });
    expect(large.status).toBe(413);
  });

  it('goes round the instances, and past one that is gone without anybody noticing', async () => {
    const [one, two] = [await startService('one'), await startService('two')];
    const { url } = await startGateway({ PRODUCT_URL: `${reached(one.url)},${reached(two.url)}` });
    const ask = async () => {
      const answer = await fetch(`${url}/api/products`);
      return ((await answer.json()) as { from: string }).from;
    };
    expect(new Set([await ask(), await ask(), await ask(), await ask()])).toEqual(new Set(['one', 'two']));
    await one.host.stop();
    for (let n = 0; n < 10; n += 1) expect(await ask()).toBe('two');
  });

  it('is 503 with Retry-After while the service is down, opens the circuit, and closes it again', async () => {
    const first = await startService('product');
    const { url } = await startGateway({ PRODUCT_URL: reached(first.url) });
    expect((await fetch(`${url}/api/products`)).status).toBe(200);
    await first.host.stop();
    for (let n = 0; n < 8; n += 1) {
      const answer = await fetch(`${url}/api/products`);
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '2']);
      expect(await answer.json()).toMatchObject({ code: 'service_unavailable' });
    }
    const metrics = async () => (await fetch(`${url}/metrics`)).text();
    expect(await metrics()).toContain('circuit_breaker_state{circuit="product"} 1');
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
    await startService('product', Number(new URL(first.url).port));
    await eventually(async () => (await fetch(`${url}/api/products`)).status === 200);
    expect(await metrics()).toContain('circuit_breaker_state{circuit="product"} 0');
  });

  it('passes a stream on as it comes, and ends it when the listener goes', async () => {
    const { url: productUrl, host } = await startService('product');
    const { url } = await startGateway({ PRODUCT_URL: reached(productUrl) });
    const gone = new AbortController();
    const answer = await fetch(`${url}/api/products/stream`, { signal: gone.signal });
    const reader = answer.body?.getReader();
    const { value } = (await reader?.read()) ?? {};
    expect(Buffer.from(value ?? []).toString()).toBe('data: first\n\n');
    gone.abort();
    expect(host.stopping.aborted).toBe(false);
    expect((await fetch(`${url}/api/products`)).status).toBe(200);
  });

  it('knows nothing of other addresses', async () => {
    const { url } = await startGateway({});
    const answer = await fetch(`${url}/api/nothing`);
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([
      404,
      'route_not_found',
    ]);
  });

  it('sheds what is more than it can hold, and counts no stream against that', async () => {
    const { url: productUrl } = await startService('product');
    const { url } = await startGateway({ PRODUCT_URL: reached(productUrl), GATEWAY_IN_FLIGHT_MAX: '2' });
    const streams = await Promise.all([1, 2, 3].map(() => fetch(`${url}/api/products/stream`)));
    expect(streams.map(({ status }) => status)).toContain(200);
    const answers = await Promise.all([1, 2, 3, 4, 5, 6].map(() => fetch(`${url}/api/products/slow`)));
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([200, 200, 503, 503, 503, 503]);
    const shed = answers.find(({ status }) => status === 503);
    expect(shed?.headers.get('retry-after')).toBe('1');
    expect(await shed?.json()).toMatchObject({ code: 'overloaded' });
    await Promise.all(streams.map(({ body }) => body?.cancel()));
  });

  it('keeps no place for a request whose body is still to come', async () => {
    const { url: productUrl } = await startService('product');
    const { url } = await startGateway({ PRODUCT_URL: reached(productUrl), GATEWAY_IN_FLIGHT_MAX: '2' });
    const begun = Array.from({ length: 6 }, () => beginPost(`${url}/api/products`, '{"name":'));
    await Promise.all(begun.map(({ isUnderWay }) => isUnderWay));
    const answers = await Promise.all([1, 2].map(() => fetch(`${url}/api/products/slow`)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    const statuses = await Promise.all(begun.slice(0, 2).map(({ end }) => end('"a"}')));
    expect(statuses).toEqual([201, 201]);
    for (const { cancel } of begun.slice(2)) cancel();
  });

  it('counts no wait for the status of an order against that', async () => {
    const waits: (() => void)[] = [];
    const order = createServer((request, response) => {
      const answer = () => response.setHeader('content-type', 'application/json').end('{}');
      if (request.url?.includes('waitMs=') === true) waits.push(answer);
      else answer();
    });
    await new Promise<void>((resolve) => order.listen(0, '127.0.0.1', resolve));
    const { port } = order.address() as AddressInfo;
    const { url } = await startGateway({ ORDER_URL: `http://127.0.0.1:${port}`, GATEWAY_IN_FLIGHT_MAX: '1' });
    const status = `${url}/api/orders/${randomUUID()}/status`;
    const waiting = [1, 2, 3].map(() => fetch(`${status}?waitMs=5000`));
    await eventually(() => waits.length === 3);
    expect((await fetch(status)).status).toBe(200);
    for (const answer of waits) answer();
    expect((await Promise.all(waiting)).map((answer) => answer.status)).toEqual([200, 200, 200]);
    order.close();
  });

  it.each(['/%61pi/products/slow', 'http://x/api/products/slow'])(
    'sheds what is asked for as %s all the same',
    async (target) => {
      const { url: productUrl } = await startService('product');
      const { url } = await startGateway({ PRODUCT_URL: reached(productUrl), GATEWAY_IN_FLIGHT_MAX: '1' });
      const statuses = await Promise.all([1, 2, 3].map(() => sendTarget(url, target, {})));
      expect(statuses.sort()).toEqual([200, 503, 503]);
    },
  );
});

describe('shopper activity', () => {
  const productId = randomUUID();
  const view = (visitId: string, more: object = {}) => ({
    type: 'product_viewed',
    visitId,
    productId,
    occurredAt: new Date().toISOString(),
    ...more,
  });
  const send = (url: string, body: unknown) =>
    fetch(`${url}/api/events`, { method: 'POST', headers: json, body: JSON.stringify(body) });

  it('is accepted five hundred at a time with every field; unknown names by the thousand get a short answer', async () => {
    const { url } = await startGateway({});
    const visitId = `v-${randomUUID()}`;
    const full = { userId: randomUUID(), query: 'lamp, or: torch', position: 1, recommendationId: 'r' };
    const events = Array.from({ length: 500 }, (_, n) => view(visitId, { ...full, eventId: `e-${n}` }));
    const accepted = await send(url, { events });
    expect([accepted.status, await accepted.json()]).toEqual([202, { accepted: 500, errors: [] }]);

    const unknown = (count: number) =>
      view(visitId, Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, 0])));
    const refused = await send(url, { events: [unknown(8000)] });
    const answer = await refused.text();
    expect([refused.status, JSON.parse(answer).errors[0].code]).toEqual([202, 'invalid_event']);
    expect(answer.length).toBeLessThan(1000);

    const tooMany = await send(url, { events: [unknown(60_000)] });
    expect(tooMany.status).toBe(400);
    expect(await tooMany.json()).toMatchObject({ code: 'invalid_body' });
  });

  it('is in Kafka, in the order of its visit, when it is accepted; a bad event costs only itself', async () => {
    const { url } = await startGateway({});
    const broker = connectBroker(testHost('reader'), engines().kafka);
    const visitId = `v-${randomUUID()}`;
    const events = [view(visitId), { type: 'nonsense' }, view(visitId, { query: 'a\u0000' }), view(visitId)];
    const together = `together-${randomUUID()}`;
    const answer = await send(url, { events });
    expect(answer.status).toBe(202);
    expect(await answer.json()).toEqual({
      accepted: 2,
      errors: [
        { index: 1, code: 'invalid_event', message: expect.stringContaining('type') },
        { index: 2, code: 'invalid_event', message: expect.stringContaining('query') },
      ],
    });

    await send(url, { events: [view(`${together}-1`), view(`${together}-2`), view(`${together}-2`)] });

    const found: { id: string; correlation: string | undefined }[] = [];
    const visitsTogether: (string | undefined)[] = [];
    const consumer = broker.consumer({ group: `gateway-test.${visitId}`, topics: [topic] });
    try {
      await consumer.run(async ({ records: batch }) => {
        for (const { key, headers } of batch) {
          if (key?.toString() === visitId)
            found.push({ id: headers['event-id'] ?? '', correlation: headers['correlation-id'] });
          if (key?.toString().startsWith(together)) visitsTogether.push(headers[visitsTogetherHeader]);
        }
      });
      await eventually(() => found.length === 2 && visitsTogether.length === 3, { timeoutMs: 20_000 });
    } finally {
      await consumer.close();
    }
    // More than the visits of the request, because the same sender has reported the product before.
    expect(visitsTogether.filter((together) => Number(together) >= 2)).toHaveLength(3);
    const correlationId = answer.headers.get('x-correlation-id');
    expect(found.map(({ correlation }) => correlation)).toEqual([correlationId, correlationId]);
    expect(found.map(({ id }) => id)).toEqual(found.map(({ id }) => id).sort());
  });

  it('sent again with its own id has the same id in Kafka, and twice in one request is there once', async () => {
    const { url } = await startGateway({});
    const visitId = `v-${randomUUID()}`;
    // An id is one of its visit's: another visit may use the same.
    const other = `${visitId}-other`;
    const body = {
      events: [
        view(visitId, { eventId: 'one' }),
        view(visitId, { eventId: 'two' }),
        view(other, { eventId: 'one' }),
      ],
    };
    body.events.push(...body.events);
    for (let sent = 0; sent < 2; sent += 1)
      expect(await (await send(url, body)).json()).toEqual({ accepted: 6, errors: [] });

    const ids: (string | undefined)[] = [];
    const idsOfOther: (string | undefined)[] = [];
    const broker = connectBroker(testHost('reader'), engines().kafka);
    const consumer = broker.consumer({ group: `gateway-test.${visitId}`, topics: [topic] });
    try {
      await consumer.run(async ({ records: batch }) => {
        for (const { key, headers } of batch) {
          if (key?.toString() === visitId) ids.push(headers['event-id']);
          if (key?.toString() === other) idsOfOther.push(headers['event-id']);
        }
      });
      await eventually(() => ids.length === 4 && idsOfOther.length === 2, { timeoutMs: 20_000 });
    } finally {
      await consumer.close();
    }
    expect(ids.slice(2)).toEqual(ids.slice(0, 2));
    expect(new Set(ids).size).toBe(2);
    expect(new Set([...ids, ...idsOfOther]).size).toBe(3);
  });

  it('is refused as a whole when the envelope is wrong', async () => {
    const { url } = await startGateway({});
    const many = Array.from({ length: 501 }, () => view('v'));
    for (const body of [{}, { events: [] }, { events: many }, { events: [view('v')], extra: 1 }, [], null])
      expect((await send(url, body)).status).toBe(400);
  });

  it('is 503 with Retry-After while Kafka is away', async () => {
    const { url } = await startGateway({ KAFKA_BROKERS: '127.0.0.1:1' });
    const answer = await send(url, { events: [view('v')] });
    expect([answer.status, answer.headers.has('retry-after')]).toEqual([503, true]);
    const invalid = await send(url, { events: [{}] });
    expect(await invalid.json()).toMatchObject({ accepted: 0, errors: [{ index: 0 }] });
  }, 20_000);
});

it('an account that was erased calls nothing with the token that it still has, through any gateway', async () => {
  const { url: orderUrl } = await startService('order');
  const { url: userUrl, accountToken } = await startKeyService('csk_good');
  const env = { ORDER_URL: orderUrl, USER_URL: userUrl };
  const [one, two] = [await startGateway(env), await startGateway(env)];
  const authorization = `Bearer ${accountToken}`;
  const address = newAddress();
  const sender = async ({ url }: { url: string }) => {
    const headers = { authorization, 'x-forwarded-for': address };
    const answer = await fetch(`${url}/api/orders/sender`, { headers });
    return ((await answer.json()) as { authorization?: string }).authorization;
  };
  for (const gateway of [one, two, one, two]) expect(await sender(gateway)).toBe(authorization);
  const collected = async ({ url }: { url: string }) => {
    const event = { type: 'checkout_started', visitId: 'v', occurredAt: new Date().toISOString() };
    const headers = { ...json, authorization, 'x-forwarded-for': address };
    const body = JSON.stringify({ events: [event] });
    return (await fetch(`${url}/api/events`, { method: 'POST', headers, body })).status;
  };
  expect(await collected(one)).toBe(202);
  // Every spelling of the header is the same account.
  const headers = { authorization: `bearer  ${accountToken}` };
  const erased = await fetch(`${one.url}/api/users/me`, { method: 'DELETE', headers });
  expect(erased.status).toBe(204);
  expect(await sender(one)).toBe('Bearer');
  expect(await collected(one)).toBe(401);
  await eventually(async () => (await sender(two)) === 'Bearer');
  const later = await startGateway(env);
  await eventually(async () => (await sender(later)) === 'Bearer');
});

describe('limits', () => {
  const order = (url: string, address: string) => ask(url, address, '/api/orders', '{}');
  const ask = (url: string, address: string, path: string, body?: string) =>
    fetch(url + path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { 'x-forwarded-for': address, ...(body === undefined ? {} : json) },
      ...(body === undefined ? {} : { body }),
    });
  const statuses = async (asked: Promise<Response>[]) =>
    (await Promise.all(asked)).map(({ status }) => status).filter((status) => status === 429).length;

  it.each([
    ['in Redis, together', () => engines().redisUrl],
    ['in the process, while Redis is away', () => 'redis://127.0.0.1:1'],
  ])('are counted for each client %s', async (_where, redisUrl) => {
    const { url: orderUrl } = await startService('order');
    const { url } = await startGateway({ ORDER_URL: orderUrl, LIMITS: 'strict', REDIS_URL: redisUrl() });
    const address = newAddress();
    const first = await order(url, address);
    expect([
      first.status,
      first.headers.get('ratelimit-limit'),
      first.headers.get('ratelimit-remaining'),
    ]).toEqual([200, '50', '49']);
    expect(await statuses(Array.from({ length: 49 }, () => order(url, address)))).toBe(0);
    const over = await order(url, address);
    expect([over.status, ((await over.json()) as { code: string }).code]).toEqual([429, 'rate_limited']);
    expect(Number(over.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(Number(over.headers.get('retry-after'))).toBeLessThanOrEqual(60);
    expect(over.headers.get('ratelimit-remaining')).toBe('0');
    expect((await order(url, newAddress())).status).toBe(200);
    expect((await ask(url, address, '/api/users/me')).status).not.toBe(429);
    expect((await ask(url, address, '/health/live')).status).toBe(200);
  });

  it('let a buyer ask how an order is for longer than they may place any', async () => {
    const { url: orderUrl } = await startService('order');
    const { url } = await startGateway({ ORDER_URL: orderUrl, LIMITS: 'strict' });
    const address = newAddress();
    expect(await statuses(Array.from({ length: 51 }, () => order(url, address)))).toBe(1);
    const asked = await ask(url, address, '/api/orders');
    expect([asked.status, asked.headers.get('ratelimit-limit')]).toEqual([200, '200']);
  });

  it('count an invented API key for its address before anybody is asked about it, and a good one for itself', async () => {
    const { url: orderUrl } = await startService('order');
    const { url: userUrl, asked } = await startKeyService('csk_good');
    const { url } = await startGateway({ ORDER_URL: orderUrl, USER_URL: userUrl, LIMITS: 'strict' });
    const order = (address: string, key: string) =>
      fetch(`${url}/api/orders`, {
        method: 'POST',
        headers: { 'x-forwarded-for': address, 'x-api-key': key, ...json },
        body: '{}',
      });
    const address = newAddress();
    const invented = Array.from({ length: 60 }, () => order(address, `csk_${randomUUID()}`));
    expect(await statuses(invented)).toBe(10);
    expect(asked()).toBe(50);

    expect((await order(address, 'csk_good')).status).toBe(429);
    const remaining = [];
    for (const from of [newAddress(), newAddress(), address])
      remaining.push((await order(from, 'csk_good')).headers.get('ratelimit-remaining'));
    expect(remaining).toEqual(['49', '48', '47']);
    expect(asked()).toBe(51);
  });

  it('are shared by the gateways', async () => {
    const { url: orderUrl } = await startService('order');
    const env = { ORDER_URL: orderUrl, LIMITS: 'strict' };
    const [one, two] = [await startGateway(env), await startGateway(env)];
    const burst = (address: string) =>
      Array.from({ length: 60 }, (_, n) => order((n % 2 === 0 ? one : two).url, address));
    // A gateway that waits too long for Redis counts alone: on a busy machine a burst may get through by one.
    await eventually(async () => (await statuses(burst(newAddress()))) === 10);
  });

  it('let an account be tried five times, however its address is written and wherever from', async () => {
    const { url: userUrl } = await startService('user');
    const { url } = await startGateway({ USER_URL: userUrl, LIMITS: 'strict' });
    const email = `${randomUUID()}@shop.example`;
    const logIn = (address: string) =>
      ask(url, newAddress(), '/api/auth/login', JSON.stringify({ email: address, password: 'x' }));
    const fullWidth = email.replace('@', '\uff20');
    for (const written of [email, email.toUpperCase(), ` ${email}`, fullWidth, email.replace('s', '\u017f')])
      expect((await logIn(written)).status).toBe(200);
    const sixth = await logIn(email);
    expect([sixth.status, Number(sixth.headers.get('retry-after')) > 60]).toEqual([429, true]);
    expect((await logIn(`other-${email}`)).status).toBe(200);
  });

  it('let ten orders of guests be written to one address, however it is written and wherever from', async () => {
    const { url: orderUrl } = await startService('order');
    const { url: userUrl, accountToken } = await startKeyService('csk_good');
    const { url } = await startGateway({ ORDER_URL: orderUrl, USER_URL: userUrl, LIMITS: 'strict' });
    const email = `${randomUUID()}@shop.example`;
    const buy = (address: string, headers: Record<string, string> = {}) =>
      fetch(`${url}/api/orders`, {
        method: 'POST',
        headers: { 'x-forwarded-for': newAddress(), ...json, ...headers },
        body: JSON.stringify({ email: address, items: [] }),
      });
    for (let nth = 0; nth < 10; nth += 1)
      expect((await buy(nth % 2 ? email.toUpperCase() : ` ${email}`)).status).toBe(200);
    const over = await buy(email);
    expect([over.status, Number(over.headers.get('retry-after')) > 60]).toEqual([429, true]);
    expect((await buy(`other-${email}`)).status).toBe(200);
    // Who is logged in is written to at the address of the account.
    expect((await buy(email, { authorization: `Bearer ${accountToken}` })).status).toBe(200);
  });

  it.each(['/api/auth/%6Cogin', '/api/auth/login#x', 'http://x/api/auth/login', '/%61pi/auth/login'])(
    'hold for a login at %s, of the account and of the address',
    async (target) => {
      const { url: userUrl } = await startService('user');
      const { url } = await startGateway({ USER_URL: userUrl, LIMITS: 'strict' });
      const logIn = (email: string, address: string) =>
        sendTarget(
          url,
          target,
          { 'x-forwarded-for': address, ...json },
          JSON.stringify({ email, password: 'x' }),
        );
      const email = `${randomUUID()}@example.org`;
      for (let n = 0; n < 5; n += 1) expect(await logIn(email, newAddress())).toBe(200);
      expect(await logIn(email, newAddress())).toBe(429);

      const address = newAddress();
      const strangers = Array.from({ length: 101 }, () => logIn(`${randomUUID()}@example.org`, address));
      expect((await Promise.all(strangers)).filter((status) => status === 429)).toHaveLength(1);
    },
  );

  it('let one address be registered five times, and twenty addresses from one place', async () => {
    const { url: userUrl } = await startService('user');
    const { url } = await startGateway({ USER_URL: userUrl, LIMITS: 'strict' });
    const register = (email: string, address: string) =>
      ask(url, address, '/api/auth/register', JSON.stringify({ email, password: 'x', name: 'A' }));
    const email = `${randomUUID()}@shop.example`;
    const known = Array.from({ length: 30 }, () => register(email, newAddress()));
    expect(await statuses(known)).toBe(25);
    const address = newAddress();
    const others = Array.from({ length: 30 }, () => register(`${randomUUID()}@shop.example`, address));
    expect(await statuses(others)).toBe(10);
    expect((await ask(url, address, '/api/users/me')).status).not.toBe(429);
  });

  it.each([
    ['named by the client itself', (n: number) => `203.0.113.${n}, 198.51.100.77`],
    ['in one network of IPv6', (n: number) => `2001:db8:77:1::${n}`],
    ['in the long form', (n: number) => (n % 2 ? '2001:db8:77:2::1' : '2001:DB8:0077:0002:0:0:0:1')],
    ['in IPv6 for IPv4', (n: number) => (n % 2 ? '::ffff:198.51.100.78' : '198.51.100.78')],
    ['that are none', (n: number) => `garbage-${n}`],
  ])('count addresses %s as one client', async (_what, addressNth) => {
    const { url: orderUrl } = await startService('order');
    const { url } = await startGateway({
      ORDER_URL: orderUrl,
      LIMITS: 'strict',
      // Counted in this process: what earlier runs counted in Redis is of the same addresses.
      REDIS_URL: 'redis://127.0.0.1:1',
    });
    expect(await statuses(Array.from({ length: 60 }, (_, n) => order(url, addressNth(n + 1))))).toBe(10);
  });

  it('believe nobody on addresses unless told whom, and only the proxies that were named', async () => {
    const { url: orderUrl } = await startService('order');
    const env = { ORDER_URL: orderUrl, LIMITS: 'strict', REDIS_URL: 'redis://127.0.0.1:1' };
    for (const proxies of ['', '192.0.2.0/24']) {
      const { url } = await startGateway({ ...env, GATEWAY_TRUSTED_PROXIES: proxies });
      expect(await statuses(Array.from({ length: 60 }, () => order(url, newAddress())))).toBe(10);
    }
    const { url } = await startGateway({ ...env, GATEWAY_TRUSTED_PROXIES: 'loopback' });
    expect(await statuses(Array.from({ length: 60 }, () => order(url, newAddress())))).toBe(0);
  });

  it('forget the oldest client, and not everybody, when Redis is away and very many call', async () => {
    const away = createRedis(testHost(), 'redis://127.0.0.1:1');
    const counter = createRequestCounter(away, 3);
    const count = async (key: string) =>
      (await counter.count(key, { windowMs: 60_000, requestsMax: 100 })).current;
    for (const [key, current] of [
      ['a', 1],
      ['b', 1],
      ['c', 1],
      ['d', 1],
      ['b', 2],
      ['c', 2],
      ['a', 1],
      ['c', 3],
    ] as const)
      expect([key, await count(key)]).toEqual([key, current]);
  });

  it('are a thousand times looser when relaxed, and still counted', async () => {
    const { url: orderUrl } = await startService('order');
    const { url } = await startGateway({ ORDER_URL: orderUrl });
    expect((await order(url, newAddress())).headers.get('ratelimit-limit')).toBe('50000');
  });
});

describe('what the gateway says of the whole', () => {
  it('is one document of all services, and keeps the part of one that is away', async () => {
    const product = await startService('product');
    const { url } = await startGateway({ PRODUCT_URL: product.url, ORDER_URL: 'http://127.0.0.1:1' });
    const document = async () =>
      (await (await fetch(`${url}/openapi.json`)).json()) as {
        paths: object;
        openapi: string;
        'x-missing-services': string[];
      };
    const first = await document();
    expect(first.openapi).toBe('3.1.0');
    expect(first['x-missing-services']).toEqual(['user', 'order']);
    expect(Object.keys(first.paths)).toEqual(
      expect.arrayContaining(['/api/events', '/api/products', '/health/ready']),
    );
    await product.host.stop();
    expect(Object.keys((await document()).paths)).toContain('/api/products');
  });

  it('is degraded, not down, while one service is away, and names the engines behind the services', async () => {
    const [product, review] = [await startService('product'), await startService('review')];
    const engine = (name: string, status: 'up' | 'down') =>
      ({ name, start: async () => {}, stop: async () => {}, checkHealth: async () => ({ status }) }) as const;
    for (const name of ['clickhouse', 'postgres']) product.host.use(engine(name, 'up'));
    review.host.use(engine('postgres', 'down'));
    const { url } = await startGateway({ PRODUCT_URL: product.url, REVIEW_URL: review.url });
    const answer = await fetch(`${url}/health/ready`);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({
      status: 'degraded',
      service: 'gateway',
      dependencies: {
        product: { status: 'up', latencyMs: expect.any(Number) },
        user: { status: 'down' },
        redis: { status: 'up' },
        clickhouse: { status: 'up', latencyMs: expect.any(Number) },
        postgres: { status: 'degraded' },
      },
    });
  });

  it('is a documentation that takes nothing from elsewhere and begins with how to get started', async () => {
    const { url } = await startGateway({ ZIPKIN_URL: 'http://zipkin.example' });
    const page = await (await fetch(`${url}/docs`)).text();
    const assets = [...page.matchAll(/(?:src|rel="(?:stylesheet|icon)" href)="([^"]+)"/g)].map(
      ([, asset]) => asset ?? '',
    );
    expect(assets.length).toBeGreaterThan(3);
    for (const asset of assets) {
      expect(asset).toMatch(/^\//);
      const answer = await fetch(url + asset);
      expect([asset, answer.status]).toEqual([asset, 200]);
    }
    expect(await (await fetch(`${url}/favicon.ico`)).text()).toBe(readFileSync('web/kit/mark.svg', 'utf8'));
    expect(await (await fetch(`${url}/platform/links.json`)).json()).toMatchObject({
      version: expect.any(String),
      zipkinUrl: 'http://zipkin.example',
      mailboxUrl: null,
      answers: { zipkin: false, prometheus: null, mailbox: null },
    });
    const { info } = (await (await fetch(`${url}/openapi.json`)).json()) as { info: { description: string } };
    expect(info.description).toMatch(/^## Getting started/);
    for (const path of ['/openapi.json', '/asyncapi.json']) {
      const document = await (await fetch(url + path)).json();
      expect(document).toMatchObject({ info: { version: expect.any(String) } });
    }
  });

  it('serves the three apps, their deep links and their files, and nothing else as a page', async () => {
    const { url } = await startGateway({});
    const pages = [
      ['/', 'storefront'],
      ['/products/0190', 'storefront'],
      ['/categories/home/candles', 'storefront'],
      ['/account/orders?page=2', 'storefront'],
      ['/dashboard', 'dashboard'],
      ['/dashboard/revenue', 'dashboard'],
      ['/admin/orders/0190', 'admin'],
    ] as const;
    for (const [path, app] of pages) {
      const answer = await fetch(url + path);
      const html = await answer.text();
      expect([path, answer.status, answer.headers.get('cache-control')]).toEqual([path, 200, 'no-cache']);
      expect(html, path).toMatch(new RegExp(`src="/assets/${app}-[\\w-]+[.]js"`));
      expect(answer.headers.get('content-security-policy')).toContain("script-src 'self'");
      expect(answer.headers.get('content-security-policy')).not.toContain('unsafe');
      expect(answer.headers.get('cross-origin-opener-policy')).toBe('same-origin');
      expect(html, 'inline script').not.toMatch(/<script(?![^>]*src=)|<style|\son\w+=/);
      const unchanged = await fetch(url + path, {
        headers: { 'if-none-match': answer.headers.get('etag') ?? '' },
      });
      expect(unchanged.status).toBe(304);
    }
    const html = await (await fetch(url)).text();
    const script = /src="(\/assets\/[^"]+)"/.exec(html)?.[1] ?? '';
    const bytes = async (coding: string): Promise<[string | null, string | null]> => {
      const answer = await fetch(url + script, { headers: { 'accept-encoding': coding } });
      expect(answer.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
      return [answer.headers.get('content-encoding'), answer.headers.get('content-length')];
    };
    const [plain, brotli] = [await bytes('identity'), await bytes('gzip, br')];
    expect([plain[0], brotli[0]]).toEqual([null, 'br']);
    expect(Number(brotli[1])).toBeLessThan(Number(plain[1]));
    const lost = await fetch(`${url}/nowhere`, { headers: { accept: 'text/html,*/*' } });
    expect([lost.status, await lost.text()]).toEqual([404, html]);
    expect(lost.headers.get('vary')).toBe('accept, accept-encoding');
    for (const [path, accept] of [
      ['/api/nothing', 'text/html'],
      ['/api', 'text/html'],
      ['/assets/none.js', 'text/html'],
      ['/nowhere', '*/*'],
      ['/assets/..%2fadmin.html', 'text/html'],
    ] as const) {
      const answer = await fetch(url + path, { headers: { accept } });
      expect([path, answer.headers.get('content-type')]).toEqual([
        path,
        expect.stringContaining('problem+json'),
      ]);
      expect([path, answer.status >= 400 && answer.status < 500]).toEqual([path, true]);
    }
  });

  it('lets any page call, preflight included, and read also what is refused before it reaches a route', async () => {
    const { url } = await startGateway({});
    const exposed = (await fetch(`${url}/api/nothing`)).headers.get('access-control-expose-headers');
    expect(exposed?.split(', ')).toEqual(expect.arrayContaining(['x-as-of', 'x-lag-ms', 'x-truncated']));
    for (const [path, method, counted] of [
      ['/api/events', 'POST', true],
      ['/api/events', 'GET', false],
      ['/api/nothing', 'GET', false],
    ] as const) {
      const refused = await fetch(url + path, { method, headers: { authorization: 'Bearer a.b.c' } });
      const [read, sniffed, left] = [
        refused.headers.get('access-control-allow-origin'),
        refused.headers.get('x-content-type-options'),
        refused.headers.has('ratelimit-remaining'),
      ];
      expect([path, refused.ok, read, sniffed, left]).toEqual([path, false, '*', 'nosniff', counted]);
      expect(refused.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
      expect(refused.headers.get('strict-transport-security')).toContain('max-age=');
    }
    const preflight = await fetch(`${url}/api/orders`, {
      method: 'OPTIONS',
      headers: { origin: 'http://shop.example', 'access-control-request-method': 'POST' },
    });
    expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([204, '*']);
    expect(preflight.headers.get('access-control-allow-methods')).toContain('POST');
  });
});

afterAll(async () => {
  for (const host of running.splice(0)) await host.stop();
});
