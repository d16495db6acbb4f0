import { createBoundedMap } from '#platform/bounded-map';
import type { Clock } from '#platform/clock';
import { type RememberingAuthenticator, userIdOf } from '#platform/http/auth';
import type { HttpApp } from '#platform/http/http-app';
import type { RedisClient } from '#platform/redis/client';
import { createRedisListener } from '#platform/redis/listener';
import type { Component, Host } from '#platform/service-host';
import { pathOf } from './request-path.js';

export type ErasedAccounts = Component & {
  has(userId: string): boolean;
  /** Here at once; the other gateways follow, if Redis is there. */
  note(userId: string): void;
};

/** Longer than any access token is good. */
const keptMs = 3_660_000;
const keptMax = 100_000;
const channel = 'erased-accounts';
const key = 'limit:erased-accounts';
const accountPath = '/api/users/me';

/**
 * The accounts that were erased of late. Nobody recalls an access token, so one of an account that is gone would be good
 * for some minutes more, and could make a cart, an order or a review of nobody.
 */
export const createErasedAccounts = (
  host: Pick<Host, 'service' | 'logger'> & { clock: Clock },
  redisUrl: string,
  redis: Pick<RedisClient, 'orElse'>,
): ErasedAccounts => {
  const { clock } = host;
  const erased = createBoundedMap<{ untilMs: number }>(keptMax);
  const keep = (userId: string, untilMs: number): void => erased.set(userId, { untilMs });

  /** What others have noted while nobody listened. */
  const catchUp = async (): Promise<void> => {
    const missed = await redis.orElse(
      (client) => client.zrangebyscore(key, clock.nowMs(), '+inf', 'WITHSCORES', 'LIMIT', 0, keptMax),
      [],
    );
    for (let at = 0; at + 1 < missed.length; at += 2) keep(missed[at] ?? '', Number(missed[at + 1]));
  };
  const listener = createRedisListener(host, redisUrl, channel, {
    onMessage: (userId) => keep(userId, clock.nowMs() + keptMs),
    onGap: () => void catchUp(),
  });

  return {
    name: channel,
    has: (userId) => {
      const entry = erased.get(userId);
      return entry !== undefined && clock.nowMs() < entry.untilMs;
    },
    note: (userId) => {
      const untilMs = clock.nowMs() + keptMs;
      keep(userId, untilMs);
      void redis.orElse(
        (client) =>
          client
            .multi()
            .zadd(key, untilMs, userId)
            .zremrangebyscore(key, '-inf', clock.nowMs())
            .zremrangebyrank(key, 0, -keptMax - 1)
            .pexpire(key, keptMs)
            .publish(channel, userId)
            .exec(),
        null,
      );
    },
    start: () => listener.start(),
    stop: () => listener.stop(),
  };
};

/** An erasure that the user service has answered is noted before its caller learns of it. */
export const noteErasures = (
  app: HttpApp,
  auth: Pick<RememberingAuthenticator, 'remembered'>,
  erased: Pick<ErasedAccounts, 'note'>,
): void => {
  app.addHook('onSend', (request, reply, _body, done) => {
    const { authorization } = request.headers;
    if (request.method === 'DELETE' && reply.statusCode === 204 && pathOf(request) === accountPath) {
      const principal = authorization === undefined ? undefined : auth.remembered(authorization);
      const userId = principal && userIdOf(principal);
      if (userId !== undefined) erased.note(userId);
    }
    done();
  });
};
