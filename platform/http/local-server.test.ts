import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { Pool } from 'undici';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import type { RunnableHost } from '#platform/service-host';
import { eventually } from '#platform/testing/eventually';
import { testHost } from '#platform/testing/test-host';
import { sleep } from '#platform/waiting/sleep';
import { etagOf, notModified, sendWithEtag } from './etag.js';
import { type LocalAnswer, type LocalRequest, localServerAt } from './local-server.js';
import { problem } from './problem-details.js';
import { createHttpServer } from './server.js';

const bounds = { answerTimeoutMs: 5_000, silenceMsMax: 5_000 };
let host: RunnableHost;
let origin: string;
let pool: Pool;
let waiting = 0;
/** Writes to the stream that was asked for last. */
let feed: (text: string) => void;
const closed: string[] = [];

beforeAll(async () => {
  host = testHost('things');
  const { app, component } = createHttpServer(host, { port: 0, title: 'Things', bodyBytesMax: 2000 });
  const access = 'anonymous' as const;
  app.get('/thing', { access, schema: { response: notModified } }, (request, reply) =>
    sendWithEtag(request, reply, etagOf(3), {
      héllo: 'wörld',
      asked: request.headers['x-own'],
      ip: request.ip,
    }),
  );
  app.post(
    '/thing',
    { access, schema: { body: z.strictObject({ name: z.string().max(9) }), response: { 201: z.unknown() } } },
    async (request, reply) => reply.code(201).header('location', '/thing/1').send({ got: request.body }),
  );
  app.post('/refuse', { access }, async () => {
    throw problem(409, 'no', 'No.', { headers: { 'retry-after': '3' } });
  });
  app.post('/fail', { access }, async () => {
    throw new Error('a fault');
  });
  app.delete('/thing', { access }, (_request, reply) => reply.code(204).send());
  app.get('/stream', { access }, (_request, reply) =>
    reply.type('text/plain').send(Readable.from(['a', 'b', 'é'])),
  );
  app.get('/raw', { access }, (_request, reply) => {
    reply.raw.writeHead(200, { 'Content-Type': 'text/event-stream' });
    reply.raw.write('data: first\n\n');
    reply.raw.once('close', () => closed.push('raw'));
    reply.hijack();
  });
  app.get('/fed', { access }, (_request, reply) => {
    feed = (text) => reply.raw.write(text);
    feed('begun');
    reply.hijack();
  });
  app.get('/never', { access }, (_request, reply) => {
    waiting += 1;
    reply.raw.once('close', () => closed.push('never'));
    return new Promise<never>(() => {});
  });
  app.get('/slow', { access }, async () => {
    await sleep(100);
    return { slow: true };
  });
  app.get('/broken', { access }, (_request, reply) => {
    reply.hijack();
    reply.raw.destroy();
  });
  await app.register(async (scope) => {
    scope.addContentTypeParser('application/x-ndjson', (_request, body, done) => done(null, body));
    scope.post('/lines', { access }, async (request) => ({
      read: (await text(request.body as Readable)).length,
    }));
  });
  host.use(component);
  await host.start();
  origin = component.url;
  pool = new Pool(origin);
});
afterEach(() => {
  waiting = 0;
  closed.length = 0;
});
afterAll(async () => {
  await pool.destroy();
  await host.stop();
});

const ask = (request: Partial<LocalRequest> & { path: string }, limits = bounds): Promise<LocalAnswer> => {
  const server = localServerAt(origin);
  if (server === undefined) throw new Error('not announced');
  const whole = { method: 'GET', headers: {}, body: null, signal: new AbortController().signal, ...request };
  return server.ask(whole, limits);
};

const bodyOf = async ({ body }: LocalAnswer): Promise<string> =>
  body instanceof Readable ? await text(body) : String(body ?? '');

const json = { 'content-type': 'application/json' };
/** Of the connection, and of one answer alone. */
const own = ['traceparent', 'connection', 'keep-alive', 'date', 'transfer-encoding', 'x-correlation-id'];
const without = (headers: object): object =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !own.includes(name)));

