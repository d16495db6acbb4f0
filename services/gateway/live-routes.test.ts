import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { type Authenticator, hasRole } from '#platform/http/auth';
import { lastEventIdOf, type ServerEvent, sendEvents, waitingFor } from '#platform/http/event-stream';
import { eventsIn } from '#platform/http/event-stream-reader';
import { problem, unavailable } from '#platform/http/problem-details';
import { createHttpServer } from '#platform/http/server';
import type { HealthReport } from '#platform/service-host';
import { eventually } from '#platform/testing/eventually';
import { testHost } from '#platform/testing/test-host';
import { sleep } from '#platform/waiting/sleep';
import { type ServiceName, services } from '../table.js';
import { createOpenTopic } from './live-calls.js';
import { liveRoutes } from './live-routes.js';
import { createOpsSignals } from './ops-signal-reads.js';
import { createUpstream, type Upstream } from './upstream.js';

/** The bearer token is the caller's role and name. */
const auth: Authenticator = {
  principalOf: async (authorization) =>
    authorization === undefined
      ? { kind: 'anonymous' }
      : { kind: 'user', userId: authorization, roles: [/ (\w+)/.exec(authorization)?.[1] ?? ''] },
};

const orderId = randomUUID();
const gatewayHost = testHost('gateway');
const serviceHost = testHost('order');
const limits = { watchersMax: 8, watchersOfClientMax: 4 };
let url = '';

/** What the fake sources do, by test. */
let isAnalyticsAway = false;
let isAnalyticsEmpty = false;
let isOrderOver = false;
let orderCalls: ('ends' | 'ends silently' | 'expired')[] = [];
let stuck: { since: string }[] = [];
const frauds = Array.from({ length: 7 }, (_, nth) => ({
  signalId: `signal-${nth}`,
  kind: 'amount',
  buyer: 'visit-1',
  userId: null,
  orderId,
  count: 1,
  amountMinor: 600_000,
  currency: 'GBP',
  detail: '',
  occurredAt: '2026-01-01T00:00:00.000Z',
}));
const askedAfter: Record<string, string | undefined>[] = [];
const endings: string[] = [];
let leaveEarly = new AbortController();

async function* counting(from: number, gone: AbortSignal): AsyncGenerator<ServerEvent> {
  const ended = AbortSignal.any([gone, leaveEarly.signal]);
  try {
    if (isAnalyticsEmpty) yield waitingFor('completeness_unknown');
    for (let n = from; !ended.aborted; n += 1) {
      yield { event: 'live', id: String(n), data: { n, filling: 'x'.repeat(10_000) } };
      await sleep(5, { signal: ended });
    }
  } finally {
    endings.push('analytics');
    leaveEarly = new AbortController();
  }
}

