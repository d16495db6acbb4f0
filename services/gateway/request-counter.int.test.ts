import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRedis, type RedisClient } from '#platform/redis/client';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { testHost } from '#platform/testing/test-host';
import { createRequestCounter, type RequestCounter } from './request-counter.js';
import { openWayToRedis } from './testing/way-to-redis.js';

const limit = { windowMs: 60_000, requestsMax: 100 };
let redis: RedisClient;

beforeAll(async () => {
  redis = createRedis(testHost(), engines().redisUrl);
  await redis.start();
});
afterAll(() => redis.stop());

const inRedis = async (key: string): Promise<number> => Number(await redis.client.get(`limit:${key}`));

const admitted = async (counter: RequestCounter, key: string, requests: number): Promise<number> => {
  const counts = await Promise.all(Array.from({ length: requests }, () => counter.count(key, limit)));
  return counts.filter(({ current }) => current <= limit.requestsMax).length;
};

describe('requests', () => {
  it('are counted without a round trip while few, and are in Redis a moment later', async () => {
    const [counter, key] = [createRequestCounter(redis), randomUUID()];
    for (let n = 1; n <= 20; n += 1) {
      const count = counter.count(key, limit);
      expect(count).not.toBeInstanceOf(Promise);
      expect(count).toMatchObject({ current: n });
    }
    await eventually(async () => (await inRedis(key)) === 20);
    expect(await redis.client.pttl(`limit:${key}`)).toBeGreaterThan(50_000);
    // What others counted is known by then.
    await redis.client.incrby(`limit:${key}`, 50);
    counter.count(key, limit);
    await eventually(() => (counter.count(key, limit) as { current: number }).current > 70);
  });

  it('are counted in Redis first where a few too many matter', async () => {
    const [one, two, key] = [createRequestCounter(redis), createRequestCounter(redis), randomUUID()];
    const exact = { windowMs: 60_000, requestsMax: 5, isExact: true };
    const counts = await Promise.all(
      Array.from({ length: 20 }, (_, n) => (n % 2 ? one : two).count(key, exact)),
    );
    expect(counts.map(({ current }) => current).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 20 }, (_, n) => n + 1),
    );
  });

  it.each([
    [1, 250, 100],
    [2, 100, 100],
    [4, 60, 100],
    // A fifth of the limit more for each further instance.
    [7, 40, 220],
  ])(
    'keep the limit in a burst that goes round %i instances',
    async (instances, requestsOfEach, admittedMax) => {
      const key = randomUUID();
      const counters = Array.from({ length: instances }, () => createRequestCounter(redis));
      const asked = Array.from({ length: requestsOfEach * instances }, (_, n) =>
        counters[n % instances]?.count(key, limit),
      );
      const counts = await Promise.all(asked);
      const all = counts.filter((count) => (count?.current ?? 0) <= limit.requestsMax).length;
      expect(all).toBeGreaterThanOrEqual(100);
      expect(all).toBeLessThanOrEqual(admittedMax);
    },
  );

  it('of one instance after another has used up the limit are at most a fifth too many, once', async () => {
    const [one, two, key] = [createRequestCounter(redis), createRequestCounter(redis), randomUUID()];
    expect(await admitted(one, key, 150)).toBe(100);
    expect(await admitted(two, key, 150)).toBeLessThanOrEqual(20);
    expect(await admitted(two, key, 150)).toBe(0);
  });

  it('that were counted during an outage count when Redis is back', async () => {
    let isAway = true;
    const unsteady: Pick<RedisClient, 'client' | 'orElse'> = {
      client: redis.client,
      orElse: async (command, otherwise) => (isAway ? otherwise : await redis.orElse(command, otherwise)),
    };
    const [counter, key] = [createRequestCounter(unsteady), randomUUID()];
    expect(await admitted(counter, key, 60)).toBe(60);
    expect(await inRedis(key)).toBe(0);
    isAway = false;
    expect(await admitted(counter, key, 1)).toBe(1);
    await eventually(async () => (await inRedis(key)) === 61);
  });

  it.each([
    ['first', { ...limit, isExact: true }],
    ['a moment later', limit],
  ])('that Redis counts %s but answers too late are counted once', async (_, options) => {
    const way = await openWayToRedis(engines().redisUrl);
    let nowMs = 0;
    const slow = createRedis(testHost(), way.url, { commandTimeoutMs: 100, nowMs: () => nowMs });
    await slow.start();
    const [counter, key] = [createRequestCounter(slow), randomUUID()];
    try {
      way.holdAnswers();
      const counts = await Promise.all([1, 2, 3].map(() => counter.count(key, options)));
      expect(Math.max(...counts.map(({ current }) => current))).toBe(3);
      await eventually(async () => (await slow.orElse(async () => 'asked', 'given up')) === 'given up');
      expect(await inRedis(key)).toBe(3);
      way.open();
      nowMs = 1_000;
      expect((await counter.count(key, options)).current).toBe(4);
      await eventually(async () => (await inRedis(key)) > 3);
      expect(await inRedis(key)).toBe(4);
    } finally {
      await slow.stop();
      way.close();
    }
  });
});
