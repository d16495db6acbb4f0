/** What the windowed jobs write into Redis is what those who watch `/api/analytics/live` receive. */
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Authenticator } from '#platform/http/auth';
import { createHttpServer } from '#platform/http/server';
import { createRedis } from '#platform/redis/client';
import type { RunnableHost } from '#platform/service-host';
import { engines } from '#platform/testing/engines';
import { testHost } from '#platform/testing/test-host';
import { type LiveWindow, liveKeys } from '#schemas/live-state';
import type { Role } from '#schemas/roles';
import type { LiveUpdate, SentUpTo } from '../services/analytics/live.js';
import { liveRoutes } from '../services/analytics/live-routes.js';
import { redisLiveStore } from '../services/analytics/live-store.js';
import { liveSink } from '../stream-jobs/windows/live-store.js';

const ownRedis = new URL(engines().redisUrl);
ownRedis.pathname = '/12';
const redis = new Redis(ownRedis.toString(), { lazyConnect: true });
let host: RunnableHost;
let url: string;
/** What the order service's outbox has said. */
let sent: SentUpTo[];

const auth: Authenticator = {
  principalOf: async (header) =>
    header === undefined
      ? { kind: 'anonymous' }
      : { kind: 'user', userId: 'user', roles: [header.replace('Bearer ', '') as Role] },
};

beforeAll(() => redis.connect());
// A reading is shared for a moment, so each test has an app of its own.
beforeEach(async () => {
  sent = [{ atMs: 0, upToMs: Number.MAX_SAFE_INTEGER }];
  await redis.flushdb();
  host = testHost('analytics');
  const client = host.use(createRedis(host, ownRedis.toString()));
  const { app, component } = createHttpServer(host, { port: 0, title: 'analytics', auth });
  const orderOutbox = { read: async () => sent };
  liveRoutes(app, host, { store: redisLiveStore(client), orderOutbox });
  host.use(component);
  await host.start();
  url = component.url;
});
afterEach(() => host.stop());
afterAll(async () => {
  await redis.flushdb();
  redis.disconnect();
});

/** Writes both sizes; those of a minute have no rows. */
const writeBoth = async (upToMs: number, rows: readonly LiveWindow[]) => {
  await write('tenSeconds', upToMs, rows);
  await write('minute', upToMs, []);
};
const write = async (
  size: 'tenSeconds' | 'minute',
  upToMs: number,
  rows: readonly LiveWindow[],
  epoch = 1,
) => {
  const sink = liveSink(redis, size);
  if ('publish' in sink) await sink.publish(rows, { watermarkMs: upToMs, epoch });
};
const window = (fromMs: number, orders: number): LiveWindow => ({
  fromMs,
  toMs: fromMs + 10_000,
  orders,
  gmv: [{ currency: 'GBP', amountMinor: orders * 100 }],
  refunds: [],
  visitors: 8,
});

type Received = { id: string; atMs: number; data: LiveUpdate };

/** The updates of a stream until it ends, or until there are `count`. */
const watch = async (
  {
    seconds = 300,
    lastEventId,
    count = Number.POSITIVE_INFINITY,
    whenWaiting = async () => {},
  }: {
    seconds?: number;
    lastEventId?: string;
    count?: number;
    whenWaiting?: (code: string) => Promise<void>;
  },
  during: () => Promise<void> = async () => {},
): Promise<Received[]> => {
  const aborting = new AbortController();
  const answer = await fetch(`${url}/api/analytics/live?seconds=${seconds}`, {
    headers: {
      authorization: 'Bearer analyst',
      ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
    },
    signal: aborting.signal,
  });
  expect([answer.status, answer.headers.get('content-type')]).toEqual([
    200,
    'text/event-stream; charset=utf-8',
  ]);
  const received: Received[] = [];
  let text = '';
  let hasBegun = false;
  for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
    text += Buffer.from(chunk).toString();
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const found = /^event: live\nid: (.*)\ndata: (.*)$/.exec(text.slice(0, end));
      const waiting = /^event: waiting\ndata: (.*)$/.exec(text.slice(0, end));
      text = text.slice(end + 2);
      if (waiting !== null) await whenWaiting(JSON.parse(waiting[1] as string).code);
      if (found !== null)
        received.push({
          id: found[1] as string,
          atMs: performance.now(),
          data: JSON.parse(found[2] as string),
        });
    }
    if (!hasBegun && received.length > 0) {
      hasBegun = true;
      await during();
    }
    if (received.length >= count) break;
  }
  aborting.abort();
  return received;
};

const ordersOf = (updates: readonly Received[]) =>
  updates.flatMap(({ data }) => data.tenSeconds.map(({ from, orders }) => [Date.parse(from), orders]));