const buildServices = (): { start(): Promise<void>; url(): string } => {
  const { app, component } = createHttpServer(serviceHost, { port: 0, title: 'Services', auth });
  app.get('/api/analytics/live', { access: ['analyst', 'admin'] }, (request, reply) => {
    if (isAnalyticsAway) throw unavailable('live_unavailable', 'Away.', 1);
    const last = lastEventIdOf(request);
    askedAfter.push({ analytics: last });
    return sendEvents(reply, (gone) => counting(Number(last ?? 0) + 1, gone), serviceHost);
  });
  const params = z.strictObject({ id: z.string().max(50) });
  app.get('/api/orders/:id/stream', { access: 'public', schema: { params } }, (request, reply) => {
    if (request.params.id !== orderId || !hasRole(request.principal, 'customer', 'admin'))
      throw problem(404, 'order_not_found', 'There is no such order.');
    const last = lastEventIdOf(request);
    askedAfter.push({ order: last });
    if (last === 'confirmed') return reply.code(204).send();
    const happens = orderCalls.shift();
    if (happens === 'expired') throw problem(401, 'token_expired', 'The access token has expired.');
    return sendEvents(
      reply,
      async function* (gone) {
        if (happens === 'ends silently') return;
        yield { event: 'status', id: 'pending', data: { status: 'pending' } };
        if (happens === 'ends') return;
        if (!isOrderOver) await sleep(60_000, { signal: gone });
        else yield { event: 'status', id: 'confirmed', data: { status: 'confirmed' } };
      },
      serviceHost,
    );
  });
  const asked = z.string().max(10).optional();
  const schema = {
    querystring: z.strictObject({ limit: asked, stuck: asked, from: z.string().max(30).optional() }),
  };
  const access = ['admin'];
  app.get('/api/ops/fraud-signals', { access, schema }, ({ query: { from = '' } }) => {
    const dayAgoMs = gatewayHost.clock.nowMs() - 24 * 60 * 60_000;
    return { items: Math.abs(Date.parse(from) - dayAgoMs) <= 60_000 ? frauds : [] };
  });
  app.get('/api/ops/sagas', { access, schema }, () => ({ items: stuck, next: null }));
  app.get('/api/inventory/alerts', { access, schema }, () => ({ items: [{ available: 0 }], next: null }));
  serviceHost.use(component);
  return { start: () => serviceHost.start(), url: () => component.url };
};

beforeAll(async () => {
  const behind = buildServices();
  await behind.start();
  const upstreams = Object.fromEntries(
    services.map(({ name }) => [name, createUpstream(name, [behind.url()], gatewayHost.metrics, 5_000)]),
  ) as Record<ServiceName, Upstream>;
  const health = async (): Promise<HealthReport> => ({
    status: 'degraded',
    service: 'gateway',
    version: '1',
    dependencies: { payment: { status: 'down', latencyMs: 1 } },
  });
  const signals = createOpsSignals({ upstreams, health, clock: gatewayHost.clock });
  const { app, component } = createHttpServer(gatewayHost, { port: 0, title: 'Gateway', auth });
  const open = createOpenTopic(upstreams, signals);
  liveRoutes(app, { open, stopping: gatewayHost.stopping, places: { leave: () => {} }, limits });
  gatewayHost.use(component);
  for (const upstream of Object.values(upstreams)) gatewayHost.use(upstream);
  await gatewayHost.start();
  url = component.url;
});
afterAll(async () => {
  await gatewayHost.stop();
  await serviceHost.stop();
});

const leaving: AbortController[] = [];
afterEach(() => {
  for (const one of leaving.splice(0)) one.abort();
  isAnalyticsAway = false;
  isAnalyticsEmpty = false;
  isOrderOver = false;
  orderCalls = [];
  stuck = [];
  leaveEarly = new AbortController();
  askedAfter.length = 0;
});

/** As a caller of this role whom no other test has, unless the test names one. */
const connect = async (
  topics: string,
  role?: string,
  lastId?: string,
  name: string = randomUUID(),
): Promise<Response> => {
  const gone = new AbortController();
  leaving.push(gone);
  return fetch(`${url}/api/live?topics=${topics}`, {
    signal: gone.signal,
    headers: {
      ...(role === undefined ? {} : { authorization: `Bearer ${role}.${name}` }),
      ...(lastId === undefined ? {} : { 'last-event-id': lastId }),
    },
  });
};

const codeOf = async (answer: Response) => ((await answer.json()) as { code: string }).code;

/** Reads until `isEnough`; the connection stays open until the test ends. */
const readUntil = async (answer: Response, isEnough: (events: readonly ServerEvent[]) => boolean) => {
  const events: ServerEvent[] = [];
  for await (const event of eventsIn(answer.body as unknown as AsyncIterable<Buffer>)) {
    events.push(event);
    if (isEnough(events)) break;
  }
  return events;
};
const named = (events: readonly ServerEvent[], name: string) => events.filter(({ event }) => event === name);