describe('a server that is asked within its process', () => {
  it.each<[string, Partial<LocalRequest> & { path: string }]>([
    ['a read', { path: '/thing', headers: { 'x-own': 'kept' } }],
    ['a read of what is known', { path: '/thing', headers: { 'if-none-match': '"3"' } }],
    ['a head', { path: '/thing', method: 'HEAD' }],
    ['a write', { path: '/thing', method: 'POST', headers: json, body: Buffer.from('{"name":"é"}') }],
    ['an answer without a body', { path: '/thing', method: 'DELETE' }],
    ['a body that is no JSON', { path: '/thing', method: 'POST', headers: json, body: Buffer.from('{') }],
    ['an empty body', { path: '/thing', method: 'POST', headers: json, body: Buffer.alloc(0) }],
    [
      'a body that is not valid',
      { path: '/thing', method: 'POST', headers: json, body: Buffer.from('{"a":1}') },
    ],
    ['a large body', { path: '/thing', method: 'POST', headers: json, body: Buffer.alloc(3000, '1') }],
    [
      'another media type',
      { path: '/thing', method: 'POST', headers: { 'content-type': 'text/xml' }, body: Buffer.from('<a/>') },
    ],
    ['a method that is not there', { path: '/thing', method: 'PATCH' }],
    ['an address that is not there', { path: '/nothing?a=1' }],
    ['a query that is not well formed', { path: '/thing?a=%ff' }],
    ['a refusal with a header', { path: '/refuse', method: 'POST' }],
    ['a stream', { path: '/stream' }],
    ['its health', { path: '/health/live' }],
  ])('answers %s as over a socket', async (_what, request) => {
    const headers = { ...request.headers, 'x-correlation-id': 'the-same' };
    const local = await ask({ ...request, headers });
    const remote = await pool.request({
      path: request.path,
      method: (request.method ?? 'GET') as 'GET',
      headers,
      body: request.body as Buffer | null,
    });
    expect(local.statusCode).toBe(remote.statusCode);
    expect(without(local.headers)).toEqual(without(remote.headers));
    expect(local.headers['x-correlation-id']).toBe('the-same');
    expect(await bodyOf(local)).toBe(await remote.body.text());
  });

  it('reads a body that is streamed', async () => {
    const answer = await ask({
      path: '/lines',
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: Readable.from(Array.from({ length: 50 }, () => Buffer.alloc(30_000, 'x'))),
    });
    expect(JSON.parse(await bodyOf(answer))).toEqual({ read: 1_500_000 });
  });

  it('reads the rest of a body that was answered before its end, which the next request stands behind', async () => {
    const body = Readable.from(Array.from({ length: 50 }, () => Buffer.alloc(30_000, 'x')));
    const ended = once(body, 'end', { signal: AbortSignal.timeout(5_000) });
    const answer = await ask({
      path: '/not-there',
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body,
    });
    expect(answer.statusCode).toBe(404);
    await ended;
  });

  it('fails on a streamed body that breaks off', async () => {
    const body = new PassThrough();
    const asked = ask({
      path: '/lines',
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body,
    });
    body.write('half');
    body.destroy();
    const answer = await asked;
    expect(answer.statusCode).toBeGreaterThanOrEqual(400);
  });

  it('passes on what is written as it is written, and sees its caller go', async () => {
    const gone = new AbortController();
    const { headers, body } = await ask({ path: '/raw', signal: gone.signal });
    expect(headers['content-type']).toBe('text/event-stream');
    const [first] = (await once(body as Readable, 'data')) as [Buffer];
    expect(first.toString()).toBe('data: first\n\n');
    gone.abort();
    await eventually(() => closed.includes('raw'));
  });

  it('sees a caller go who reads no further', async () => {
    const { body } = await ask({ path: '/raw' });
    (body as Readable).destroy();
    await eventually(() => closed.includes('raw'));
  });

  it('sees a caller go who has no answer yet', async () => {
    const gone = new AbortController();
    const asked = ask({ path: '/never', signal: gone.signal });
    asked.catch(() => {});
    await eventually(() => waiting === 1);
    gone.abort();
    await expect(asked).rejects.toMatchObject({ name: 'AbortError' });
    await eventually(() => closed.includes('never'));
  });

  it('is not waited for any longer than said', async () => {
    await expect(ask({ path: '/never' }, { ...bounds, answerTimeoutMs: 50 })).rejects.toMatchObject({
      code: 'dependency_timeout',
    });
    await eventually(() => closed.includes('never'));
    const { body } = await ask({ path: '/raw' }, { ...bounds, silenceMsMax: 50 });
    await expect(text(body as Readable)).rejects.toMatchObject({ code: 'dependency_timeout' });
  });

  it('goes on for as long as something comes in time', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const { body } = await ask({ path: '/fed' }, { ...bounds, silenceMsMax: 1_000 });
      const read: string[] = [];
      const ended = Promise.withResolvers<unknown>();
      (body as Readable).on('data', (chunk: Buffer) => read.push(chunk.toString()));
      (body as Readable).once('error', ended.resolve);
      for (const text of ['1', '2', '3']) {
        await vi.advanceTimersByTimeAsync(900);
        feed(text);
      }
      await vi.advanceTimersByTimeAsync(999);
      expect(read).toEqual(['begun', '1', '2', '3']);
      await vi.advanceTimersByTimeAsync(1);
      expect(await ended.promise).toMatchObject({ code: 'dependency_timeout' });
    } finally {
      vi.useRealTimers();
    }
  });

  it('reports a response that is closed without an answer', async () => {
    await expect(ask({ path: '/broken' })).rejects.toMatchObject({ code: 'dependency_unavailable' });
  });

  it('finishes its running requests when it stops, and is not found any more', async () => {
    const other = testHost('other');
    const { app, component } = createHttpServer(other, { port: 0, title: 'Other' });
    app.get('/slow', { access: 'anonymous' }, async () => {
      await sleep(100);
      return { slow: true };
    });
    other.use(component);
    await other.start();
    const { url } = component;
    const signal = new AbortController().signal;
    const running = localServerAt(url)?.ask(
      { method: 'GET', path: '/slow', headers: {}, body: null, signal },
      bounds,
    );
    await other.stop();
    expect(localServerAt(url)).toBeUndefined();
    expect((await running)?.statusCode).toBe(200);
  });
});
