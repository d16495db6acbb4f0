import { Redis } from 'ioredis';
import { keepAliveAfterMs, reconnectRest } from '#platform/redis/client';
import type { Component, Host } from '#platform/service-host';
import { backoffMs } from '#platform/waiting/backoff';

export type RedisListener = Component & {
  /** False while Redis is away: what is published then is lost. */
  isListening(): boolean;
};

/**
 * Listens on a channel of Redis, with a connection of its own. `start` does not wait for Redis. `onGap` is called each
 * time it listens again, because messages may have been lost before.
 */
export const createRedisListener = (
  host: Pick<Host, 'service' | 'logger'>,
  url: string,
  channel: string,
  { onMessage, onGap }: { onMessage: (message: string) => void; onGap: () => void },
): RedisListener => {
  const client = new Redis(url, {
    lazyConnect: true,
    connectionName: `${host.service}-${channel}`,
    enableOfflineQueue: false,
    autoResubscribe: false,
    connectTimeout: 2_000,
    keepAlive: keepAliveAfterMs,
    retryStrategy: (attempt) => backoffMs(reconnectRest, attempt),
  });
  let isListening = false;
  // The client of the commands reports that Redis is away.
  client.on('error', () => {});
  client.on('close', () => {
    isListening = false;
  });
  client.on('ready', async () => {
    try {
      await client.subscribe(channel);
      isListening = true;
      onGap();
    } catch (error) {
      host.logger.warn({ err: error, channel }, 'could not listen');
      client.disconnect(true);
    }
  });
  client.on('message', (_channel, message) => onMessage(message));
  return {
    name: `redis-${channel}`,
    isListening: () => isListening,
    start: async () => {
      await client.connect().catch(() => {});
    },
    stop: async () => client.disconnect(),
  };
};
