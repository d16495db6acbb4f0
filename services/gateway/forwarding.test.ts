import { createServer, type IncomingHttpHeaders, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as readWhole } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createHttpServer } from '#platform/http/server';
import { eventually } from '#platform/testing/eventually';
import { testHost } from '#platform/testing/test-host';
import { sleep } from '#platform/waiting/sleep';
import { forwardingRoutes } from './forwarding.js';
import { forwardingParts } from './testing/forwarding-parts.js';
import { createUpstream } from './upstream.js';

/** In a process of its own, as the gateway sees it. */
const service = createServer((request, response) => {
  asked.push({ url: request.url ?? '', headers: request.headers });
  if (request.headers['content-type'] !== 'application/x-ndjson') return response.end('{}');
  // Answers as it reads, as an import does.
  response.flushHeaders();
  return request.pipe(response);
});
let asked: { url: string; headers: IncomingHttpHeaders }[] = [];
let held: ServerResponse | undefined;
let url = '';
let server: Server;
const host = testHost('gateway');

beforeAll(async () => {
  await new Promise<void>((listening) => service.listen(0, '127.0.0.1', listening));
  const { port } = service.address() as AddressInfo;
  const order = createUpstream('order', [`http://127.0.0.1:${port}`], host.metrics, 1_000);
  host.use(order);
  const { app, component } = createHttpServer(host, { port: 0, title: 'Gateway' });
  server = Object.assign(app.server, { connectionsCheckingInterval: 50 });
  // As long as it takes to ask about a key, a token or a count.
  app.addHook('onRequest', ({ headers }, { raw }, done) => {
    if (headers['x-held'] === undefined) return done();
    raw.once('close', () => setImmediate(done));
    held = raw;
  });
  await forwardingRoutes(
    app,
    [{ path: '/api/orders', to: 'order' }],
    { order } as Parameters<typeof forwardingRoutes>[2],
    forwardingParts(host),
  );
  host.use(component);
  await host.start();
  url = component.url;
});
beforeEach(() => {
  asked = [];
});
afterAll(async () => {
  await host.stop();
  await new Promise((closed) => service.close(closed));
});

const get = (path: string, headers: Record<string, string> = {}): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const asking = request(url + path, { headers });
    asking.once('response', (response) => response.resume().once('end', () => resolve(response.statusCode)));
    asking.once('error', reject).end();
  });

it('asks no service for a caller who has gone before', async () => {
  const asking = request(`${url}/api/orders/of-nobody`, { headers: { 'x-held': '1' } });
  asking.on('error', () => {}).end();
  await eventually(() => held !== undefined);
  asking.destroy();
  await eventually(() => held?.closed === true);
  expect(await get('/api/orders/next')).toBe(200);
  expect(asked.map(({ url }) => url)).toEqual(['/api/orders/next']);
});

it('passes lines on as they come, for longer than a request may take otherwise', async ({
  onTestFinished,
}) => {
  // Of this test alone: on a busy machine the requests of others may take as long.
  const { requestTimeout, headersTimeout } = server;
  onTestFinished(() => void Object.assign(server, { requestTimeout, headersTimeout }));
  Object.assign(server, { requestTimeout: 300, headersTimeout: 300 });
  const headers = { 'content-type': 'application/x-ndjson' };
  const sending = request(`${url}/api/orders/lines`, { method: 'POST', headers });
  const answered = new Promise<string>((resolve, reject) => {
    sending.once('error', reject).once('response', (answer) => readWhole(answer).then(resolve, reject));
  });
  for (let nth = 0; nth < 8; nth += 1) {
    sending.write(`${nth}\n`);
    await sleep(100);
  }
  sending.end();
  expect(await answered).toBe('0\n1\n2\n3\n4\n5\n6\n7\n');
});

it('sends no header on that the client names as one of its connection', async () => {
  const headers = { connection: 'keep-alive, X-Hop , x-again', 'x-hop': '1', 'x-again': '2', 'x-kept': '3' };
  expect(await get('/api/orders', headers)).toBe(200);
  const [seen] = asked;
  expect([seen?.headers['x-hop'], seen?.headers['x-again'], seen?.headers['x-kept']]).toEqual([
    undefined,
    undefined,
    '3',
  ]);
});
