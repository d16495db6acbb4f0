import { afterEach, expect, it } from 'vitest';
import type { Authenticator, Principal } from '#platform/http/auth';
import { createHttpServer } from '#platform/http/server';
import type { ConsumerReport, RunnableHost } from '#platform/service-host';
import { testHost } from '#platform/testing/test-host';
import { consumerRoutes } from './consumer-routes.js';
import { createUpstream } from './upstream.js';

const running: RunnableHost[] = [];
afterEach(async () => {
  for (const host of running.splice(0).reverse()) await host.stop();
});

const partition = (number: number, over: Partial<ConsumerReport['partitions'][number]> = {}) => ({
  topic: 'things',
  partition: number,
  nextOffset: '7',
  lag: 0,
  heldForMs: 0,
  heldSince: null,
  heldOffset: null,
  failures: 0,
  reason: null,
  ...over,
});
const report = (group: string, partitions: ConsumerReport['partitions'], trouble: string | null = null) => ({
  group,
  restarts: 0,
  trouble,
  partitions,
});
const held = partition(2, {
  lag: 9,
  heldForMs: 12_000,
  heldSince: '2026-06-01T00:00:00.000Z',
  heldOffset: '8',
  failures: 5,
  reason: 'not yet known',
});

/** A part of the platform whose consumers stand so. */
const startPart = async (name: string, reports: readonly ConsumerReport[]): Promise<string> => {
  const host = testHost(name);
  host.use({ name: 'consumer', start: async () => {}, stop: async () => {}, consumers: () => reports });
  const { component } = createHttpServer(host, { port: 0, title: name });
  host.use(component);
  await host.start();
  running.push(host);
  return component.url;
};

const gateway = (parts: Record<string, string[]>, principal: Principal) => {
  const host = testHost('gateway');
  const auth: Authenticator = { principalOf: async () => principal };
  const { app } = createHttpServer(host, { port: 0, title: 'gateway', auth });
  const upstreams = Object.entries(parts).map(([name, urls]) =>
    createUpstream(name, urls, host.metrics, 1_000),
  );
  for (const upstream of upstreams) host.use(upstream);
  consumerRoutes(app, upstreams);
  running.push(host);
  return (query = '') =>
    app.inject({ url: `/api/ops/consumers${query}`, headers: { authorization: 'Bearer any' } });
};
const support: Principal = { kind: 'user', userId: 's', roles: ['support'] };

it('shows the partitions of every instance of every part, the held ones first, and who did not answer', async () => {
  const order = await startPart('order', [report('order.saga', [partition(0), held])]);
  const other = await startPart('order', [report('order.saga', [partition(1, { lag: 3 })])]);
  const job = await startPart('counting', [report('counting', [], 'no broker answers')]);
  const ask = gateway({ order: [order, other], counting: [job], gone: ['http://127.0.0.1:1'] }, support);

  const { items, missing } = (await ask()).json();
  expect(items[0]).toEqual({ service: 'order', group: 'order.saga', ...held });
  expect(
    items.map(({ service, partition: of }: { service: string; partition: number }) => [service, of]),
  ).toEqual([
    ['order', 2],
    ['order', 1],
    ['order', 0],
    ['counting', null],
  ]);
  expect(missing).toEqual(['gone']);

  const onlyHeld = (await ask('?held=true')).json().items;
  expect(onlyHeld.map(({ reason }: { reason: string }) => reason)).toEqual([
    'not yet known',
    'no broker answers',
  ]);
});

it('is for staff', async () => {
  const ask = gateway({}, { kind: 'user', userId: 'u', roles: ['customer', 'analyst'] });
  expect((await ask()).statusCode).toBe(403);
});
