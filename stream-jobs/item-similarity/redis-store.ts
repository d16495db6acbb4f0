import type { Redis } from 'ioredis';
import {
  openRedisState,
  type RedisCommand,
  type RedisState,
  type RedisStateKeys,
} from '#platform/streams/redis-state';
import { decodeSteps, encodeSteps, type Step, similarityKeys } from '#schemas/similarity-state';
import type { Changes } from './similarity.js';
import { defaultBounds, type SimilarityBounds, type SimilarityStore } from './similarity-store.js';

/** The most members of one ZADD or ZINCRBY command; Lua's `unpack` accepts a few thousand. */
const membersPerCommandMax = 500;

const stateKeys: RedisStateKeys = {
  meta: similarityKeys.meta,
  everything: similarityKeys.everything,
  prefixOf: (epoch) => similarityKeys.of(epoch).prefix,
};

/** Opens the state in Redis, or begins a new one under the epoch `newEpoch`. */
export const openRedisSimilarityStore = async (
  redis: Redis,
  newEpoch: string,
  bounds: SimilarityBounds = defaultBounds,
): Promise<SimilarityStore & Pick<RedisState, 'epoch' | 'isNew'>> => {
  const state = await openRedisState(redis, stateKeys, newEpoch);
  const keys = similarityKeys.of(state.epoch);
  return {
    epoch: state.epoch,
    isNew: state.isNew,
    load: async ({ visits, baskets }) => {
      const names = [...visits.map(keys.visit), ...baskets.map(keys.basket)];
      const texts = names.length === 0 ? [] : await state.read((client) => client.mget(names));
      return {
        visits: stepsById(visits, texts),
        baskets: stepsById(baskets, texts.slice(visits.length)),
      };
    },
    known: async (productIds) => {
      if (productIds.length === 0) return new Set();
      const fields = productIds.map(similarityKeys.product);
      const found = await state.read((client) => client.hmget(similarityKeys.meta, ...fields));
      return new Set(productIds.filter((_, nth) => found[nth] !== null));
    },
    weightInSlice: async (slice, productIds) => {
      if (productIds.length === 0) return new Map();
      const found = await state.read((client) => client.zmscore(keys.weightInSlice(slice), [...productIds]));
      return new Map(productIds.map((id, nth) => [id, Number(found[nth] ?? 0)]));
    },
    apply: (changes, progress) => {
      const { learnedUpToMs } = changes;
      const newestMs = Number.isFinite(learnedUpToMs) ? learnedUpToMs : null;
      return state.apply(commandsOf(changes, keys, bounds), progress, newestMs);
    },
    nextOffset: state.nextOffset,
  };
};

type Keys = ReturnType<typeof similarityKeys.of>;

const commandsOf = (changes: Changes, keys: Keys, bounds: SimilarityBounds): RedisCommand[] => [
  ...[...changes.erased].flatMap((user) => [
    ['SET', keys.erased(user), 1, 'PX', bounds.userTtlMs],
    ['UNLINK', keys.interests(user), keys.purchases(user)],
  ]),
  ...[...changes.pairs].flatMap(([product, row]) => [
    ...increments(keys.pairs(product), row),
    ['=trim', keys.pairs(product), bounds.neighboursTrimmedAt, bounds.neighboursMax],
    ['PEXPIRE', keys.pairs(product), bounds.productTtlMs],
  ]),
  ...sumCommands(keys.masses, changes.masses, bounds),
  ...sumCommands(keys.popularity, changes.popularity, bounds),
  ...[...changes.interests].flatMap(([user, row]) =>
    timeCommands(keys.interests(user), row, keys.erased(user), bounds),
  ),
  ...[...changes.purchases].flatMap(([user, row]) =>
    timeCommands(keys.purchases(user), row, keys.erased(user), bounds),
  ),
  ...chunks([...changes.products], membersPerCommandMax).map((some) => [
    'HSET',
    similarityKeys.meta,
    ...some.flatMap((id) => [similarityKeys.product(id), 1]),
  ]),
  ...[...changes.weightInSlice].flatMap(([slice, row]) => [
    ...increments(keys.weightInSlice(slice), row),
    ['=trim', keys.weightInSlice(slice), bounds.productsMax, bounds.productsMax],
    ['PEXPIRE', keys.weightInSlice(slice), bounds.sliceTtlMs],
  ]),
  ...[...changes.visits].map(([id, steps]) => [
    'SET',
    keys.visit(id),
    encodeSteps(steps),
    'PX',
    bounds.visitTtlMs,
  ]),
  ...[...changes.baskets].map(([id, steps]) => [
    'SET',
    keys.basket(id),
    encodeSteps(steps),
    'PX',
    bounds.visitTtlMs,
  ]),
];

const increments = (key: string, row: Map<string, number>): RedisCommand[] =>
  [...row].map(([member, by]) => ['ZINCRBY', key, by, member]);

const sumCommands = (key: string, sums: Map<string, number>, bounds: SimilarityBounds): RedisCommand[] =>
  sums.size === 0
    ? []
    : [
        ...increments(key, sums),
        ['=trim', key, bounds.productsMax, bounds.productsMax],
        ['PEXPIRE', key, bounds.productTtlMs],
      ];

/**
 * A later time wins (GT), so that records of two partitions may arrive in any order. What comes after the erasure, which
 * may be on another partition, is not written.
 */
const timeCommands = (
  key: string,
  row: Map<string, number>,
  erasedKey: string,
  bounds: SimilarityBounds,
): RedisCommand[] => [
  ...chunks([...row], membersPerCommandMax).map((some) => [
    '=unless',
    erasedKey,
    'ZADD',
    key,
    'GT',
    ...some.flatMap(([member, atMs]) => [atMs, member]),
  ]),
  ['=trim', key, bounds.productsPerUserMax, bounds.productsPerUserMax],
  ['PEXPIRE', key, bounds.userTtlMs],
];

const chunks = <T>(items: readonly T[], sizeMax: number): T[][] =>
  Array.from({ length: Math.ceil(items.length / sizeMax) }, (_, nth) =>
    items.slice(nth * sizeMax, (nth + 1) * sizeMax),
  );

const stepsById = (ids: readonly string[], texts: readonly (string | null)[]): Map<string, Step[]> =>
  new Map(
    ids.flatMap((id, nth): [string, Step[]][] => {
      const text = texts[nth];
      return text ? [[id, decodeSteps(text)]] : [];
    }),
  );
