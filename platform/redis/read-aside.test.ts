import { expect, test } from 'vitest';
import { createRedis } from '#platform/redis/client';
import { createReadAside } from '#platform/redis/read-aside';
import { testHost } from '#platform/testing/test-host';

/** Without Redis every value is loaded; the loads end when the test says so. */
const unstarted = () => {
  const host = testHost();
  const redis = createRedis(host, 'redis://127.0.0.1:1');
  const cache = createReadAside<{ n: number }>(host, redis, { name: 'test', ageMsMax: 60_000, isOn: false });
  let n = 1;
  const running: PromiseWithResolvers<void>[] = [];
  const load = async () => {
    const seen = n;
    const latch = Promise.withResolvers<void>();
    running.push(latch);
    await latch.promise;
    return { n: seen };
  };
  return { cache, load, running, commit: () => (n += 1) };
};
const turn = (): Promise<unknown> => new Promise(setImmediate);

test('who asks while a value is loaded gets one that was loaded since, and all of them share that load', async () => {
  const { cache, load, running, commit } = unstarted();
  const early = cache.read('a', load);
  await turn();
  // In another instance: this one hears nothing of it.
  commit();
  const late = [cache.read('a', load), cache.read('a', load)];
  await turn();
  expect(running).toHaveLength(1);
  running[0]?.resolve();
  expect(await early).toEqual({ n: 1 });
  await turn();
  expect(running).toHaveLength(2);
  running[1]?.resolve();
  expect(await Promise.all(late)).toEqual([{ n: 2 }, { n: 2 }]);
});

test('nothing is loaded that nobody has asked for, nor is one key waited for by another', async () => {
  const { cache, load, running } = unstarted();
  const [first, together, other] = [cache.read('a', load), cache.read('a', load), cache.read('b', load)];
  await turn();
  expect(running).toHaveLength(2);
  running[1]?.resolve();
  await other;
  running[0]?.resolve();
  await Promise.all([first, together]);
  await turn();
  expect(running).toHaveLength(2);
});
