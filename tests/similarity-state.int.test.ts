/**
 * The recommendation service reads what the item-similarity job writes. Two implementations pass this contract: the
 * state in Redis (the job's writer with the service's reader), and the state in memory that replays use.
 */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '#platform/clock';
import { newId } from '#platform/ids';
import { engines } from '#platform/testing/engines';
import { handClock } from '#platform/testing/hand-clock';
import { type SimilarityView, similarityKeys } from '#schemas/similarity-state';
import { redisSimilarityView } from '../services/recommendation/redis-view.js';
import { openRedisSimilarityStore } from '../stream-jobs/item-similarity/redis-store.js';
import { defaultSettings, learn, noChanges, type Signal } from '../stream-jobs/item-similarity/similarity.js';
import {
  defaultBounds,
  type SimilarityBounds,
  type SimilarityStore,
} from '../stream-jobs/item-similarity/similarity-store.js';
import { memorySimilarityStore } from '../stream-jobs/item-similarity/testing/memory-store.js';

const smallBounds: SimilarityBounds = {
  ...defaultBounds,
  neighboursMax: 3,
  neighboursTrimmedAt: 6,
  productsPerUserMax: 4,
};
const settings = { ...defaultSettings, landmarkMs: Date.UTC(2026, 0, 1) };
const start = Date.UTC(2026, 5, 1);

const viewed = (visit: string, productId: string, atMs = start, userId: string | null = null): Signal => ({
  action: 'viewed',
  within: { kind: 'visit', id: visit },
  userId,
  productId,
  atMs,
});
const bought = (order: string, productId: string, userId: string | null, atMs = start): Signal => ({
  action: 'bought',
  within: { kind: 'basket', id: order },
  userId,
  productId,
  atMs,
});

/** A database of the test's own on the shared Redis. */
const redis = (() => {
  const url = new URL(engines().redisUrl);
  url.pathname = '/9';
  return new Redis(url.toString(), { lazyConnect: true });
})();

beforeAll(() => redis.connect());
afterAll(async () => {
  await redis.flushdb();
  redis.disconnect();
});

type Opened = { store: SimilarityStore; view: SimilarityView };

