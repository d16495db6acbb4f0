import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { endsWithin } from '#platform/waiting/deadline';
import { allReady } from './health.js';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** A service whose health a test sets. */
const service = async (name: string, first: string) => {
  let status = first;
  let asked = 0;
  const server = createServer((_, response) => {
    asked += 1;
    response.writeHead(status === 'down' ? 503 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ status, dependencies: { 'reactor x': { status } } }));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    hosted: { name, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
    become: (next: string) => {
      status = next;
    },
    asked: () => asked,
  };
};

const { signal } = new AbortController();

it('waits for one that serves and is not whole yet, and asks nobody again who is', async () => {
  const [order, user] = [await service('order', 'degraded'), await service('user', 'up')];
  const ready = allReady([order.hosted, user.hosted], { degradedMsMax: 60_000, timeoutMs: 60_000, signal });
  expect(await endsWithin(250, ready)).toBe(false);
  expect([user.asked(), order.asked() > 1]).toEqual([1, true]);
  order.become('up');
  expect(await ready).toEqual([]);
});

it('goes on without one that stays degraded, and names what it lacks', async () => {
  const order = await service('order', 'degraded');
  expect(await allReady([order.hosted], { degradedMsMax: 0, timeoutMs: 60_000, signal })).toEqual([
    'order (reactor x degraded)',
  ]);
});

it('fails with the reason when one stays down', async () => {
  const order = await service('order', 'down');
  await expect(allReady([order.hosted], { degradedMsMax: 0, timeoutMs: 0, signal })).rejects.toThrow(
    'not ready: order (reactor x down)',
  );
});