it('sends several topics on one connection, and goes on in each of them after its own last event', async () => {
  const topics = `analytics,orders.${orderId}`;
  const events = await readUntil(
    await connect(topics, 'admin'),
    (read) => named(read, 'analytics').length >= 3,
  );
  expect(named(events, `orders.${orderId}`).map(({ data }) => data)).toEqual([{ status: 'pending' }]);
  const last = events.at(-1)?.id;
  expect(Object.fromEntries(new URLSearchParams(last))).toEqual({
    analytics: '3',
    [`orders.${orderId}`]: 'pending',
  });
  askedAfter.length = 0;
  const more = await readUntil(
    await connect(topics, 'admin', last),
    (read) => named(read, 'analytics').length > 0,
  );
  expect(named(more, 'analytics')[0]?.data).toMatchObject({ n: 4 });
  expect(askedAfter).toEqual(expect.arrayContaining([{ analytics: '3' }, { order: 'pending' }]));
});

it.each([
  ['analytics', undefined, 401, 'authentication_required'],
  ['analytics', 'customer', 403, 'forbidden'],
  ['ops', undefined, 401, 'authentication_required'],
  ['ops', 'analyst', 403, 'forbidden'],
  [`orders.${orderId}`, undefined, 404, 'order_not_found'],
  [`orders.${randomUUID()}`, 'admin', 404, 'order_not_found'],
  [`analytics,orders.${randomUUID()}`, 'admin', 404, 'order_not_found'],
  ['', 'admin', 400, 'invalid_query'],
  ['analytics,', 'admin', 400, 'invalid_query'],
  ['orders.1', 'admin', 400, 'invalid_query'],
  [Array.from({ length: 21 }, () => 'ops').join(), 'admin', 400, 'invalid_query'],
])('answers %s for %s with %i %s and no stream', async (topics, role, status, code) => {
  const answer = await connect(topics, role);
  expect([answer.status, await codeOf(answer)]).toEqual([status, code]);
});

it.each(['analytics=%0D%0Ax-evil:1', 'analytics=%00', 'analytics=%E2%82%AC', 'analytics=', 'x', '&&&'])(
  'begins anew after a position that no source gave: %s',
  async (invented) => {
    const answer = await connect('analytics', 'admin', invented);
    expect(answer.status).toBe(200);
    const events = await readUntil(answer, (read) => named(read, 'analytics').length > 0);
    expect(named(events, 'analytics')[0]?.data).toMatchObject({ n: 1 });
    expect(askedAfter).toEqual([{ analytics: undefined }]);
  },
);

it('says that a topic is over, and answers who has it all with 204', async () => {
  isOrderOver = true;
  const topic = `orders.${orderId}`;
  const events = await readUntil(await connect(topic, 'customer'), () => false);
  expect(events.map(({ event, data }) => [event, data])).toEqual([
    [topic, { status: 'pending' }],
    [topic, { status: 'confirmed' }],
    ['topic-over', { topic }],
  ]);
  expect((await connect(topic, 'customer', events.at(-1)?.id)).status).toBe(204);
});

it('goes on with the other topics while a source is away, and with that one when it is back', async () => {
  const topics = `analytics,orders.${orderId}`;
  isAnalyticsAway = true;
  expect(await codeOf(await connect('analytics', 'admin'))).toBe('live_unavailable');
  const answer = await connect(topics, 'admin');
  const events = await readUntil(answer, (read) => {
    if (named(read, 'topic-away').length > 0 && named(read, `orders.${orderId}`).length > 0)
      isAnalyticsAway = false;
    return named(read, 'analytics').length > 0;
  });
  expect(named(events, 'topic-away').map(({ data }) => data)).toEqual([
    { topic: 'analytics', code: 'live_unavailable' },
  ]);
});