describe('those who watch', () => {
  it('receive the newest windows, then each change, and something every second', async () => {
    await write('tenSeconds', 25_000, [window(0, 1), window(10_000, 2)]);
    await write('minute', 25_000, [window(0, 3)]);
    const updates = await watch({ seconds: 4 }, () => write('tenSeconds', 31_000, [window(10_000, 5)]));
    expect(ordersOf(updates)).toEqual([
      [0, 1],
      [10_000, 2],
      [10_000, 5],
    ]);
    expect(updates[0]?.data.minutes).toMatchObject([
      { orders: 3, gmv: [{ currency: 'GBP', amountMinor: 300 }] },
    ]);
    expect(updates.at(-1)?.data.asOf).toBe('1970-01-01T00:00:25.000Z');
    expect(updates.length).toBeGreaterThanOrEqual(4);
    // Half a second more than is promised: a busy machine hands over an update late, and the next one on time.
    for (const [nth, { atMs }] of updates.entries())
      if (nth > 0) expect(atMs - (updates[nth - 1] as Received).atMs).toBeLessThan(1_500);
  });

  it('receive after a break what has changed since the last update that they have', async () => {
    await writeBoth(25_000, [window(0, 1), window(10_000, 2)]);
    const last = (await watch({ count: 2 })).at(-1);
    await write('tenSeconds', 45_000, [window(10_000, 3), window(20_000, 1)]);
    const resumed = await watch({ count: 2, lastEventId: last?.id as string });
    expect(ordersOf(resumed)).toEqual([
      [10_000, 3],
      [20_000, 1],
    ]);
  });

  it('see nothing of a process that another one has replaced', async () => {
    const stored = async () => ({
      orders: (await redis.hvals(liveKeys.windows('tenSeconds'))).map(
        (text) => (JSON.parse(text.slice(text.indexOf(' '))) as LiveWindow).orders,
      ),
      upToMs: Number(await redis.hget(liveKeys.meta, 'tenSeconds')),
    });
    await write('tenSeconds', 25_000, [window(0, 4)], 7);
    await write('tenSeconds', 31_000, [window(0, 1), window(10_000, 1)], 6);
    await write('tenSeconds', 31_000, [], 6);
    expect(await stored()).toEqual({ orders: [4], upToMs: 25_000 });
    await write('tenSeconds', 32_000, [window(0, 5)], 8);
    expect(await stored()).toEqual({ orders: [5], upToMs: 32_000 });
  });

  it('find as many windows as are kept', async () => {
    const many = Array.from({ length: 200 }, (_, nth) => window(nth * 10_000, nth));
    await writeBoth(1_000, many.slice(0, 150));
    await writeBoth(1_000, many.slice(140));
    expect(await redis.hlen(liveKeys.windows('tenSeconds'))).toBe(liveKeys.windowsKeptMax);
    expect(ordersOf(await watch({ count: 2 })).at(-1)).toEqual([1_990_000, 199]);
  });

  it('are told of no more than the outbox of orders has sent', async () => {
    await writeBoth(60_000, [window(0, 1)]);
    sent = [{ atMs: 30_000, upToMs: 29_000 }];
    const updates = await watch({ count: 3 }, async () => {
      // The relay stood still, and has sent all; what it sent is not counted before the figures come past this moment.
      sent = [...sent, { atMs: 61_000, upToMs: 60_000 }];
    });
    expect(new Set(updates.map(({ data }) => data.asOf))).toEqual(new Set([new Date(29_000).toISOString()]));
    await writeBoth(62_000, []);
    expect((await watch({ count: 2 })).at(-1)?.data.asOf).toBe(new Date(60_000).toISOString());
  });

  it.each([
    ['nothing is written', async () => {}],
    ['a job has rows and no watermark yet', () => writeBoth(0, [window(0, 1)])],
    [
      'the outbox of orders has said nothing',
      async () => {
        await writeBoth(25_000, [window(0, 1)]);
        sent = [];
      },
    ],
  ])('are told to wait while %s, and have the figures on the same stream then', async (_, before) => {
    await before();
    const told: string[] = [];
    const updates = await watch({
      count: 1,
      whenWaiting: async (code) => {
        told.push(code);
        sent = [{ atMs: 0, upToMs: 20_000 }];
        await writeBoth(25_000, [window(0, 1)]);
      },
    });
    expect(told).toEqual(['completeness_unknown']);
    expect(updates[0]?.data).toMatchObject({
      asOf: new Date(20_000).toISOString(),
      tenSeconds: [{ orders: 1 }],
    });
  });

  it('are told to wait until it is known again, where Redis was emptied, and then all', async () => {
    await writeBoth(25_000, [window(0, 1)]);
    let beforeMs = 0;
    const refilled = async () => {
      beforeMs = performance.now();
      await writeBoth(45_000, [window(0, 1), window(10_000, 2)]);
    };
    const updates = await watch(
      { seconds: 6, whenWaiting: refilled },
      async () => void (await redis.flushdb()),
    );
    const after = updates.filter(({ atMs }) => beforeMs > 0 && atMs > beforeMs);
    expect(ordersOf(after)).toEqual([
      [0, 1],
      [10_000, 2],
    ]);
    expect(new Set(after.map(({ data }) => data.asOf))).toEqual(new Set([new Date(45_000).toISOString()]));
  });

  it('go on after the update that they have, also where nothing was known when they came again', async () => {
    await writeBoth(25_000, [window(0, 1), window(10_000, 2)]);
    const last = (await watch({ count: 1 })).at(-1);
    sent = [];
    const resumed = await watch({
      count: 2,
      lastEventId: last?.id as string,
      whenWaiting: async () => {
        await writeBoth(45_000, [window(10_000, 3)]);
        sent = [{ atMs: 0, upToMs: 40_000 }];
      },
    });
    expect(ordersOf(resumed)).toEqual([[10_000, 3]]);
  });

  it('need the role, and a HEAD request ends', async () => {
    await writeBoth(25_000, []);
    const ask = (role: string, method = 'GET') =>
      fetch(`${url}/api/analytics/live`, { method, headers: { authorization: `Bearer ${role}` } });
    expect((await ask('customer')).status).toBe(403);
    const head = await ask('admin', 'HEAD');
    expect([head.status, await head.text()]).toEqual([200, '']);
  });
});
