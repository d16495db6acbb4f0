import { randomUUID } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { createRedis, type RedisClient } from '#platform/redis/client';
import { createReadAside, type ReadAside } from '#platform/redis/read-aside';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { testHost } from '#platform/testing/test-host';

type Instance = { redis: RedisClient; cache: ReadAside<{ n: number }> };
const started: Instance[] = [];
const open = async (name: string, url = engines().redisUrl): Promise<Instance> => {
  const host = testHost();
  const redis = createRedis(host, url);
  const cache = createReadAside<{ n: number }>(host, redis, { name, ageMsMax: 60_000, isOn: true });
  await redis.start();
  await cache.start();
  started.push({ redis, cache });
  return { redis, cache };
};
afterEach(async () => {
  for (const { redis, cache } of started.splice(0)) {
    await cache.stop();
    await redis.stop();
  }
});

/** What is cached: each load answers the number that was there when it began. */
const source = () => {
  let [n, loads] = [1, 0];
  return {
    load: async () => {
      loads += 1;
      return { n };
    },
    set: (to: number) => {
      n = to;
    },
    loads: () => loads,
  };
};
/** Reads until the instances have begun to use Redis, and what they have read is there. */
const filled = (instance: Instance, name: string, load: () => Promise<{ n: number }>) =>
  eventually(async () => {
    await instance.cache.read('a', load);
    return (await instance.redis.client.exists(`cache:${name}:a`)) === 1;
  });
const nameOf = () => `test-${randomUUID()}`;

test('a value is loaded once for all instances, and expires', async () => {
  const name = nameOf();
  const [one, other] = [await open(name), await open(name)];
  const { load, loads } = source();
  await filled(one, name, load);
  await eventually(async () => {
    const before = loads();
    await other.cache.read('a', load);
    return loads() === before;
  });
  const before = loads();
  expect(await other.cache.read('a', load)).toEqual({ n: 1 });
  expect(await one.cache.read('a', load)).toEqual({ n: 1 });
  expect(loads()).toBe(before);
  const leftMs = await one.redis.client.pttl(`cache:${name}:a`);
  expect(leftMs).toBeGreaterThan(0);
  expect(leftMs).toBeLessThanOrEqual(60_000);
});

test('all who ask at the same time share one load, and who asks while it runs finds what it has stored', async () => {
  const name = nameOf();
  const { redis, cache } = await open(name);
  const { load, loads } = source();
  await filled({ redis, cache }, name, load);
  cache.forget(['a']);
  const before = loads();
  const reads = Array.from({ length: 200 }, () => cache.read('a', load));
  await eventually(() => loads() > before);
  reads.push(cache.read('a', load));
  await Promise.all(reads);
  expect(loads()).toBe(before + 1);
});

test('what was loaded before a change is not kept, whichever instance loads and whichever changes', async () => {
  const name = nameOf();
  const [one, other] = [await open(name), await open(name)];
  for (const changing of [one, other]) {
    const { load, set } = source();
    changing.cache.forget(['a']);
    await filled(one, name, load);
    changing.cache.forget(['a']);
    await eventually(async () => (await one.redis.client.exists(`cache:${name}:a`)) === 0);
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow = one.cache.read('a', async () => {
      const value = await load();
      await gate;
      return value;
    });
    await eventually(async () => (await one.redis.client.exists(`cache:lease:${name}:a`)) === 1);
    set(2);
    changing.cache.forget(['a']);
    await eventually(async () => (await one.redis.client.exists(`cache:lease:${name}:a`)) === 0);
    const meanwhile = one.cache.read('a', load);
    release();
    expect(await slow).toEqual({ n: 1 });
    expect(await meanwhile).toEqual({ n: 2 });
    expect(await one.cache.read('a', load)).toEqual({ n: 2 });
    await eventually(async () => (await other.cache.read('a', load))?.n === 2);
  }
});

test('without Redis every value is loaded, and what was not forgotten meanwhile is deleted when it is back', async () => {
  const name = nameOf();
  const { redis, cache } = await open(name);
  const { load, set } = source();
  await filled({ redis, cache }, name, load);
  redis.client.disconnect();
  await eventually(() => !redis.isAvailable());
  set(2);
  cache.forget(['a']);
  expect(await cache.read('a', load)).toEqual({ n: 2 });
  await redis.client.connect();
  expect(await cache.read('a', load)).toEqual({ n: 2 });
  await eventually(async () => {
    const stored = await redis.client.get(`cache:${name}:a`);
    await cache.read('a', load);
    return stored === '{"n":2}';
  });
});

test('a value that another process has left behind is not used by one that starts', async () => {
  const name = nameOf();
  const first = await open(name);
  const { load, set } = source();
  await filled(first, name, load);
  set(2);
  const { cache } = await open(name);
  expect(await cache.read('a', load)).toEqual({ n: 2 });
});

test('nothing is kept of a key without a value', async () => {
  const name = nameOf();
  const { redis, cache } = await open(name);
  await filled({ redis, cache }, name, async () => ({ n: 1 }));
  expect(await cache.read('b', async () => undefined)).toBeUndefined();
  expect(await cache.read('b', async () => ({ n: 3 }))).toEqual({ n: 3 });
});
