import type { Redis } from 'ioredis';
import { redisUnavailable } from '#platform/redis/client';
import type { Progress } from '#platform/streams/state-store';

/**
 * The keys of a state in Redis. A state belongs to an epoch, which `meta` names. A lost state is rebuilt under a new
 * epoch, so that a reader never takes half of an old state for the whole. `meta` is a hash of `epoch`, `learnedUpTo`
 * (epoch ms) and, for each `<topic>:<partition>`, the next offset to fold. It is written in one transaction with
 * everything else.
 *
 * Only a loss of `meta` is noticed. A Redis that evicts (`npm start` and docker-compose.yml set `allkeys-lru` at 512 MB)
 * removes the keys that were used least recently, so `meta`, which every run of records uses, is the last to go. Another
 * key that was evicted begins again at nothing, and the state then understates it for good. So a job bounds each of its
 * keys and lets them expire, and its whole state has to stay below the memory of Redis.
 */
export type RedisStateKeys = {
  meta: string;
  /** A pattern that matches every key of every epoch. */
  everything: string;
  /** Every key of the epoch begins with this and a colon. */
  prefixOf(epoch: string): string;
};

/**
 * A Redis command, its name first; or `['=trim', key, at, max]`, which keeps the `max` highest members of a sorted set
 * once it has more than `at`; or `['=unless', key, …command]`, which does nothing where the key exists. At most a few
 * thousand parts.
 */
export type RedisCommand = readonly (string | number)[];

/** Every fault of Redis is thrown as a retriable `redis_unavailable`. */
export type RedisState = {
  readonly epoch: string;
  /** True for the member that began the epoch. */
  readonly isNew: boolean;
  /**
   * Runs the commands and moves the partition from `from` to `to` in one script, or does nothing and resolves to
   * `stale`. `eventTimeMs` is the newest event's time, epoch milliseconds; null for none.
   */
  apply(
    commands: readonly RedisCommand[],
    progress: Progress,
    eventTimeMs: number | null,
  ): Promise<'applied' | 'stale'>;
  nextOffset(topic: string, partition: number): Promise<bigint | null>;
  read<T>(ask: (redis: Redis) => Promise<T>): Promise<T>;
};

/**
 * One script is one transaction: if the partition is at the offset that the caller expects, all changes and the new
 * offset are written, otherwise nothing is. So a batch that is repeated after a lost answer changes nothing, a member
 * that lost its partition cannot write, and a Redis that came back empty receives no half of a state.
 *
 *     KEYS[1] meta   ARGV epoch, partition's field, offset expected ('0' where none), next offset, learnedUpTo,
 *                    then commands: <number of parts> <part> …
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
  elseif ARGV[at + 1] == '=unless' then
    if redis.call('EXISTS', ARGV[at + 2]) == 0 then redis.call(unpack(ARGV, at + 3, at + count)) end
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

const scanCount = 1000;

/**
 * Opens the state under the epoch found in Redis. Where there is none, begins the epoch `newEpoch`, which all later
 * members use too, and deletes the keys of older epochs.
 */
export const openRedisState = async (
  redis: Redis,
  keys: RedisStateKeys,
  newEpoch: string,
): Promise<RedisState> => {
  const { epoch, isNew } = await orFault(openEpoch(redis, keys, newEpoch));
  return {
    epoch,
    isNew,
    apply: async (commands, { topic, partition, from, to }, eventTimeMs) => {
      const applied = await orFault(
        redis.eval(
          applyScript,
          1,
          keys.meta,
          epoch,
          `${topic}:${partition}`,
          String(from),
          String(to),
          eventTimeMs === null ? '' : String(eventTimeMs),
          ...commands.flatMap((parts) => [parts.length, ...parts]),
        ),
      );
      return applied === 1 ? 'applied' : 'stale';
    },
    nextOffset: async (topic, partition) => {
      const [found, offset] = await orFault(redis.hmget(keys.meta, 'epoch', `${topic}:${partition}`));
      return found === epoch ? BigInt(offset ?? 0) : null;
    },
    read: (ask) => orFault(ask(redis)),
  };
};

const openEpoch = async (redis: Redis, keys: RedisStateKeys, newEpoch: string) => {
  const isNew = (await redis.hsetnx(keys.meta, 'epoch', newEpoch)) === 1;
  const epoch = isNew ? newEpoch : ((await redis.hget(keys.meta, 'epoch')) ?? newEpoch);
  if (isNew) await clearOtherEpochs(redis, keys, `${keys.prefixOf(epoch)}:`);
  return { epoch, isNew };
};

const clearOtherEpochs = async (redis: Redis, keys: RedisStateKeys, kept: string): Promise<void> => {
  let cursor = '0';
  do {
    const [next, found] = await redis.scan(cursor, 'MATCH', keys.everything, 'COUNT', scanCount);
    const old = found.filter((key) => key !== keys.meta && !key.startsWith(kept));
    if (old.length > 0) await redis.unlink(old);
    cursor = next;
  } while (cursor !== '0');
};

const orFault = async <T>(answer: Promise<T>): Promise<T> => {
  try {
    return await answer;
  } catch (error) {
    throw redisUnavailable(error);
  }
};