it('passes on that a source knows nothing yet, and goes on after the position that was given', async () => {
  isAnalyticsEmpty = true;
  const answer = await connect('analytics', 'admin', 'analytics=5');
  expect(answer.status).toBe(200);
  const events = await readUntil(answer, (read) => read.length === 2);
  expect(events).toMatchObject([
    { event: 'topic-away', id: 'analytics=5', data: { topic: 'analytics', code: 'completeness_unknown' } },
    { event: 'analytics', id: 'analytics=6', data: { n: 6 } },
  ]);
});

it('does not take a token that has expired for a right that is lost', async () => {
  orderCalls = ['ends', 'expired', 'ends'];
  const topic = `orders.${orderId}`;
  const events = await readUntil(
    await connect(topic, 'customer'),
    (read) => named(read, topic).length === 2 || named(read, 'topic-refused').length > 0,
  );
  expect(events.map(({ event }) => event)).toEqual([topic, 'topic-away', topic]);
});

it('says that a source is away also where its last connection has sent nothing', async () => {
  orderCalls = ['ends silently', 'expired', 'expired', 'ends'];
  const topic = `orders.${orderId}`;
  const events = await readUntil(await connect(topic, 'customer'), (read) => named(read, topic).length === 1);
  expect(events.map(({ event }) => event)).toEqual(['topic-away', topic]);
});

it('connects again where the source ended the connection', async () => {
  const events = await readUntil(await connect('analytics', 'admin'), (read) => {
    if (read.length === 2) leaveEarly.abort();
    return read.length >= 6;
  });
  const seen = events.map(({ data }) => (data as { n: number }).n);
  expect(seen).toEqual(seen.map((_, at) => at + 1));
});

it('sends staff what is wrong when it changes, and null where nobody can say', async () => {
  const events = await readUntil(await connect('ops', 'admin'), (read) => {
    stuck = [{ since: '2026-01-01T00:00:00.000Z' }];
    return read.length === 2;
  });
  expect(events[0]?.data).toMatchObject({
    servicesDown: ['payment'],
    servicesSlow: [],
    stuckOrders: { count: 0, oldestSince: null },
    deadLetters: null,
    lowStock: { count: 1, outOfStock: 1 },
    fraudSignals: { count: 7, newest: frauds.slice(0, 5) },
  });
  expect(events[1]?.data).toMatchObject({
    stuckOrders: { count: 1, oldestSince: '2026-01-01T00:00:00.000Z' },
  });
});

it('lets so many watch, so many of them of one client, and gives each place back', async () => {
  const topic = `orders.${orderId}`;
  const { watchersMax, watchersOfClientMax } = limits;
  const burst = async (name: string, count: number) =>
    Promise.all(Array.from({ length: count }, () => connect(topic, 'admin', undefined, name)));
  const admitted = (answers: readonly Response[]) => answers.filter(({ status }) => status === 200).length;
  const leave = () => {
    for (const one of leaving.splice(0)) one.abort();
  };
  // Those of the tests before have gone when all places can be taken.
  let taken: Response[] = [];
  await eventually(async () => {
    leave();
    taken = await burst('one', watchersOfClientMax + 1);
    return admitted([...taken, ...(await burst('two', watchersMax))]) === watchersMax;
  });
  expect(admitted(taken)).toBe(watchersOfClientMax);
  const refused = taken.find(({ status }) => status === 503);
  expect([refused?.headers.get('retry-after'), await codeOf(refused as Response)]).toEqual([
    '10',
    'too_many_watchers',
  ]);
  leave();
  await eventually(async () => (await connect(topic, 'admin')).status === 200);
});

it('has a source stop when its last reader has gone, and nobody waits for a reader who does not read', async () => {
  const stalled = await connect('analytics', 'admin');
  expect(stalled.status).toBe(200);
  const events = await readUntil(await connect('analytics', 'analyst'), (read) => read.length >= 50);
  expect(events.length).toBe(50);
  endings.length = 0;
  for (const one of leaving.splice(0)) one.abort();
  await eventually(() => endings.length >= 2);
});