const similarityContract = (name: string, open: (bounds: SimilarityBounds) => Promise<Opened>) =>
  describe(name, () => {
    let store: SimilarityStore;
    let view: SimilarityView;
    let at: bigint;

    beforeEach(async () => {
      ({ store, view } = await open(smallBounds));
      at = 0n;
    });

    const feed = async (signals: readonly Signal[], topic = 'shopper-activity') => {
      const ids = (kind: 'visit' | 'basket') =>
        signals.filter((s) => s.within.kind === kind).map((s) => s.within.id);
      const known = await store.load({ visits: ids('visit'), baskets: ids('basket') });
      const changes = noChanges();
      for (const signal of signals) {
        const [fresh, stored] =
          signal.within.kind === 'visit' ? [changes.visits, known.visits] : [changes.baskets, known.baskets];
        learn(changes, signal, fresh.get(signal.within.id) ?? stored.get(signal.within.id) ?? [], settings);
      }
      const to = at + BigInt(signals.length);
      const outcome = await store.apply(changes, { topic, partition: 0, from: at, to });
      at = to;
      return outcome;
    };
    const neighbours = async (productId: string) =>
      ((await view.neighbours([productId], 10)).get(productId) ?? []).map((neighbour) => neighbour.productId);

    it('begins empty, and empty is no error', async () => {
      expect(await view.neighbours(['a'], 10)).toEqual(new Map());
      expect(await view.visited('v')).toEqual([]);
      expect(await view.interests('u')).toEqual([]);
      expect(await view.purchases('u')).toEqual([]);
      expect(await view.popular(10)).toEqual([]);
      expect(await view.learnedUpTo()).toBeNull();
      expect(await store.nextOffset('shopper-activity', 0)).toBe(0n);
    });

    it('gives neighbours with their similarity, best first', async () => {
      await feed([viewed('v', 'a'), viewed('v', 'b'), viewed('v', 'c')]);
      const found = (await view.neighbours(['a', 'nobody'], 10)).get('a') ?? [];
      expect(found.map(({ productId }) => productId)).toEqual(['b', 'c']);
      expect(found[0]?.similarity).toBeCloseTo(1, 9);
      expect(found[1]?.similarity).toBeCloseTo(1 / 2, 9);
      expect(await view.neighbours(['a'], 1)).toEqual(new Map([['a', [found[0]]]]));
    });

    it('carries a visit on from one batch to the next', async () => {
      await feed([viewed('v', 'a')]);
      await feed([viewed('v', 'b')]);
      expect(await neighbours('a')).toEqual(['b']);
      expect(await view.visited('v')).toEqual(['b', 'a']);
    });

    it('learns a batch once, however often it is delivered', async () => {
      await feed([viewed('v', 'a'), viewed('v', 'b')]);
      const before = await view.neighbours(['a', 'b'], 10);
      at = 0n;
      expect(await feed([viewed('v', 'a'), viewed('v', 'b')])).toBe('stale');
      expect(await view.neighbours(['a', 'b'], 10)).toEqual(before);
      expect(await store.nextOffset('shopper-activity', 0)).toBe(2n);
    });

    it('knows the products of the catalogue, and none before', async () => {
      expect(await store.known(['a', 'b'])).toEqual(new Set());
      const created = noChanges();
      created.products.add('a').add('c');
      await store.apply(created, { topic: 'products', partition: 0, from: 0n, to: 1n });
      expect(await store.known(['a', 'b'])).toEqual(new Set(['a']));
      expect(await store.known([])).toEqual(new Set());
    });

    it('adds up what products gather in each slice of time', async () => {
      await feed([viewed('v1', 'a'), viewed('v2', 'a')]);
      await feed([viewed('v3', 'a'), viewed('v3', 'b')]);
      const slice = Math.floor(start / settings.sliceMs);
      expect(await store.weightInSlice(slice, ['a', 'b', 'c'])).toEqual(
        new Map([
          ['a', 3],
          ['b', 1],
          ['c', 0],
        ]),
      );
      expect((await store.weightInSlice(slice + 1, ['a'])).get('a')).toBe(0);
    });

    it('keeps the place of every partition apart', async () => {
      await feed([viewed('v', 'a')]);
      await store.apply(noChanges(), { topic: 'sales', partition: 5, from: 0n, to: 7n });
      expect(await store.nextOffset('shopper-activity', 0)).toBe(1n);
      expect(await store.nextOffset('sales', 5)).toBe(7n);
    });

    it('remembers what a user looked at and bought, newest first and within its bound', async () => {
      await feed([5, 1, 4, 2, 3, 0].map((hour) => viewed(`v${hour}`, `p${hour}`, start + hour * 1000, 'u')));
      await feed([bought('o', 'x', 'u', start), bought('o', 'y', 'u', start + 1)]);
      expect((await view.interests('u')).map(({ productId }) => productId)).toEqual(['p5', 'p4', 'p3', 'p2']);
      expect(await view.purchases('u')).toEqual([
        { productId: 'y', atMs: start + 1 },
        { productId: 'x', atMs: start },
      ]);
    });

    it('keeps nothing of an erased user, whether it was read before the erasure or after it', async () => {
      await feed([viewed('v', 'a', start, 'u'), bought('o', 'x', 'u'), bought('other', 'x', 'w')]);
      const erasure = noChanges();
      erasure.erased.add('u');
      await store.apply(erasure, { topic: 'users', partition: 0, from: 0n, to: 1n });
      expect([await view.interests('u'), await view.purchases('u')]).toEqual([[], []]);
      await feed([viewed('v2', 'b', start + 1, 'u'), bought('late', 'y', 'u', start + 1)]);
      expect([await view.interests('u'), await view.purchases('u')]).toEqual([[], []]);
      expect((await view.purchases('w')).map(({ productId }) => productId)).toEqual(['x']);
    });

    it('pairs the lines of an order both ways', async () => {
      await feed([bought('o', 'x', null), bought('o', 'y', null)]);
      expect(await neighbours('x')).toEqual(['y']);
      expect(await neighbours('y')).toEqual(['x']);
    });

    it('keeps the strongest neighbours and a bounded number of them', async () => {
      for (let nth = 0; nth < 30; nth += 1)
        await feed([
          viewed(`often${nth}`, 'a'),
          viewed(`often${nth}`, 'best'),
          viewed(`v${nth}`, 'a'),
          viewed(`v${nth}`, `p${nth}`),
        ]);
      const found = await neighbours('a');
      expect(found).toContain('best');
      expect(found.length).toBeLessThanOrEqual(smallBounds.neighboursTrimmedAt);
    });

    it('lets a newcomer in among established neighbours', async () => {
      for (let nth = 0; nth < 12; nth += 1)
        await feed([viewed(`v${nth}`, 'a'), viewed(`v${nth}`, `old${nth % 4}`)]);
      for (let nth = 0; nth < 6; nth += 1) await feed([viewed(`n${nth}`, 'a'), viewed(`n${nth}`, 'new')]);
      expect(await neighbours('a')).toContain('new');
    });

    it('orders products by popularity and says up to when it has learned', async () => {
      await feed([viewed('v1', 'a'), viewed('v2', 'a'), viewed('v3', 'b', start + 9)]);
      const popular = await view.popular(1);
      expect(popular.map(({ productId }) => productId)).toEqual(['a']);
      expect(await view.learnedUpTo()).toBe(start + 9);
      await feed([viewed('v4', 'b', start - 9)]);
      expect(await view.learnedUpTo()).toBe(start + 9);
    });
  });

