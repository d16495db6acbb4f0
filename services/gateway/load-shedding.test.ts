import { IncomingMessage, request, ServerResponse } from 'node:http';
import { connect, Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { text as readWhole } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createHttpServer } from '#platform/http/server';
import { eventually } from '#platform/testing/eventually';
import { testHost } from '#platform/testing/test-host';
import { sleep } from '#platform/waiting/sleep';
import { createPlaces, shedLoad } from './load-shedding.js';

const host = testHost('gateway');
let url = '';

beforeAll(async () => {
  const { app, component } = createHttpServer(host, { port: 0, title: 'Gateway' });
  shedLoad(app, host.metrics, createPlaces(host.metrics, 1), { bodyMsMax: 300 });
  app.post(
    '/api/things',
    {
      access: 'anonymous',
      schema: { body: z.strictObject({ n: z.int() }), response: { 200: z.unknown() } },
    },
    async ({ body }) => body,
  );
  app.addContentTypeParser('application/x-ndjson', (_request, body, done) => done(null, body));
  // Not of the API: it takes the only place from nobody.
  app.post('/lines', { access: 'anonymous', schema: { hide: true } }, async ({ body }) => ({
    lines: (await readWhole(body as Readable)).split('\n').length,
  }));
  app.addContentTypeParser('text/plain', (_request, body, done) => done(null, body));
  app.post('/echo', { access: 'anonymous', schema: { hide: true } }, async ({ body }, reply) =>
    reply.type('text/plain').send(body),
  );
  host.use(component);
  await host.start();
  url = component.url;
});
afterAll(() => host.stop());

/** Sends the head and the first part of a body, and answers what comes before it sends the rest. */
const begin = async (
  first: string,
): Promise<{ status: number; body: string; isClosed: Promise<boolean> }> => {
  const sending = request(`${url}/api/things`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
  });
  const isClosed = new Promise<boolean>((resolve) => sending.once('close', () => resolve(true)));
  sending.on('error', () => {});
  sending.write(first);
  return new Promise((resolve) =>
    sending.once('response', async (answer) => {
      let body = '';
      for await (const piece of answer) body += piece;
      resolve({ status: answer.statusCode ?? 0, body, isClosed });
    }),
  );
};

it('waits for a body only so long, and others are answered meanwhile', async () => {
  const late = begin('{"n":');
  const post = () =>
    fetch(`${url}/api/things`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"n":1}',
    });
  for (let n = 0; n < 3; n += 1) expect((await post()).status).toBe(200);
  const { status, body, isClosed } = await late;
  expect([status, JSON.parse(body)]).toEqual([408, expect.objectContaining({ code: 'body_timeout' })]);
  expect(await isClosed).toBe(true);
  expect((await post()).status).toBe(200);
});

it.each([
  'application/x-ndjson',
  'application/x-ndjson; charset=utf-8',
  'Application/X-NDJSON;charset=utf-8',
])('lets a body of %s, which is passed on line by line, take as long as it does', async (mediaType) => {
  const slow = request(`${url}/lines`, { method: 'POST', headers: { 'content-type': mediaType } });
  const answered = new Promise<IncomingMessage>((resolve) => {
    slow.once('response', resolve).on('error', () => {});
  });
  slow.write('{}\n');
  // Begun later, and refused because it took too long.
  expect((await begin('{"n":')).status).toBe(408);
  slow.end('{}');
  const answer = await answered;
  expect([answer.statusCode, JSON.parse(await readWhole(answer))]).toEqual([200, { lines: 2 }]);
});

it('lets an answer go on that began before the body was complete', async () => {
  const slow = request(`${url}/echo`, { method: 'POST', headers: { 'content-type': 'text/plain' } });
  const answered = new Promise<IncomingMessage>((resolve) => {
    slow.once('response', resolve).on('error', () => {});
  });
  slow.write('first, ');
  const answer = await answered;
  // Begun later, and refused because it took too long.
  expect((await begin('{"n":')).status).toBe(408);
  slow.end('last');
  expect(await readWhole(answer)).toBe('first, last');
});

