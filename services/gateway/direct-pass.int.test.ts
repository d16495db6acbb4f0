import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createHttpServer, withheldBodyHeader } from '#platform/http/server';
import { encodeSharedAnswer, sharedAnswerHeader } from '#platform/http/shared-answer';
import { newId } from '#platform/ids';
import type { RunnableHost } from '#platform/service-host';
import { startTracing } from '#platform/telemetry/tracing';
import { eventually } from '#platform/testing/eventually';
import { testHost } from '#platform/testing/test-host';
import { sleep } from '#platform/waiting/sleep';
import { newAddress, startGateway, useGateways } from './testing/gateway.js';

const running: RunnableHost[] = [];
let closed: string[] = [];
/** True for a request that the gateway gave to the service with its own response. */
let wasDirect: boolean;
let made = 0;
let dropped = 0;

useGateways();
beforeAll(() => startTracing({ service: 'gateway', sampleRatio: 0, readsPerSecondMax: 0 }));
afterEach(async () => {
  closed = [];
  for (const host of running.splice(0).reverse()) await host.stop();
});

const startOrders = async () => {
  const host = testHost('order');
  const { app, component } = createHttpServer(host, { port: 0, title: 'Orders' });
  const access = 'public' as const;
  app.addHook('onRequest', (request, _reply, done) => {
    // The router says who has asked.
    wasDirect = request.headers['x-forwarded-for'] === undefined;
    done();
  });
  app.get(
    '/api/orders',
    { access, schema: { querystring: z.strictObject({ n: z.string().max(3).optional() }) } },
    async (request, reply) =>
      reply.header('x-own', 'kept').header(sharedAnswerHeader, 'roles=x; ms=1').send({ n: request.query.n }),
  );
  app.get('/api/orders/claims', { access }, async ({ headers }) =>
    Object.fromEntries(claims.map((name) => [name, headers[name] ?? null])),
  );
  app.get('/api/orders/fresh', { access }, (_request, reply) =>
    reply.header('cache-control', 'private, no-cache').send({}),
  );
  app.get('/api/orders/text', { access }, (_request, reply) =>
    reply.type('text/plain').send(Readable.from(['é', 'b'])),
  );
  app.get('/api/orders/late', { access }, async () => {
    await sleep(400);
    return { late: true };
  });
  app.get('/api/orders/stream', { access }, (_request, reply) => {
    reply.raw.once('close', () => closed.push('stream'));
    reply.raw.writeHead(200, { 'Content-Type': 'text/event-stream' });
    reply.raw.write('data: first\n\n');
    reply.hijack();
  });
  app.get('/api/orders/shared', { access }, (_request, reply) => {
    const id = newId();
    reply.header(sharedAnswerHeader, encodeSharedAnswer({ roles: ['anonymous'], ageMsMax: 1000, ownId: id }));
    made += 1;
    return reply.header('vary', 'accept').send({ id, made });
  });
  app.get('/api/orders/dropped', { access }, ({ raw }, reply) => {
    dropped += 1;
    raw.socket.destroy();
    reply.hijack();
  });
  host.use(component);
  // Nobody in this process finds this server, so it is asked over a socket as one of another process is.
  const socketServer = createServer((request, response) => {
    response.once('close', () => isStopping && socketServer.closeIdleConnections());
    app.routing(request, response);
  });
  let isStopping = false;
  host.use({
    name: 'socket',
    isFront: true,
    start: () => new Promise((resolve) => socketServer.listen(0, '127.0.0.1', resolve)),
    stop: () =>
      new Promise((resolve) => {
        socketServer.close(() => resolve());
        isStopping = true;
      }),
  });
  await host.start();
  running.push(host);
  const { port } = socketServer.address() as AddressInfo;
  return { url: component.url, socketUrl: `http://127.0.0.1:${port}`, host };
};

