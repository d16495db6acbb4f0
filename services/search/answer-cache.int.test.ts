import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRedis, type RedisClient } from '#platform/redis/client';
import { engines } from '#platform/testing/engines';
import { handClock } from '#platform/testing/hand-clock';
import { testHost } from '#platform/testing/test-host';
import { createAnswerCache } from './answer-cache.js';
import type { IndexChange } from './index-listener.js';

const clock = handClock();
const host = testHost('answer-cache-test', { clock });
let redis: RedisClient;
beforeAll(async () => {
  redis = createRedis(host, engines().redisUrl);
  await redis.start();
});
afterAll(() => redis.stop());

/** A cache whose answers show product `p`, and are numbered in the order in which they were made. */
const open = () => {
  let change: (change: IndexChange) => void = () => {};
  const index = { onChange: (listener: typeof change) => (change = listener), isFollowing: () => true };
  const cache = createAnswerCache(host, redis, { index, isOn: true, databaseUrl: randomUUID() });
  let made = 0;
  const ask = async (): Promise<string> => {
    const make = async () => {
      made += 1;
      return { productIds: ['p'], total: 1, body: String(made) };
    };
    const { body } = await cache.read('lamp', make);
    // Answers are stored behind the back of those who ask.
    await redis.client.ping();
    return body;
  };
  clock.advanceMs(1);
  return { ask, change: (given: IndexChange) => change(given) };
};

const changes: [string, IndexChange][] = [
  ['a product that it shows changes', { isListed: false, productIds: ['p'] }],
  ['others can be found', { isListed: true, productIds: [] }],
];

describe('an answer', () => {
  it.each(changes)('is given again until %s', async (_, given) => {
    const { ask, change } = open();
    expect([await ask(), await ask()]).toEqual(['1', '1']);
    clock.advanceMs(1);
    change(given);
    clock.advanceMs(1);
    expect([await ask(), await ask()]).toEqual(['2', '2']);
  });

  it.each(changes)('from before the clock was set back is not given when %s', async (_, given) => {
    for (const untilAskedMs of [1, 61_000]) {
      const { ask, change } = open();
      expect(await ask()).toBe('1');
      clock.setMs(clock.nowMs() - 60_000);
      change(given);
      // The wall clock may have passed the time of the answer again; Redis has it still.
      clock.advanceMs(untilAskedMs);
      expect(await ask()).toBe('2');
      clock.advanceMs(1);
      const later = await ask();
      expect(await ask()).toBe(later);
    }
  });

  it('that was being made when the clock was set back is not kept', async () => {
    const { ask, change } = open();
    const begun = ask();
    clock.setMs(clock.nowMs() - 60_000);
    change({ isListed: true, productIds: [] });
    clock.advanceMs(1);
    await begun;
    expect(await ask()).toBe('2');
  });
});

it('what changes a little is shown two seconds later, also after the clock was set back', async () => {
  const { ask, change } = open();
  await ask();
  change({ isListed: false, productIds: ['other'] });
  clock.setMs(clock.nowMs() - 3_600_000);
  const made = await ask();
  change({ isListed: false, productIds: ['other'] });
  clock.advanceMs(2_000);
  expect(await ask()).not.toBe(made);
});

it('an instance whose memory is empty finds answers in Redis', async () => {
  const databaseUrl = randomUUID();
  const index = { onChange: () => {}, isFollowing: () => true };
  const cache = () => createAnswerCache(host, redis, { index, isOn: true, databaseUrl });
  const make = async (body: string) => ({ productIds: [], total: 0, body });
  const [one, other] = [cache(), cache()];
  clock.advanceMs(3_000);
  await one.read('lamp', () => make('one'));
  expect((await other.read('lamp', () => make('other'))).body).toBe('one');
});
