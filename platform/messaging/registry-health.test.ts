import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, expect, test } from 'vitest';
import { watchSchemaRegistry } from '#platform/messaging/registry-health';

/** Answers 401, or takes the request and never answers, as a process that is stopped does. */
let isStopped = false;
let requests = 0;
const registry = createServer((_, response) => {
  requests += 1;
  if (!isStopped) response.writeHead(401).end();
});
await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve));
afterAll(() => {
  registry.closeAllConnections();
  registry.close();
});
const port = (registry.address() as AddressInfo).port;

test('a registry is up when it answers, whatever it answers, and degrades health when it does not', async () => {
  const watched = watchSchemaRegistry(`http://user:secret@127.0.0.1:${port}/apis/ccompat/v7`);
  expect(await watched.checkHealth?.()).toEqual({ status: 'up' });
  isStopped = true;
  expect(await watched.checkHealth?.()).toMatchObject({ status: 'degraded' });
  isStopped = false;
  expect(await watched.checkHealth?.()).toEqual({ status: 'up' });
});

test('services of a process that are asked together ask the registry once', async () => {
  const services = Array.from({ length: 12 }, () => watchSchemaRegistry(`http://127.0.0.1:${port}`));
  requests = 0;
  const found = await Promise.all(services.map((service) => service.checkHealth?.()));
  expect(found).toEqual(services.map(() => ({ status: 'up' })));
  expect(requests).toBe(1);
});