const claims = ['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'forwarded', withheldBodyHeader];

type Place = 'this process' | 'another process';

const opening =
  (place: Place) =>
  async (env: Record<string, string> = {}) => {
    const orders = await startOrders();
    const url = place === 'this process' ? orders.url : orders.socketUrl;
    const gateway = await startGateway({ ORDER_URL: url, ...env });
    running.push(gateway.host);
    const address = newAddress();
    const ask = (path: string, headers: Record<string, string> = {}, signal: AbortSignal | null = null) =>
      fetch(gateway.url + path, { headers: { 'x-forwarded-for': address, ...headers }, signal });
    // Until the gateway knows its client.
    const untilDirect = () =>
      eventually(async () => {
        wasDirect = false;
        await (await ask('/api/orders')).text();
        return wasDirect;
      });
    return { ask, untilDirect, orders };
  };

/** The headers without those that differ from answer to answer. */
const without = (headers: Headers): object => {
  const differing = ['date', 'traceparent', 'ratelimit-remaining', 'ratelimit-reset'];
  return Object.fromEntries([...headers].filter(([name]) => !differing.includes(name)));
};
const asRouted = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` };

describe.each<Place>(['this process', 'another process'])(
  'a read given directly to a service of %s',
  (place) => {
    const open = opening(place);

    it.each([
      '/api/orders?n=1',
      '/api/orders?wrong=1',
      '/api/orders/text',
      '/api/orders/none',
      '/api/orders?n=%ff',
    ])('of %s is answered as one that the router forwards', async (path) => {
      const { ask, untilDirect } = await open();
      await untilDirect();
      const direct = await ask(path, { 'x-correlation-id': 'same' });
      const routed = await ask(path, { 'x-correlation-id': 'same', ...asRouted });
      expect([direct.status, without(direct.headers)]).toEqual([routed.status, without(routed.headers)]);
      expect(await direct.text()).toBe(await routed.text());
      expect(direct.headers.get('traceparent')).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
      expect(routed.headers.get('traceparent')).toMatch(/^00-a{32}-[0-9a-f]{16}-0[01]$/);
      expect(direct.headers.has(sharedAnswerHeader)).toBe(false);
      const remaining = [direct, routed].map(({ headers }) => headers.get('ratelimit-remaining'));
      // A URL that the server refuses is not counted.
      if (remaining[0] !== null) expect(Number(remaining[1])).toBe(Number(remaining[0]) - 1);
    });

    it.each(['x-order-token', 'authorization', 'x-api-key'])(
      'and another are for no shared cache where %s was sent, unless they say for themselves',
      async (credentials) => {
        const { ask, untilDirect } = await open();
        await untilDirect();
        const own = { [credentials]: 'x'.repeat(40) };
        for (const how of [{}, asRouted]) {
          const cachingOf = async (path: string, headers: Record<string, string>) =>
            (await ask(path, { ...headers, ...how })).headers.get('cache-control');
          expect(await cachingOf('/api/orders?n=1', own)).toBe('private, no-store');
          expect(await cachingOf('/api/orders/none', own)).toBe('private, no-store');
          expect(await cachingOf('/api/orders/fresh', own)).toBe('private, no-cache');
          expect(await cachingOf('/api/orders?n=1', {})).toBeNull();
        }
      },
    );

    it('shows the service nothing that only the gateway may say and the client claims', async () => {
      const { ask, untilDirect } = await open();
      await untilDirect();
      const forged = {
        'x-forwarded-host': 'shop.example',
        'x-forwarded-proto': 'ftp',
        forwarded: 'for=6.6.6.6',
        [withheldBodyHeader]: '1',
      };
      const seen = await (await ask('/api/orders/claims', forged)).json();
      expect([wasDirect, seen]).toEqual([true, Object.fromEntries(claims.map((name) => [name, null]))]);
    });

    it('is counted as one that the router forwards', async () => {
      const { ask, untilDirect } = await open();
      await untilDirect();
      const counted = async (): Promise<number> => {
        const text = await (await ask('/metrics')).text();
        const line = /http_requests_total\{method="GET",route="\/api\/orders\/\*",status="404"\} (\d+)/.exec(
          text,
        );
        return Number(line?.[1]);
      };
      await ask('/api/orders/none');
      const before = await counted();
      for (let n = 0; n < 5; n += 1) await ask('/api/orders/none');
      expect(await counted()).toBe(before + 5);
    });

    it('is 503 when the service does not answer in time, and what it answers later is nobody’s', async () => {
      const { ask, untilDirect } = await open({ GATEWAY_ANSWER_TIMEOUT_MS: '100' });
      await untilDirect();
      const answer = await ask('/api/orders/late', { 'x-correlation-id': 'mine' });
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '2']);
      expect(await answer.json()).toMatchObject({ code: 'service_timeout', correlationId: 'mine' });
      await sleep(500);
      expect((await ask('/api/orders')).status).toBe(200);
    });

    it('ends for the service when the caller goes, and takes no place as a stream', async () => {
      const { ask, untilDirect } = await open({ GATEWAY_IN_FLIGHT_MAX: '1' });
      await untilDirect();
      const gone = new AbortController();
      const answer = await ask('/api/orders/stream', {}, gone.signal);
      // What stays open has connections of its own, which the router takes.
      expect(wasDirect).toBe(place === 'this process');
      const { value } = (await answer.body?.getReader().read()) ?? {};
      expect(Buffer.from(value ?? []).toString()).toBe('data: first\n\n');
      expect((await ask('/api/orders')).status).toBe(200);
      gone.abort();
      await eventually(() => closed.includes('stream'));
    });

    it('takes a place until it is answered', async () => {
      const { ask, untilDirect } = await open({ GATEWAY_IN_FLIGHT_MAX: '2' });
      await untilDirect();
      const answers = await Promise.all([1, 2, 3, 4].map(() => ask('/api/orders/late')));
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 503, 503]);
      expect((await ask('/api/orders/late')).status).toBe(200);
    });

    it('is 503 once the service has stopped, which waits for it first', async () => {
      const { ask, untilDirect, orders } = await open();
      await untilDirect();
      wasDirect = false;
      const late = ask('/api/orders/late');
      await eventually(() => wasDirect);
      await sleep(50);
      await orders.host.stop();
      expect((await late).status).toBe(200);
      expect((await ask('/api/orders')).status).toBe(503);
    });
  },
);

describe('a read that is passed to another process', () => {
  const open = opening('another process');

  it('is asked once more when its connection is lost, and is 503 then', async () => {
    const { ask, untilDirect } = await open();
    await untilDirect();
    dropped = 0;
    const answer = await ask('/api/orders/dropped', { 'x-correlation-id': 'mine' });
    expect([answer.status, answer.headers.get('retry-after'), dropped, wasDirect]).toEqual([
      503,
      '2',
      2,
      true,
    ]);
    expect(await answer.json()).toMatchObject({ code: 'service_unavailable', correlationId: 'mine' });
    expect((await ask('/api/orders')).status).toBe(200);
  });

  it('is answered by the gateway alone where others had the answer and may share it, but for the id', async () => {
    const { ask, untilDirect } = await open();
    await untilDirect();
    made = 0;
    type List = { id: string; made: number };
    const lists: List[] = [];
    for (let n = 0; n < 5; n += 1) {
      const answer = await ask('/api/orders/shared');
      expect(answer.headers.get('vary')).toMatch(/accept/);
      lists.push((await answer.json()) as List);
    }
    const asGuest = await ask('/api/orders/shared', { 'x-order-token': 'x'.repeat(40) });
    expect(asGuest.headers.get('cache-control')).toBe('private, no-store');
    expect(((await asGuest.json()) as List).made).toBe(1);
    expect([lists.map((list) => list.made), new Set(lists.map(({ id }) => id)).size]).toEqual([
      [1, 1, 1, 1, 1],
      5,
    ]);
  });
});