it('keeps no place for a caller who went while others were asked about the request', async () => {
  const gateway = testHost('gateway');
  let held: ServerResponse | undefined;
  const { app, component } = createHttpServer(gateway, {
    port: 0,
    title: 'Gateway',
    beforeAuthentication: (app) => {
      shedLoad(app, gateway.metrics, createPlaces(gateway.metrics, 1));
      // As long as it takes to ask about a key, a token or a count.
      app.addHook('onRequest', ({ headers }, { raw }, done) => {
        if (headers['x-held'] === undefined) return done();
        raw.once('close', () => setImmediate(done));
        held = raw;
      });
    },
  });
  app.get('/api/things', { access: 'anonymous', schema: { hide: true } }, async () => ({}));
  gateway.use(component);
  await gateway.start();
  try {
    const caller = connect(Number(new URL(component.url).port), '127.0.0.1');
    caller.write('GET /api/things HTTP/1.1\r\nHost: x\r\nX-Held: 1\r\n\r\n');
    await eventually(() => held !== undefined);
    caller.destroy();
    await eventually(() => held?.writableEnded === true);
    expect((await fetch(`${component.url}/api/things`)).status).toBe(200);
  } finally {
    await gateway.stop();
  }
});

describe('a large answer', () => {
  const unreadMsMax = 400;
  const bytes = 32 * 1024 * 1024;
  const gateway = testHost('gateway');
  const places = createPlaces(gateway.metrics, 1, { unreadMsMax });
  let port = 0;

  beforeAll(async () => {
    const { app, component } = createHttpServer(gateway, { port: 0, title: 'Gateway' });
    shedLoad(app, gateway.metrics, places);
    app.get('/api/large', { access: 'anonymous', schema: { hide: true } }, async (_, reply) =>
      reply.type('text/plain').send(Buffer.alloc(bytes, 'x')),
    );
    app.get('/api/late', { access: 'anonymous', schema: { hide: true } }, async () => {
      await sleep(2 * unreadMsMax);
      return { late: true };
    });
    gateway.use(component);
    await gateway.start();
    port = Number(new URL(component.url).port);
  });
  afterAll(() => gateway.stop());

  const asked = (): Socket => {
    const socket = connect(port, '127.0.0.1');
    socket.write('GET /api/large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    return socket;
  };

  it('that nobody reads gives its place back', async () => {
    const unread = asked();
    await eventually(() => !places.isFree());
    await eventually(() => places.isFree(), { timeoutMs: 10_000 });
    unread.destroy();
  });

  it('that is read slowly comes whole', async () => {
    const socket = asked();
    const startedAtMs = performance.now();
    let read = 0;
    for await (const piece of socket) {
      read += piece.length;
      if (performance.now() - startedAtMs < 4 * unreadMsMax) await sleep(unreadMsMax / 20);
    }
    expect(read).toBeGreaterThan(bytes);
  });

  it('that its service takes long to begin is waited for', async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/api/late`);
    expect(await answer.json()).toEqual({ late: true });
  });
});

it.each([
  ['/api/orders/0190b7a2-0000-7000-8000-00000000000a/status?waitMs=5000', true],
  ['/api/orders/0190B7A2-0000-7000-8000-00000000000A/status?waitMs=5000', true],
  ['/api/orders/0190b7a2-0000-7000-8000-00000000000a/%73tatus?waitMs=5000', true],
  ['/api/orders/0190b7a2-0000-7000-8000-00000000000a/status?wait%4ds=0000000005000', true],
  ['http://x/api/orders/0190b7a2-0000-7000-8000-00000000000a/status?waitMs=5000', true],
  ['/api/orders/0190b7a2-0000-7000-8000-00000000000a/status', false],
  ['/api/orders/0190b7a2-0000-7000-8000-00000000000a/status?x=waitMs', false],
  ['/api/orders/0190b7a2-0000-7000-8000-00000000000a?waitMs=5000', false],
  ['/api/orders?waitMs=5000', false],
])('of %s says whether it waits without a place: %j', (asked, isWaiting) => {
  const places = createPlaces(testHost('gateway').metrics, 1);
  expect(places.tryEnter(new ServerResponse(new IncomingMessage(new Socket())), asked)).toBe(true);
  expect(places.isFree()).toBe(isWaiting);
});
