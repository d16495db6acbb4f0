import { type IncomingMessage, request } from 'node:http';
import { text as readWhole } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import type { Authenticator } from '#platform/http/auth';
import { problem } from '#platform/http/problem-details';
import { createHttpServer, withheldBodyHeader } from '#platform/http/server';
import { testHost } from '#platform/testing/test-host';
import { forwardingRoutes } from './forwarding.js';
import { forwardingParts } from './testing/forwarding-parts.js';
import { createUpstream } from './upstream.js';

const auth: Authenticator = {
  principalOf: async (authorization) => {
    if (authorization === undefined) return { kind: 'anonymous' };
    if (authorization !== 'Bearer ann') throw problem(401, 'invalid_token', 'no');
    return { kind: 'user', userId: 'ann', roles: ['customer'] };
  },
};
const orders = testHost('order');
const host = testHost('gateway');
let url = '';
let ordered = 0;

beforeAll(async () => {
  const order = createHttpServer(orders, { port: 0, title: 'Orders', auth });
  order.app.post(
    '/api/orders',
    {
      access: 'user',
      requires: ['idempotency-key'],
      schema: { body: z.strictObject({ note: z.string().max(10) }).nullish() },
    },
    async () => {
      ordered += 1;
      return {};
    },
  );
  orders.use(order.component);
  await orders.start();
  const { app, component } = createHttpServer(host, { port: 0, title: 'Gateway' });
  const upstream = createUpstream('order', [order.component.url], host.metrics, 1_000);
  host.use(upstream);
  await forwardingRoutes(
    app,
    [{ path: '/api/orders', to: 'order' }],
    { order: upstream } as never,
    forwardingParts(host),
  );
  host.use(component);
  await host.start();
  url = component.url;
});
afterAll(async () => {
  await host.stop();
  await orders.stop();
});

const bearer = { authorization: 'Bearer ann' };
const keyed = { ...bearer, 'idempotency-key': 'k' };

const refusals: [string, string, Record<string, string>, number, string][] = [
  ['POST', '/api/orders', {}, 401, 'authentication_required'],
  ['POST', '/api/orders', bearer, 400, 'idempotency_key_required'],
  ['POST', '/api/orders', keyed, 413, 'body_too_large'],
  ['PATCH', '/api/orders', keyed, 405, 'method_not_allowed'],
  ['POST', '/api/orders/nothing', keyed, 404, 'route_not_found'],
];

it.each(refusals)(
  '%s %s with %j and a body beyond the limit is refused with %i for what comes first',
  async (...given) => {
    const [method, path, headers, status, code] = given;
    const answer = await fetch(url + path, {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ note: 'a'.repeat(2 * 1024 * 1024) }),
    });
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([status, code]);
    expect(ordered).toBe(0);
  },
);

it.each(refusals)('so is %s %s with %j and a body that says nothing of its length: %i', async (...given) => {
  const [method, path, headers, status, code] = given;
  const sending = request(url + path, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    sending.once('response', resolve).on('error', reject);
  });
  sending.write(JSON.stringify({ note: 'a'.repeat(2 * 1024 * 1024) }).slice(0, -1));
  const answer = await answered;
  expect([answer.statusCode, JSON.parse(await readWhole(answer)).code]).toEqual([status, code]);
  expect([answer.headers.connection, ordered]).toEqual(['close', 0]);
});

it('is refused for its body too where the caller names the gateway’s own header as one of the connection', async () => {
  const headers = { 'content-type': 'application/json', connection: withheldBodyHeader, ...keyed };
  const status = await new Promise((resolve, reject) => {
    const asking = request(`${url}/api/orders`, { method: 'POST', headers }, (answer) =>
      resolve(answer.resume().statusCode),
    ).once('error', reject);
    asking.setHeader('content-length', 2 * 1024 * 1024);
    asking.flushHeaders();
  });
  expect([status, ordered]).toEqual([413, 0]);
});
