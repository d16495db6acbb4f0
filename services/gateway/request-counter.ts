import type { ChainableCommander, Redis } from 'ioredis';
import { createBoundedMap } from '#platform/bounded-map';
import type { RedisClient } from '#platform/redis/client';

declare module 'ioredis' {
  interface RedisCommander {
    countInWindow(key: string, requests: number, windowMs: number): Promise<[current: number, ttlMs: number]>;
  }
}

/** Fixed windows: the first request opens one, and its key expires with it. */
const countInWindow = `
  local current = redis.call('INCRBY', KEYS[1], ARGV[1])
  if current == tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
  return { current, redis.call('PTTL', KEYS[1]) }`;

/** `current` includes the request itself; the window ends in `ttlMs`. */
export type Count = { current: number; ttlMs: number };

export type CountOptions = {
  windowMs: number;
  requestsMax: number;
  /** True to count in Redis before each answer, for limits so small that a few requests too many matter. */
  isExact?: boolean;
};

export type RequestCounter = {
  /** Counts one request under `key`. Resolves at once unless it has to be counted in Redis first. */
  count(key: string, options: CountOptions): Count | Promise<Count>;
  /** Counts a request that is within the limit for certain, without Redis. Otherwise it counts nothing: undefined. */
  countIfFree(key: string, options: CountOptions): Count | undefined;
};

const windowsMaxDefault = 10_000;
const settleEveryMs = 100;
const settledTogetherMax = 500;
/** A process relies on its own count as long as the limit held even if this many counted as much. */
const instancesAssumed = 5;

type Window = {
  key: string;
  endsAtMs: number;
  /** What Redis said last: the requests of all instances that were settled until then. */
  shared: number;
  /** Requests of this process that Redis has not counted yet, `inFlight` of them on their way. */
  pending: number;
  inFlight: number;
};

/**
 * Counts in the process, and settles with Redis every 100 ms, so that a request needs no round trip. When the limit
 * would not hold if four other instances had counted as much since, each request is counted in Redis before it is
 * answered. So instances that share a client's requests evenly, up to four of them, keep the limit exactly; at worst,
 * in a burst shorter than 100 ms, each further instance admits a fifth of the limit too much, once a window. While
 * Redis is away each instance counts alone. Bounded to the newest `windowsMax` windows: calls from very many addresses
 * push out only the oldest.
 */
export const createRequestCounter = (
  redis: Pick<RedisClient, 'client' | 'orElse'>,
  windowsMax = windowsMaxDefault,
): RequestCounter => {
  redis.client.defineCommand('countInWindow', { numberOfKeys: 1, lua: countInWindow });
  const windows = createBoundedMap<Window>(windowsMax);
  const unsettled = new Set<Window>();
  let isScheduled = false;

  const windowOf = (key: string, windowMs: number, nowMs: number): Window => {
    const known = windows.get(key);
    if (known !== undefined && known.endsAtMs > nowMs) return known;
    const window = { key, endsAtMs: nowMs + windowMs, shared: 0, pending: 0, inFlight: 0 };
    windows.set(key, window);
    return window;
  };

  const settleSoon = (window: Window): void => {
    if (unsettled.size < windowsMax) unsettled.add(window);
    if (isScheduled) return;
    isScheduled = true;
    setTimeout(() => {
      isScheduled = false;
      const due = [...unsettled].filter(({ endsAtMs }) => endsAtMs > performance.now());
      unsettled.clear();
      for (let from = 0; from < due.length; from += settledTogetherMax)
        void settleAll(redis, due.slice(from, from + settledTogetherMax));
    }, settleEveryMs).unref();
  };

  return {
    count: (key, { windowMs, requestsMax, isExact = false }) => {
      const nowMs = performance.now();
      const window = windowOf(key, windowMs, nowMs);
      window.pending += 1;
      const isOver = window.shared > requestsMax;
      if (!isOver && (isExact || !isFarBelow(window, window.pending, requestsMax)))
        return settle(redis, window).then((count) => count ?? countOf(window, performance.now()));
      settleSoon(window);
      return countOf(window, nowMs);
    },
    countIfFree: (key, { windowMs, requestsMax, isExact = false }) => {
      const nowMs = performance.now();
      const window = windowOf(key, windowMs, nowMs);
      if (isExact || !isFarBelow(window, window.pending + 1, requestsMax)) return undefined;
      window.pending += 1;
      settleSoon(window);
      return countOf(window, nowMs);
    },
  };
};

const isFarBelow = ({ shared }: Window, pending: number, requestsMax: number): boolean =>
  shared + pending * instancesAssumed <= requestsMax;

const countOf = ({ shared, pending, endsAtMs }: Window, nowMs: number): Count => ({
  current: shared + pending,
  ttlMs: Math.max(0, endsAtMs - nowMs),
});

/** Takes what is to be counted out of `pending` only when Redis has it: an outage loses no count. */
const take = (window: Window): number => {
  const requests = window.pending - window.inFlight;
  window.inFlight += requests;
  return requests;
};

/** `late`: Redis received the command and may have carried it out, but has not answered in time. */
type Outcome = [current: number, ttlMs: number] | 'late' | null;

const settled = (window: Window, requests: number, outcome: Outcome): Count | null => {
  window.inFlight -= requests;
  if (outcome === null) return null;
  window.pending -= requests;
  if (outcome === 'late') {
    // As if it had: sent once more they would count twice.
    window.shared += requests;
    return null;
  }
  const [current, ttlMs] = outcome;
  window.shared = Math.max(window.shared, current);
  window.endsAtMs = performance.now() + ttlMs;
  return { current, ttlMs };
};

const isLate = (error: unknown): boolean => error instanceof Error && error.message === 'Command timed out';

const settle = async (redis: Pick<RedisClient, 'orElse'>, window: Window): Promise<Count | null> => {
  const requests = take(window);
  let instead: Outcome = null;
  const answer = await redis.orElse<[number, number] | null>(
    (client) =>
      client.countInWindow(keyOf(window), requests, leftMs(window)).catch((error: unknown) => {
        if (isLate(error)) instead = 'late';
        throw error;
      }),
    null,
  );
  return settled(window, requests, answer ?? instead);
};

const settleAll = async (redis: Pick<RedisClient, 'orElse'>, due: readonly Window[]): Promise<void> => {
  const taken = due
    .map((window) => ({ window, requests: take(window) }))
    .filter(({ requests }) => requests > 0);
  let answers: Awaited<ReturnType<ChainableCommander['exec']>> = null;
  await redis.orElse(async (client: Redis) => {
    const pipeline = client.pipeline();
    // The types of a pipeline do not have the commands that are defined here.
    for (const { window, requests } of taken)
      void pipeline.countInWindow(keyOf(window), requests, leftMs(window));
    answers = await pipeline.exec();
    const late = answers?.find(([error]) => isLate(error));
    if (late !== undefined) throw late[0];
  }, undefined);
  for (const [nth, { window, requests }] of taken.entries()) {
    const [error, answer] = answers?.[nth] ?? [null, null];
    settled(window, requests, isLate(error) ? 'late' : error === null ? (answer as Outcome) : null);
  }
};

const keyOf = ({ key }: Window): string => `limit:${key}`;
const leftMs = ({ endsAtMs }: Window): number => Math.max(1, Math.ceil(endsAtMs - performance.now()));
