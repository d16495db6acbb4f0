import { Redis } from 'ioredis';
import { PlatformError } from '#platform/errors';
import type { Component, Host } from '#platform/service-host';
import { backoffMs } from '#platform/waiting/backoff';

/**
 * Redis holds nothing that cannot be rebuilt, so it may be away at any time. `start` does not wait for it. A command
 * fails at once while Redis is down and after `commandTimeoutMs` when it hangs, and the caller falls back. After such a
 * timeout `orElse` uses the fallback without a command for `retryAfterMs`, then tries one command.
 */
export type RedisClient = Component & {
  readonly client: Redis;
  /** False while Redis is down and commands would fail at once. */
  isAvailable(): boolean;
  /** The command's answer, or `fallback` when the command fails. */
  orElse<T>(command: (client: Redis) => Promise<T>, fallback: T): Promise<T>;
};

const retryAfterMs = 1000;
/** A server whose machine is lost says nothing: a silent connection, such as a listener's, asks after so long. */
export const keepAliveAfterMs = 10_000;
/** Between attempts to connect again. */
export const reconnectRest = { minMs: 100, maxMs: 2_000 };

const isTimeout = (error: unknown): boolean =>
  error instanceof Error && error.message === 'Command timed out';

export const createRedis = (
  host: Pick<Host, 'service' | 'logger'>,
  url: string,
  options: { commandTimeoutMs?: number; nowMs?: () => number } = {},
): RedisClient => {
  const nowMs = options.nowMs ?? (() => performance.now());
  const client = new Redis(url, {
    lazyConnect: true,
    connectionName: host.service,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    connectTimeout: 2_000,
    keepAlive: keepAliveAfterMs,
    commandTimeout: options.commandTimeoutMs ?? 500,
    retryStrategy: (attempt) => backoffMs(reconnectRest, attempt),
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  });
  let wasDown = false;
  client.on('error', (error) => {
    if (!wasDown) host.logger.warn({ err: error }, 'redis is away');
    wasDown = true;
  });
  client.on('ready', () => {
    if (wasDown) host.logger.info('redis is back');
    wasDown = false;
  });
  const isAvailable = () => client.status === 'ready';
  let hangsUntilMs: number | undefined;
  let isProbing = false;

  return {
    name: 'redis',
    client,
    isAvailable,
    orElse: async (command, fallback) => {
      const isProbe = hangsUntilMs !== undefined;
      if (!isAvailable() || (isProbe && (isProbing || nowMs() < (hangsUntilMs ?? 0)))) return fallback;
      if (isProbe) isProbing = true;
      try {
        const answer = await command(client);
        hangsUntilMs = undefined;
        return answer;
      } catch (error) {
        hangsUntilMs = isTimeout(error) ? nowMs() + retryAfterMs : undefined;
        return fallback;
      } finally {
        if (isProbe) isProbing = false;
      }
    },
    start: async () => {
      await client.connect().catch(() => {});
    },
    stop: async () => {
      client.disconnect();
    },
    checkHealth: async () => {
      try {
        await client.ping();
        return { status: 'up' };
      } catch (error) {
        return { status: 'degraded', detail: (error as Error).message };
      }
    },
  };
};

/** A Redis failure as a retriable fault, for the few callers that have no fallback. */
export const redisUnavailable = (cause: unknown): PlatformError =>
  new PlatformError('redis_unavailable', `redis: ${(cause as Error).message}`, { retriable: true, cause });
