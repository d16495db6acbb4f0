import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { RedisClient } from '#platform/redis/client';
import type { Component, Host } from '#platform/service-host';
import { cacheCounters } from '#platform/telemetry/cache-counters';
import { createBatchedRead, createSharedAsk } from '#platform/waiting/shared-read';

/**
 * Values by key that are read from elsewhere and kept in Redis, as JSON under `cache:<name>:<key>`, for all instances of a
 * service. Redis may be away, slow or empty at any time: then every value is loaded.
 */
export type ReadAside<V> = Component & {
  /**
   * The value in Redis or, if there is none, what `load` resolves to. Those who ask for a key meanwhile share the next
   * look, which loads again only if Redis has kept nothing: the running one may have begun before a commit that they
   * know of, and this instance does not.
   */
  read(key: string, load: () => Promise<V | undefined>): Promise<V | undefined>;
  /**
   * Call it after each commit that changed what these keys are loaded from: a value that was loaded before is not kept,
   * also where its loading, in any instance, has not ended yet.
   */
  forget(keys: readonly string[]): void;
  /** The same of every key, where it is not known which have changed. */
  forgetAll(): void;
};

export type ReadAsideOptions = {
  /** Also the label of `cache_hits_total` and `cache_misses_total`. */
  name: string;
  ageMsMax: number;
  /** False to load every value. */
  isOn: boolean;
};

/** A value whose loading takes longer is not kept. */
const leaseMs = 10_000;
const keysPerCommandMax = 500;
const readsPerCommandMax = 100;

/**
 * Who loads a value takes the key's lease first, and stores the value only if it still has it: to forget a key deletes its
 * lease too, so nothing that was loaded before a change is stored after it. KEYS are pairs of a value and its lease.
 */
const readOrLease = `
local values = {}
for at = 1, #KEYS, 2 do
  local value = redis.call('GET', KEYS[at])
  if not value then redis.call('SET', KEYS[at + 1], ARGV[1], 'PX', ARGV[2]) end
  values[#values + 1] = value
end
return values`;
const storeIfLeased = `
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`;

type Scripts = {
  readOrLease(keyCount: number, ...keysTokenAndLeaseMs: (string | number)[]): Promise<(string | null)[]>;
  storeIfLeased(key: string, lease: string, token: string, value: string, ageMs: number): Promise<number>;
};

// Over seventy lines: one cache, whose reads, loads and changes share one state.
/**
 * A process that may have failed to forget a key (it died between a commit and the command, or Redis was away) deletes
 * the whole cache before it uses it again: when it starts, and when Redis is back. `redis` is started and stopped by the
 * caller, before this.
 */
export const createReadAside = <V>(
  host: Pick<Host, 'metrics' | 'logger'>,
  redis: RedisClient,
  { name, ageMsMax, isOn }: ReadAsideOptions,
): ReadAside<V> => {
  const counted = cacheCounters(host.metrics, name);
  const client = withScripts(redis.client);
  const keyOf = (key: string): string => `cache:${name}:${key}`;
  const leaseOf = (key: string): string => `cache:lease:${name}:${key}`;
  const process = randomUUID();
  let leases = 0;
  // Leases first: no value that is stored from then on was loaded before.
  const trust = createTrust(redis, [leaseOf('*'), keyOf('*')], isOn);
  const share = createSharedAsk<V | undefined>();
  /** What Redis has, undefined where it does not answer. One command for what is asked for at the same time. */
  const ask = createBatchedRead<{ text: string | null | undefined; token: string }>(async (keys) => {
    leases += 1;
    const token = `${process} ${leases}`;
    const pairs = keys.flatMap((key) => [keyOf(key), leaseOf(key)]);
    const texts = await redis.orElse<(string | null)[] | undefined>(
      () => client.readOrLease(pairs.length, ...pairs, token, leaseMs),
      undefined,
    );
    return new Map(keys.map((key, at) => [key, { text: texts?.[at], token }]));
  }, readsPerCommandMax);

  const loadAndStore = async (
    key: string,
    token: string,
    load: () => Promise<V | undefined>,
  ): Promise<V | undefined> => {
    const value = await load();
    if (value !== undefined)
      void redis.orElse(
        () => client.storeIfLeased(keyOf(key), leaseOf(key), token, JSON.stringify(value), ageMsMax),
        0,
      );
    return value;
  };

  const readOnce = async (key: string, load: () => Promise<V | undefined>): Promise<V | undefined> => {
    if (!trust.isGiven()) return await load();
    const found = (await ask([key])).get(key);
    if (typeof found?.text === 'string') {
      counted.hit();
      return JSON.parse(found.text) as V;
    }
    counted.miss();
    return await (found?.text === null ? loadAndStore(key, found.token, load) : load());
  };

  return {
    name: `cache ${name}`,
    start: trust.start,
    stop: trust.stop,
    read: (key, load) => share(key, () => readOnce(key, load)),
    forgetAll: trust.end,
    forget: (keys) => {
      if (trust.isEnded()) return;
      const all = keys.flatMap((key) => [keyOf(key), leaseOf(key)]);
      for (let from = 0; from < all.length; from += keysPerCommandMax) {
        const some = all.slice(from, from + keysPerCommandMax);
        void redis
          .orElse(() => redis.client.unlink(some), -1)
          .then((deleted) => {
            if (deleted < 0) trust.end();
          });
      }
    },
  };
};

/** Whether what is in Redis under these patterns may be used: once all of it was deleted, until something was not. */
const createTrust = (redis: RedisClient, patterns: readonly string[], isOn: boolean) => {
  let isEnded = true;
  let deleting: Promise<void> | undefined;

  const deleteAll = async (): Promise<boolean> => {
    isEnded = false;
    for (const pattern of patterns) await deleteMatching(redis.client, pattern);
    return true;
  };
  const isGiven = (): boolean => {
    if (!isOn || !redis.isAvailable()) return false;
    if (isEnded && deleting === undefined)
      deleting = redis.orElse(deleteAll, false).then((isDone) => {
        isEnded ||= !isDone;
        deleting = undefined;
      });
    return !isEnded && deleting === undefined;
  };
  const onReady = (): void => void isGiven();
  return {
    isGiven,
    isEnded: () => isEnded,
    end: (): void => {
      isEnded = true;
      isGiven();
    },
    start: async (): Promise<void> => {
      redis.client.on('ready', onReady);
      isGiven();
    },
    stop: async (): Promise<void> => {
      redis.client.off('ready', onReady);
      await deleting;
    },
  };
};

const withScripts = (client: Redis): Scripts => {
  client.defineCommand('readOrLease', { lua: readOrLease });
  client.defineCommand('storeIfLeased', { numberOfKeys: 2, lua: storeIfLeased });
  return client as unknown as Scripts;
};

const deleteMatching = async (client: Redis, pattern: string): Promise<void> => {
  let cursor = '0';
  do {
    const [next, keys] = await client.scan(cursor, 'MATCH', pattern, 'COUNT', 1_000);
    if (keys.length > 0) await client.unlink(keys);
    cursor = next;
  } while (cursor !== '0');
};
