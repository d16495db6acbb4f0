import { request } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Authenticator } from '#platform/http/auth';
import { eventsIn } from '#platform/http/event-stream-reader';
import { createHttpServer } from '#platform/http/server';
import { eventually } from '#platform/testing/eventually';
import { testHost } from '#platform/testing/test-host';
import { liveRoutes } from './live-routes.js';
import type { LiveReading } from './live-store.js';

const watchersMax = 5;
const auth: Authenticator = {
  principalOf: async () => ({ kind: 'user', userId: 'user', roles: ['analyst'] }),
};
const host = testHost('analytics');
const { app } = createHttpServer(host, { port: 0, title: 'analytics', auth });
const empty: LiveReading = { version: 1, upToMs: 1, windows: { tenSeconds: [], minute: [] } };
let arriving = 0;
app.addHook('preHandler', async () => {
  arriving -= 1;
});
/** Answers when all who come together are there. */
const read = async () => {
  await eventually(() => arriving <= 0, { everyMs: 5 });
  return empty;
};
const orderOutbox = { read: async () => [{ atMs: 1, upToMs: 1 }] };
liveRoutes(app, host, { store: { read }, orderOutbox }, { watchersMax });

let address: string;
beforeAll(async () => {
  address = await app.listen({ port: 0, host: '127.0.0.1' });
});
afterAll(() => app.close());

/** Begins to watch; resolves to the status when the answer begins. */
const watch = () => {
  const asked = request(`${address}/api/analytics/live`, { headers: { authorization: 'Bearer x' } });
  const status = new Promise<number>((resolve, reject) => {
    asked.once('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    asked.once('error', reject);
  });
  asked.end();
  return { status, go: () => asked.destroy() };
};
const burst = async (count: number) => {
  arriving = count;
  const watching = Array.from({ length: count }, watch);
  const statuses = await Promise.all(watching.map(({ status }) => status));
  for (const { go } of watching) go();
  return statuses.filter((status) => status === 200).length;
};

it('takes a zone, as all analytics do, and refuses what is none', async () => {
  const statusWith = async (tz: string) => {
    const answer = await fetch(`${address}/api/analytics/live?seconds=1&tz=${tz}`, {
      headers: { authorization: 'Bearer x' },
    });
    await answer.text();
    return answer.status;
  };
  expect([await statusWith('Europe/London'), await statusWith('Nowhere')]).toEqual([200, 400]);
});

it('no more watch than may, also when they all come at once, and each gives its place back', async () => {
  expect(await burst(4 * watchersMax)).toBe(watchersMax);
  await eventually(async () => (await burst(watchersMax)) === watchersMax);
});

it('opens while nothing is known, says once why, and has the figures on the same stream as soon as they are complete', async () => {
  const incomplete = { ...empty, upToMs: null };
  const readings = [undefined, undefined, incomplete, incomplete, empty, incomplete, empty];
  const { app } = createHttpServer(host, { port: 0, title: 'analytics', auth });
  liveRoutes(app, host, { store: { read: async () => readings.shift() }, orderOutbox });
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  const answer = await fetch(`${url}/api/analytics/live`, { headers: { authorization: 'Bearer x' } });
  expect(answer.status).toBe(200);
  const said: unknown[] = [];
  for await (const { event, id, data } of eventsIn(answer.body as unknown as AsyncIterable<Buffer>)) {
    const { code, asOf } = data as { code?: string; asOf?: string };
    said.push([event, id, code ?? asOf]);
    if (said.length === 5) break;
  }
  await app.close();
  const known = ['live', '1', '1970-01-01T00:00:00.001Z'];
  const unknown = ['waiting', undefined, 'completeness_unknown'];
  expect(said).toEqual([['waiting', undefined, 'live_unavailable'], unknown, known, unknown, known]);
});
