import rateLimit from '@fastify/rate-limit';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Authenticator } from '#platform/http/auth';
import { clientNetwork } from '#platform/http/client-address';
import { problem } from '#platform/http/problem-details';
import type { HttpApp } from '#platform/http/server';
import type { RedisClient } from '#platform/redis/client';
import { accountIn } from './login-account.js';
import { pathOf } from './request-path.js';
import { type LimitName, limitOf, limits, limitsOfAccounts, limitsOfAddresses } from './routing-table.js';

declare module 'ioredis' {
  interface RedisCommander {
    countInWindow(key: string, windowMs: number): Promise<[current: number, ttlMs: number]>;
  }
}

/** Fixed windows: the first request opens one, and its key expires with it. */
const countInWindow = `
  local current = redis.call('INCR', KEYS[1])
  if current == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
  return { current, redis.call('PTTL', KEYS[1]) }`;

type Count = { current: number; ttl: number };

const clientsCountedLocallyMax = 10_000;

/**
 * Counts in Redis, so that instances count together. While Redis is away each instance counts in memory, for the newest
 * `clientsMax` windows: calls from very many addresses push out only the oldest windows.
 */
export const countingStore = (redis: RedisClient, clientsMax = clientsCountedLocallyMax) => {
  redis.client.defineCommand('countInWindow', { numberOfKeys: 1, lua: countInWindow });
  const local = new Map<string, { current: number; endsAtMs: number }>();

  const countLocally = (key: string, windowMs: number): Count => {
    const nowMs = performance.now();
    let window = local.get(key);
    if (window === undefined || window.endsAtMs <= nowMs) {
      local.delete(key);
      window = { current: 0, endsAtMs: nowMs + windowMs };
      local.set(key, window);
      const [oldest] = local.keys();
      if (local.size > clientsMax && oldest !== undefined) local.delete(oldest);
    }
    window.current += 1;
    return { current: window.current, ttl: window.endsAtMs - nowMs };
  };

  return class {
    incr(key: string, done: (error: Error | null, count?: Count) => void, windowMs: number): void {
      const counting = redis.orElse<Count | null>(async (client) => {
        const [current, ttl] = await client.countInWindow(`limit:${key}`, windowMs);
        return { current, ttl };
      }, null);
      counting.then((count) => done(null, count ?? countLocally(key, windowMs)), done);
    }
    child(): this {
      return this;
    }
  };
};

/**
 * Counts every request against its route's limit in the routing table, and logins and registrations also against their
 * account's limit. Each answer states the client's remaining requests; past the limit it is 429 with `Retry-After`.
 */
export const limitRequests = async (
  app: HttpApp,
  redis: RedisClient,
  auth: Authenticator,
  factor: number,
): Promise<void> => {
  await app.register(rateLimit, { global: false, store: countingStore(redis) });
  const limiters = Object.fromEntries(
    Object.entries(limits).map(([name, { requestsMax, windowMs }]) => [
      name,
      app.createRateLimit({
        max: requestsMax * factor,
        timeWindow: windowMs,
        keyGenerator: (request) => `${name}:${clients.get(request) ?? addressOf(request)}`,
      }),
    ]),
  ) as Record<LimitName, ReturnType<typeof app.createRateLimit>>;
  const clients = new WeakMap<FastifyRequest, string>();

  const count = async (name: LimitName, request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const counted = await limiters[name](request);
    if (counted.isAllowed) return;
    const { max, remaining, ttlInSeconds, isExceeded } = counted;
    reply.headers({
      'ratelimit-limit': String(max),
      'ratelimit-remaining': String(remaining),
      'ratelimit-reset': String(ttlInSeconds),
    });
    if (isExceeded)
      throw problem(429, 'rate_limited', `Too many requests; try again in ${ttlInSeconds} s.`, {
        headers: { 'retry-after': String(Math.max(1, ttlInSeconds)) },
      });
  };

  app.addHook('onRequest', async (request, reply) => {
    const name = limitOf(request.method, pathOf(request));
    if (name === undefined) return;
    clients.set(request, limitsOfAddresses.has(name) ? addressOf(request) : await clientOf(request, auth));
    await count(name, request, reply);
  });
  app.addHook('preHandler', async (request, reply) => {
    const limit = request.method === 'POST' ? limitsOfAccounts[pathOf(request)] : undefined;
    const account = limit === undefined ? undefined : accountIn(request.body);
    if (limit === undefined || account === undefined) return;
    clients.set(request, account);
    await count(limit, request, reply);
  });
};

/** The client's address in a normal form: see `clientNetwork`. */
const addressOf = (request: FastifyRequest): string =>
  clientNetwork(request.ip, request.socket.remoteAddress ?? '');

/** The client under which a request is counted. An invalid token counts as none: the service will refuse it. */
const clientOf = async (request: FastifyRequest, auth: Authenticator): Promise<string> => {
  try {
    const principal = await auth.principalOf(request.headers.authorization);
    return principal.kind === 'user' ? principal.userId : addressOf(request);
  } catch {
    return addressOf(request);
  }
};
