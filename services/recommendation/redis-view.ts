import type { ChainableCommander, Redis } from 'ioredis';
import type { Clock } from '#platform/clock';
import type { RedisClient } from '#platform/redis/client';
import {
  decodeSteps,
  type Neighbour,
  type Seen,
  type SimilarityView,
  similarityKeys,
  similarityOf,
  type Weighted,
} from '#schemas/similarity-state';

/** How long the epoch is cached, and so how late a rebuilt state is noticed. */
const epochCachedMs = 1000;

/** How long the list of popular products is cached, which every request needs. */
const popularCachedMs = 500;

/** Reads the state of the item-similarity job in Redis. Throws when Redis does not answer. */
export const redisSimilarityView = (
  redis: Redis,
  { monotonicMs }: Pick<Clock, 'monotonicMs'>,
): SimilarityView => {
  const read = createEpochReader(redis, monotonicMs);
  let popular: { countMax: number; products: Weighted[]; untilMs: number } | undefined;

  const times = async (key: string): Promise<Seen[]> =>
    scored(await redis.zrevrange(key, 0, -1, 'WITHSCORES')).map(([productId, atMs]) => ({ productId, atMs }));

  return {
    neighbours: (productIds, countMax) =>
      read((keys) => nearestOf(redis, keys, productIds, countMax), new Map()),
    visited: (visitId) =>
      read(
        async (keys) =>
          decodeSteps(await redis.get(keys.visit(visitId)))
            .map(({ productId }) => productId)
            .reverse(),
        [],
      ),
    interests: (userId) => read((keys) => times(keys.interests(userId)), []),
    purchases: (userId) => read((keys) => times(keys.purchases(userId)), []),
    popular: async (countMax) => {
      if (popular !== undefined && popular.countMax === countMax && monotonicMs() < popular.untilMs)
        return popular.products;
      const products = await read(
        async (keys) =>
          scored(await redis.zrevrange(keys.popularity, 0, countMax - 1, 'WITHSCORES')).map(
            ([productId, weight]) => ({ productId, weight }),
          ),
        [],
      );
      popular = { countMax, products, untilMs: monotonicMs() + popularCachedMs };
      return products;
    },
    learnedUpTo: async () => {
      const found = await redis.hget(similarityKeys.meta, 'learnedUpTo');
      return found === null ? null : Number(found);
    },
  };
};

/**
 * Deletes what Redis has of a user, at once. It is left there while Redis is away: item-similarity, which may write what it
 * has not read yet, deletes it again when it reads of the erasure, and from then on writes nothing of the user.
 */
export const forgetInterests =
  (redis: Pick<RedisClient, 'orElse'>) =>
  async (userId: string): Promise<void> => {
    await redis.orElse(async (client) => {
      const epoch = await client.hget(similarityKeys.meta, 'epoch');
      if (epoch === null) return 0;
      const { interests, purchases } = similarityKeys.of(epoch);
      return client.unlink(interests(userId), purchases(userId));
    }, 0);
  };

type Keys = ReturnType<typeof similarityKeys.of>;

/** Reads from the current epoch's state, or returns `otherwise` if there is none yet. */
const createEpochReader = (redis: Redis, monotonicMs: () => number) => {
  let cached: { epoch: string; untilMs: number } | undefined;
  const epoch = async (): Promise<string | null> => {
    if (cached !== undefined && monotonicMs() < cached.untilMs) return cached.epoch;
    const found = await redis.hget(similarityKeys.meta, 'epoch');
    cached = found === null ? undefined : { epoch: found, untilMs: monotonicMs() + epochCachedMs };
    return found;
  };
  return async <T>(from: (keys: Keys) => Promise<T>, otherwise: T): Promise<T> => {
    const current = await epoch();
    return current === null ? otherwise : from(similarityKeys.of(current));
  };
};

/** The neighbours of each product, in two round trips: the counted pairs, then how often each product was seen. */
const nearestOf = async (
  redis: Redis,
  keys: Keys,
  productIds: readonly string[],
  countMax: number,
): Promise<Map<string, Neighbour[]>> => {
  if (productIds.length === 0) return new Map();
  const rows = await answers<string[]>(
    productIds.reduce(
      (pipeline, id) => pipeline.zrevrange(keys.pairs(id), 0, -1, 'WITHSCORES'),
      redis.pipeline(),
    ),
  );
  const pairs = productIds.map((id, nth) => [id, scored(rows[nth] ?? [])] as const);
  const named = [...new Set(pairs.flatMap(([id, row]) => [id, ...row.map(([to]) => to)]))];
  const found = (await redis.zmscore(keys.masses, named)) as (string | null)[];
  const masses = new Map(named.map((id, nth) => [id, Number(found[nth] ?? 0)]));
  return new Map(
    pairs
      .map(([id, row]) => [id, nearest(id, row, masses, countMax)] as const)
      .filter(([, neighbours]) => neighbours.length > 0),
  );
};

/** The same view, but with empty answers while Redis is away. */
export const viewOrNothing = (view: SimilarityView, redis: Pick<RedisClient, 'orElse'>): SimilarityView => ({
  neighbours: (productIds, countMax) => redis.orElse(() => view.neighbours(productIds, countMax), new Map()),
  visited: (visitId) => redis.orElse(() => view.visited(visitId), []),
  interests: (userId) => redis.orElse(() => view.interests(userId), []),
  purchases: (userId) => redis.orElse(() => view.purchases(userId), []),
  popular: (countMax) => redis.orElse(() => view.popular(countMax), []),
  learnedUpTo: () => redis.orElse(() => view.learnedUpTo(), null),
});

const nearest = (
  from: string,
  row: readonly (readonly [string, number])[],
  masses: Map<string, number>,
  countMax: number,
): Neighbour[] =>
  row
    .map(([productId, pair]) => ({
      productId,
      similarity: similarityOf(pair, masses.get(from) ?? 0, masses.get(productId) ?? 0),
    }))
    .filter(({ similarity }) => similarity > 0)
    .sort((a, b) => b.similarity - a.similarity || (a.productId < b.productId ? -1 : 1))
    .slice(0, countMax);

const scored = (flat: readonly string[]): [string, number][] =>
  Array.from({ length: flat.length / 2 }, (_, nth) => [flat[2 * nth] as string, Number(flat[2 * nth + 1])]);

const answers = async <T>(pipeline: ChainableCommander): Promise<T[]> =>
  ((await pipeline.exec()) ?? []).map(([error, answer]) => {
    if (error) throw error;
    return answer as T;
  });
