import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import type { HealthStatus } from '#platform/service-host';
import { testHost } from '#platform/testing/test-host';
import { createAggregatedHealth } from './health.js';
import { createUpstream } from './upstream.js';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** The address of an instance that reports this; `gone` answers no more. */
const instance = async (status: HealthStatus | 'gone'): Promise<string> => {
  const server = createServer((_request, response) => {
    const dependencies = { postgres: { status, latencyMs: 1 } };
    response.statusCode = status === 'down' ? 503 : 200;
    response.end(JSON.stringify({ status, dependencies }));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  if (status === 'gone') await new Promise((closed) => server.close(closed));
  else servers.push(server);
  return `http://127.0.0.1:${port}`;
};

it.each([
  [['up', 'up'], 'up', 'up'],
  [['up', 'degraded'], 'degraded', 'degraded'],
  [['up', 'down'], 'degraded', 'degraded'],
  [['up', 'gone'], 'degraded', 'up'],
  [['gone', 'down'], 'down', 'down'],
] as const)(
  'of a service whose instances are %j is %s each time, and its engine %s',
  async (are, expected, engine) => {
    const host = testHost('gateway');
    const orders = createUpstream('order', await Promise.all(are.map(instance)), host.metrics, 1_000);
    try {
      for (const _turn of [1, 2, 3]) {
        const { dependencies } = await createAggregatedHealth(host, [orders])();
        expect([dependencies.order?.status, dependencies.postgres?.status]).toEqual([expected, engine]);
      }
    } finally {
      await orders.stop();
    }
  },
);
