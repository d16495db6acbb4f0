import { afterAll, beforeAll, expect, it } from 'vitest';
import { createHttpServer } from '#platform/http/server';
import { testHost } from '#platform/testing/test-host';
import { sleep } from '#platform/waiting/sleep';
import type { OpenTopic } from './live-calls.js';
import { liveRoutes } from './live-routes.js';

const host = testHost('gateway');
let url = '';

/** A topic of which nothing comes after its first event. */
const open: OpenTopic = async (_topic, _request, _position, gone) => ({
  kind: 'events',
  events: (async function* () {
    yield { id: '1', data: {} };
    await sleep(60_000, { signal: gone });
  })(),
});

beforeAll(async () => {
  const { app, component } = createHttpServer(host, { port: 0, title: 'Gateway', trustedProxies: 1 });
  const limits = { watchersMax: 100, watchersOfClientMax: 2 };
  liveRoutes(app, { open, stopping: host.stopping, places: { leave: () => {} }, limits });
  host.use(component);
  await host.start();
  url = component.url;
});
afterAll(() => host.stop());

it.each([
  ['an IPv4 address', ['192.0.2.1', '192.0.2.1', '::ffff:192.0.2.1', '192.0.2.2']],
  ['a network of IPv6', ['2001:db8::1', '2001:db8::2', '2001:DB8:0:0:ffff::3', '2001:db8:0:1::1']],
])('so many watch from %s, however it is written', async (_, addresses) => {
  const gone = new AbortController();
  const statuses: number[] = [];
  for (const address of addresses) {
    const headers = { 'x-forwarded-for': address };
    statuses.push((await fetch(`${url}/api/live?topics=ops`, { headers, signal: gone.signal })).status);
  }
  gone.abort();
  expect(statuses).toEqual([200, 200, 503, 200]);
});