similarityContract('similarity in memory', async (bounds) => {
  const memory = memorySimilarityStore(bounds);
  return { store: memory, view: memory };
});

similarityContract('similarity in Redis', async (bounds) => {
  await redis.flushdb();
  return {
    store: await openRedisSimilarityStore(redis, newId(), bounds),
    view: redisSimilarityView(redis, systemClock),
  };
});

describe('similarity in Redis only', () => {
  const changes = () => {
    const some = noChanges();
    some.erased.add('erased');
    learn(some, viewed('v', 'b', start, 'u'), [{ productId: 'a', weight: 1, times: 1 }], settings);
    learn(some, bought('o', 'b', 'u'), [], settings);
    return some;
  };
  const progress = { topic: 'sales', partition: 0, from: 0n, to: 1n };

  beforeEach(() => redis.flushdb());

  it('gives every key but its own register a time to live', async () => {
    const store = await openRedisSimilarityStore(redis, newId());
    await store.apply(changes(), progress);
    const keys = await redis.keys('*');
    expect(keys.length).toBeGreaterThan(7);
    for (const key of keys.filter((name) => name !== similarityKeys.meta))
      expect(await redis.pttl(key), key).toBeGreaterThan(0);
  });

  it('is one epoch for all members, however many open it at once', async () => {
    const opened = await Promise.all([1, 2, 3].map(() => openRedisSimilarityStore(redis, newId())));
    expect(new Set(opened.map(({ epoch }) => epoch)).size).toBe(1);
    expect(opened.filter(({ isNew }) => isNew)).toHaveLength(1);
  });

  it('takes nothing more once the state it began is lost, and starts over under a new epoch', async () => {
    const store = await openRedisSimilarityStore(redis, newId());
    await store.apply(changes(), progress);
    await redis.flushdb();
    expect(await store.nextOffset('sales', 0)).toBeNull();
    expect(await store.apply(changes(), { ...progress, from: 1n, to: 2n })).toBe('stale');
    expect(await store.apply(changes(), progress)).toBe('stale');
    expect(await redis.dbsize()).toBe(0);
    const reopened = await openRedisSimilarityStore(redis, newId());
    expect(reopened.isNew).toBe(true);
    expect(await reopened.nextOffset('sales', 0)).toBe(0n);
  });

  it('is read anew within a second, also when the wall clock is set back by an hour', async () => {
    const clock = handClock();
    const view = redisSimilarityView(redis, clock);
    const store = await openRedisSimilarityStore(redis, newId());
    const feed = async (productId: string, from: bigint) => {
      const some = noChanges();
      learn(some, viewed('v', productId), [], settings);
      await store.apply(some, { ...progress, from, to: from + 1n });
    };
    await feed('a', 0n);
    const popular = async () => (await view.popular(9)).map(({ productId }) => productId).sort();
    expect(await popular()).toEqual(['a']);
    await feed('b', 1n);
    clock.setMs(clock.nowMs() - 3_600_000);
    clock.advanceMs(1_000);
    expect(await popular()).toEqual(['a', 'b']);
  });

  it('leaves no key of an epoch whose register was evicted', async () => {
    const store = await openRedisSimilarityStore(redis, newId());
    await store.apply(changes(), progress);
    await redis.del(similarityKeys.meta);
    await openRedisSimilarityStore(redis, newId());
    expect(await redis.keys('*')).toEqual([similarityKeys.meta]);
  });
});
