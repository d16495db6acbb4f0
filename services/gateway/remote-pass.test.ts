import { createServer, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'undici';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { eventually } from '#platform/testing/eventually';
import { createRemotePasses, type RemotePasses } from './remote-pass.js';

/** What the service holds until the test answers it, by its path. */
let held: Map<string | undefined, ServerResponse>;
let settled: boolean[];
let passed: ServerResponse[];
let pool: Pool;
let passes: RemotePasses;
let service: Server;
let gateway: Server;

const listen = async (server: Server): Promise<string> => {
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

beforeEach(async () => {
  [held, settled, passed] = [new Map(), [], []];
  service = createServer((request, response) => {
    if (request.url === '/dropped') request.socket.destroy();
    else held.set(request.url, response);
  });
  // One connection for two requests: the second begins when the first has ended.
  pool = new Pool(await listen(service), { connections: 1 });
  passes = createRemotePasses(pool, 2, {
    wasDropped: (error) => (error as { code?: string }).code === 'UND_ERR_SOCKET',
    settled: (isAnswered) => settled.push(isAnswered),
  });
  gateway = createServer((request, response) => {
    passed.push(response);
    const server = passes.server();
    if (server === undefined) response.writeHead(503).end();
    else
      server.pass(request, response, {
        answered: () => {},
        failed: () => response.writeHead(502).end(),
      });
  });
});
afterEach(async () => {
  for (const response of held.values()) response.destroy();
  await pool.destroy();
  for (const server of [gateway, service]) {
    server.closeAllConnections();
    server.close();
  }
});

it('does not send a request whose caller has gone while it waited, and leaves its slot to others', async () => {
  const url = await listen(gateway);
  const first = fetch(`${url}/first`);
  await eventually(() => held.has('/first'));
  const leaving = request(`${url}/second`).on('error', () => {});
  leaving.end();
  await eventually(() => passed.length === 2);
  leaving.destroy();
  await eventually(() => passed[1]?.destroyed === true);
  held.get('/first')?.end();
  expect((await first).status).toBe(200);
  const later = [fetch(`${url}/third`), fetch(`${url}/fourth`)];
  await eventually(() => passed.length === 4);
  for (const requests of [2, 3]) {
    await eventually(() => held.size === requests);
    [...held.values()].at(-1)?.end();
  }
  expect((await Promise.all(later)).map(({ status }) => status)).toEqual([200, 200]);
  expect(held.has('/second')).toBe(false);
  expect(settled).toEqual([true, true, true]);
});

it('says that a request had no answer, once for both attempts', async () => {
  const url = await listen(gateway);
  expect((await fetch(`${url}/dropped`)).status).toBe(502);
  expect(settled).toEqual([false]);
});
