import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { eventually } from '#platform/testing/eventually';
import { testHost } from '#platform/testing/test-host';
import { createUpstream, type Upstream, type UpstreamResponse, wholeBodyOf } from './upstream.js';

/** In a process of its own, as the gateway sees it: no server of `createHttpServer`, so it is asked over sockets. */
const held: ServerResponse[] = [];
const service = createServer((request, response) => {
  if (request.url === '/api/quick') response.end('{}');
  else if (request.url === '/api/held') held.push(response);
  else {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': \n\n');
    held.push(response);
  }
});
const bounds = { ordinaryMax: 2, stayingOpenMax: 2 };
const answerTimeoutMs = 1_000;
let upstream: Upstream;
let callers: AbortController[] = [];

beforeAll(async () => {
  await new Promise<void>((listening) => service.listen(0, '127.0.0.1', listening));
});
beforeEach(() => {
  const { port } = service.address() as AddressInfo;
  const { metrics } = testHost('gateway');
  upstream = createUpstream('order', [`http://127.0.0.1:${port}`], metrics, answerTimeoutMs, bounds);
});
afterEach(async () => {
  for (const caller of callers) caller.abort();
  callers = [];
  for (const response of held.splice(0)) response.destroy();
  await upstream.stop();
});
afterAll(async () => {
  await new Promise((closed) => service.close(closed));
});

const ask = (path: string, accept = '*/*'): Promise<UpstreamResponse> => {
  const gone = new AbortController();
  callers.push(gone);
  const headers = { accept };
  return upstream.send({ method: 'GET', path, headers, body: null, signal: gone.signal });
};

it.each([
  ['streams by their header', '/api/other', 'text/event-stream'],
  ['streams by their path', '/api/orders/1/stream?seconds=9', '*/*'],
  ['streams by their path as it is decoded', '/api/analytics/%6Cive', '*/*'],
  ['polls that wait', '/api/orders/1/status?waitMs=9000', '*/*'],
  ['polls that wait, as they are decoded', '/api/orders/1/status?wait%4ds=9000', '*/*'],
])(
  'keeps %s from ordinary requests, and refuses the next when too many are open',
  async (_, path, accept) => {
    const open = await Promise.all([ask(path, accept), ask(path, accept)]);
    expect(open.map(({ statusCode }) => statusCode)).toEqual([200, 200]);
    for (let turn = 0; turn < 5; turn += 1) {
      expect(String(await wholeBodyOf(await ask('/api/quick')))).toBe('{}');
      // More refusals than failures open a circuit: what is full is not broken.
      await expect(ask(path, accept)).rejects.toMatchObject({ status: 503, code: 'too_many_watchers' });
    }
    for (const caller of callers.splice(0)) caller.abort();
    for (const { body } of open) (body as NodeJS.ReadableStream & { destroy(): void }).destroy();
    await eventually(() =>
      ask(path, accept).then(
        ({ statusCode }) => statusCode === 200,
        () => false,
      ),
    );
  },
);

it('answers 503 in time to who waits for a connection, and goes on when one is free', async () => {
  const holding = [ask('/api/held'), ask('/api/held')].map((asked) => asked.catch(() => undefined));
  await eventually(() => held.length === 2);
  const refused = expect(ask('/api/quick')).rejects.toMatchObject({ status: 503, code: 'service_timeout' });
  // Whoever holds the connections began first; what they do after that must not matter to who waits.
  for (const response of held) response.writeHead(200).write(' ');
  await Promise.all(holding);
  await refused;
  for (const response of held.splice(0)) response.end();
  for (const answer of await Promise.all(holding)) if (answer) await wholeBodyOf(answer);
  expect((await ask('/api/quick')).statusCode).toBe(200);
});

it.each([
  ['GET', null, 1],
  ['POST', Buffer.from('{}'), 0],
] as const)(
  'asks another instance what was asked with %s and had no answer (%j): %i times',
  async (method, body, times) => {
    let dropped = 0;
    // It may have done what it was asked for before it broke.
    const breaking = createServer((request) => {
      dropped += 1;
      request.socket.destroy();
    });
    const asked: string[] = [];
    const other = createServer((request, response) => {
      asked.push(request.method ?? '');
      response.end('{}');
    });
    const urls = await Promise.all(
      [breaking, other].map(async (server) => {
        await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
        return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      }),
    );
    const both = createUpstream('order', urls, testHost('gateway').metrics, answerTimeoutMs, bounds);
    try {
      const { signal } = new AbortController();
      // In turn: one of two goes to the instance that breaks.
      const answers = await Promise.allSettled(
        [1, 2].map(() => both.send({ method, path: '/api/orders', headers: {}, body, signal })),
      );
      const failed = answers.filter(({ status }) => status === 'rejected');
      expect(dropped).toBeGreaterThan(0);
      expect([failed.length, asked]).toEqual([1 - times, Array.from({ length: 1 + times }, () => method)]);
    } finally {
      await both.stop();
      for (const server of [breaking, other]) server.close();
    }
  },
);

it('asks an instance again as soon as it has said how it is', async () => {
  const server = createServer((_request, response) => response.end('{}'));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  const { metrics } = testHost('gateway');
  const away = createUpstream('order', [`http://127.0.0.1:${port}`], metrics, answerTimeoutMs, bounds);
  const { signal } = new AbortController();
  const get = () => away.send({ method: 'GET', path: '/api/orders', headers: {}, body: null, signal });
  try {
    for (let failures = 0; failures < 5; failures += 1)
      await expect(get()).rejects.toMatchObject({ status: 503 });
    expect(await away.askEach('/health/ready', 1_000)).toEqual([undefined]);
    await new Promise<void>((listening) => server.listen(port, '127.0.0.1', listening));
    // The circuit is open for two seconds.
    await expect(get()).rejects.toMatchObject({ status: 503 });
    expect(await away.askEach('/health/ready', 1_000)).toEqual([{ status: 200, body: {} }]);
    expect((await get()).statusCode).toBe(200);
  } finally {
    await away.stop();
    server.close();
  }
});

it('holds it against no instance that callers leave before they have an answer', async () => {
  for (let left = 1; left <= 6; left += 1) {
    const leaving = ask('/api/held');
    await eventually(() => held.length === left, { everyMs: 5 });
    callers.at(-1)?.abort();
    await expect(leaving).rejects.toThrow();
  }
  expect((await ask('/api/quick')).statusCode).toBe(200);
});
