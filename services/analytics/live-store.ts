import type { RedisClient } from '#platform/redis/client';
import { type LiveSize, type LiveWindow, liveKeys } from '#schemas/live-state';

/** The live windows that Redis has, with the version of each. */
export type LiveReading = {
  /** The highest version that a window has; 0 where there is none. */
  version: number;
  /**
   * The event time up to which the jobs have counted what Kafka had, epoch ms; null where they have not written it yet, or do
   * not know it.
   */
  upToMs: number | null;
  windows: Readonly<Record<LiveSize, readonly VersionedWindow[]>>;
};

export type VersionedWindow = LiveWindow & { version: number };

/** Undefined while Redis is away. Windows are oldest first. */
export type LiveStore = { read(): Promise<LiveReading | undefined> };

export const redisLiveStore = (redis: Pick<RedisClient, 'orElse'>): LiveStore => ({
  read: () =>
    redis.orElse(async (client) => {
      const [meta, tenSeconds, minute] = await Promise.all([
        client.hgetall(liveKeys.meta),
        client.hvals(liveKeys.windows('tenSeconds')),
        client.hvals(liveKeys.windows('minute')),
      ]);
      const upToMs = Math.min(Number(meta.tenSeconds), Number(meta.minute));
      return {
        version: Number(meta.version ?? 0),
        upToMs: upToMs > 0 ? upToMs : null,
        windows: { tenSeconds: tenSeconds.map(parse).sort(byStart), minute: minute.map(parse).sort(byStart) },
      };
    }, undefined),
});

const parse = (text: string): VersionedWindow => {
  const spaceAt = text.indexOf(' ');
  return { ...(JSON.parse(text.slice(spaceAt + 1)) as LiveWindow), version: Number(text.slice(0, spaceAt)) };
};

const byStart = (a: LiveWindow, b: LiveWindow): number => a.fromMs - b.fromMs;
