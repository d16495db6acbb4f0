import type { Redis } from 'ioredis';
import { decodeSteps, encodeSteps, type Step, similarityKeys } from '#schemas/similarity-state';
import type { Changes } from './similarity.js';
import { defaultBounds, type SimilarityBounds, type SimilarityStore } from './similarity-store.js';

/**
 * One script is one transaction: either the partition stands where the caller believes, and all of the changes and
 * its new offset are written, or nothing is. So a batch that is tried again after a lost answer changes nothing, a
 * member that lost its partition cannot write, and a Redis that came back empty takes no half of a state.
 *
 *     KEYS[1] meta   ARGV epoch, partition's field, offset expected ('0' where none), next offset, learnedUpTo,
 *                    then commands: <number of parts> <part> …
 *
 * `=trim key at max` stands for: once the sorted set has more than `at` members, keep the `max` highest.
 */
const applyScript = `
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return 0 end
if (redis.call('HGET', KEYS[1], ARGV[2]) or '0') ~= ARGV[3] then return 0 end
local at = 6
while at <= #ARGV do
  local count = tonumber(ARGV[at])
  if ARGV[at + 1] == '=trim' then
    if redis.call('ZCARD', ARGV[at + 2]) > tonumber(ARGV[at + 3]) then
      redis.call('ZREMRANGEBYRANK', ARGV[at + 2], 0, -(tonumber(ARGV[at + 4]) + 1))
    end
  else
    redis.call(unpack(ARGV, at + 1, at + count))
  end
  at = at + count + 1
end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[4])
if ARGV[5] ~= '' and tonumber(ARGV[5]) > tonumber(redis.call('HGET', KEYS[1], 'learnedUpTo') or '0') then
  redis.call('HSET', KEYS[1], 'learnedUpTo', ARGV[5])
end
return 1`;

/** Members given to one ZADD or ZINCRBY run; Lua's `unpack` takes a few thousand. */
const membersPerCommandMax = 500;
const scanCount = 1000;

/**
 * Opens the state in Redis under the epoch found there. Where there is none, begins a new one under `newEpoch`, of
 * which this and all later members take part, and clears what older epochs left.
 */
export const openRedisSimilarityStore = async (
  redis: Redis,
  newEpoch: string,
  bounds: SimilarityBounds = defaultBounds,
): Promise<SimilarityStore & { epoch: string; isNew: boolean }> => {
  const isNew = (await redis.hsetnx(similarityKeys.meta, 'epoch', newEpoch)) === 1;
  const epoch = isNew ? newEpoch : ((await redis.hget(similarityKeys.meta, 'epoch')) ?? newEpoch);
  const keys = similarityKeys.of(epoch);
  if (isNew) await clearOtherEpochs(redis, keys.prefix);

  return {
    epoch,
    isNew,
    load: async ({ visits, baskets }) => {
      const names = [...visits.map(keys.visit), ...baskets.map(keys.basket)];
      const texts = names.length === 0 ? [] : await redis.mget(names);
      return {
        visits: stepsById(visits, texts),
        baskets: stepsById(baskets, texts.slice(visits.length)),
      };
    },
    apply: async (changes, { topic, partition, from, to }) => {
      const applied = await redis.eval(
        applyScript,
        1,
        similarityKeys.meta,
        epoch,
        `${topic}:${partition}`,
        String(from),
        String(to),
        Number.isFinite(changes.learnedUpToMs) ? String(changes.learnedUpToMs) : '',
        ...commandsOf(changes, keys, bounds).flatMap((parts) => [parts.length, ...parts]),
      );
      return applied === 1 ? 'applied' : 'stale';
    },
    nextOffset: async (topic, partition) => {
      const [found, offset] = await redis.hmget(similarityKeys.meta, 'epoch', `${topic}:${partition}`);
      return found === epoch ? BigInt(offset ?? 0) : null;
    },
  };
};

type Keys = ReturnType<typeof similarityKeys.of>;
type Command = (string | number)[];

const commandsOf = (changes: Changes, keys: Keys, bounds: SimilarityBounds): Command[] => [
  ...[...changes.pairs].flatMap(([product, row]) => [
    ...increments(keys.pairs(product), row),
    ['=trim', keys.pairs(product), bounds.neighboursTrimmedAt, bounds.neighboursMax],
    ['PEXPIRE', keys.pairs(product), bounds.productTtlMs],
  ]),
  ...sumCommands(keys.masses, changes.masses, bounds),
  ...sumCommands(keys.popularity, changes.popularity, bounds),
  ...[...changes.interests].flatMap(([user, row]) => timeCommands(keys.interests(user), row, bounds)),
  ...[...changes.purchases].flatMap(([user, row]) => timeCommands(keys.purchases(user), row, bounds)),
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

const increments = (key: string, row: Map<string, number>): Command[] =>
  [...row].map(([member, by]) => ['ZINCRBY', key, by, member]);

const sumCommands = (key: string, sums: Map<string, number>, bounds: SimilarityBounds): Command[] =>
  sums.size === 0
    ? []
    : [
        ...increments(key, sums),
        ['=trim', key, bounds.productsMax, bounds.productsMax],
        ['PEXPIRE', key, bounds.productTtlMs],
      ];

/** A later time wins (GT), so that records of two partitions may come in any order. */
const timeCommands = (key: string, row: Map<string, number>, bounds: SimilarityBounds): Command[] => [
  ...chunks([...row], membersPerCommandMax).map((some) => [
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

const clearOtherEpochs = async (redis: Redis, prefix: string): Promise<void> => {
  let cursor = '0';
  do {
    const [next, found] = await redis.scan(cursor, 'MATCH', similarityKeys.everything, 'COUNT', scanCount);
    const old = found.filter((key) => key !== similarityKeys.meta && !key.startsWith(`${prefix}:`));
    if (old.length > 0) await redis.unlink(old);
    cursor = next;
  } while (cursor !== '0');
};
