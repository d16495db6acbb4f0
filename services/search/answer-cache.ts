import { createHash } from 'node:crypto';
import { createBoundedMap } from '#platform/bounded-map';
import type { RedisClient } from '#platform/redis/client';
import type { Host } from '#platform/service-host';
import { cacheCounters } from '#platform/telemetry/cache-counters';
import type { IndexChange, LiveIndex } from './index-listener.js';

/** An answer to a search with the products that it shows. */
export type SearchAnswer = { productIds: readonly string[]; total: number; body: string };

export type AnswerCache = {
  /** The cached answer to a search of this text or, if there is none, what `make` answers. */
  read(asked: string, make: () => Promise<SearchAnswer>): Promise<SearchAnswer>;
};

export type AnswerCacheOptions = {
  index: Pick<LiveIndex, 'onChange' | 'isFollowing'>;
  isOn: boolean;
  /** Of the documents: what is found among others is not used. */
  databaseUrl: string;
  /** Of all answers in memory together. */
  bytesMax?: number;
};

const ageMsMax = 5 * 60_000;
const bytesMaxDefault = 16 * 1024 * 1024;
const answerBytesMax = 256 * 1024;
const entryOverheadBytes = 500;
/**
 * Stock that does not run out, popularity and ratings change what is found a little, and many times a second: answers that
 * do not show the product itself may be so much behind it.
 */
const orderMsMax = 2_000;
/** How far another instance's index and clock may be behind. */
const otherInstanceMs = 2_000;

type Entry = SearchAnswer & { madeAtMs: number };

// Over seventy lines: memory, Redis and the times of changes decide together whether an answer may still be given.
/**
 * Answers in memory, and behind it in Redis for all instances, under `cache:search:<hash>`. An answer that shows a changed
 * product is not given again, nor any that is older than a change of what can be found at all.
 */
export const createAnswerCache = (
  host: Pick<Host, 'metrics' | 'clock'>,
  redis: RedisClient,
  { index, isOn, databaseUrl, bytesMax = bytesMaxDefault }: AnswerCacheOptions,
): AnswerCache => {
  const countedRedis = cacheCounters(host.metrics, 'search');
  const countedMemory = cacheCounters(host.metrics, 'search_memory');
  const { nowMs, monotonicMs } = host.clock;
  const memory = createBoundedMap<Entry>(bytesMax);
  const making = new Map<string, { madeAtMs: number; answer: Promise<SearchAnswer> }>();
  let latestMs = nowMs();
  /** What is in Redis is not used before this time of the clock that is never set. */
  let redisFromMs = monotonicMs();
  /** Answers made at this time or before are not given any more. */
  let outdatedMs = latestMs;
  /** When a product changed a little, if that was after `outdatedMs`, and when the first of them did. */
  const changedMs = new Map<string, number>();
  let firstChangeMs = Number.POSITIVE_INFINITY;

  const outdateAll = (atMs: number): void => {
    outdatedMs = atMs;
    changedMs.clear();
    firstChangeMs = Number.POSITIVE_INFINITY;
  };
  /**
   * Now. A clock that was set back makes the times of what is known worthless: it begins anew, and Redis is left alone until
   * it has forgotten what it has.
   */
  const observeMs = (): number => {
    const atMs = nowMs();
    if (atMs < latestMs) {
      memory.clear();
      making.clear();
      outdateAll(atMs);
      redisFromMs = monotonicMs() + ageMsMax;
    }
    latestMs = atMs;
    if (atMs - firstChangeMs >= orderMsMax) outdateAll(atMs);
    return atMs;
  };

  const isCurrent = ({ madeAtMs, productIds }: Entry, behindMs = 0): boolean => {
    const atMs = observeMs();
    const sureMs = madeAtMs - behindMs;
    if (sureMs <= outdatedMs || sureMs > atMs || atMs - madeAtMs >= ageMsMax) return false;
    return changedMs.size === 0 || productIds.every((id) => sureMs > (changedMs.get(id) ?? 0));
  };

  const keyOf = (asked: string): string =>
    `cache:search:${createHash('sha256').update(`${databaseUrl} ${asked}`).digest('base64url').slice(0, 27)}`;

  const remember = (asked: string, entry: Entry): void =>
    memory.set(asked, entry, entry.body.length + asked.length + entryOverheadBytes);

  const inRedis = async (asked: string): Promise<Entry | undefined> => {
    observeMs();
    if (monotonicMs() < redisFromMs) return undefined;
    const text = await redis.orElse((client) => client.get(keyOf(asked)), null);
    if (text === null) return undefined;
    const found = JSON.parse(text) as Entry & { asked: string };
    return found.asked === asked && isCurrent(found, otherInstanceMs) ? found : undefined;
  };

  const make = async (
    asked: string,
    madeAtMs: number,
    makeAnswer: () => Promise<SearchAnswer>,
  ): Promise<SearchAnswer> => {
    const known = await inRedis(asked);
    if (known === undefined) countedRedis.miss();
    else {
      countedRedis.hit();
      remember(asked, known);
      return known;
    }
    const { productIds, total, body } = await makeAnswer();
    const entry: Entry = { productIds, total, body, madeAtMs };
    if (body.length > answerBytesMax || !isCurrent(entry)) return entry;
    remember(asked, entry);
    const text = JSON.stringify({ asked, ...entry });
    void redis.orElse((client) => client.set(keyOf(asked), text, 'PX', ageMsMax), null);
    return entry;
  };

  index.onChange(({ isListed, productIds }: IndexChange) => {
    const atMs = observeMs();
    if (isListed) outdateAll(atMs);
    else if (productIds.length > 0) firstChangeMs = Math.min(firstChangeMs, atMs);
    if (!isListed) for (const id of productIds) changedMs.set(id, atMs);
  });

  return {
    read: async (asked, makeAnswer) => {
      if (!isOn || !index.isFollowing()) return await makeAnswer();
      const known = memory.get(asked);
      if (known !== undefined && isCurrent(known)) {
        countedMemory.hit();
        return known;
      }
      countedMemory.miss();
      const running = making.get(asked);
      if (running !== undefined && running.madeAtMs > outdatedMs && changedMs.size === 0)
        return await running.answer;
      const madeAtMs = observeMs();
      const begun = { madeAtMs, answer: make(asked, madeAtMs, makeAnswer) };
      making.set(asked, begun);
      try {
        return await begun.answer;
      } finally {
        if (making.get(asked) === begun) making.delete(asked);
      }
    },
  };
};
