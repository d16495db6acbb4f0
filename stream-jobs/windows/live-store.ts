import type { Redis } from 'ioredis';
import { redisUnavailable } from '#platform/redis/client';
import type { Sink } from '#platform/streams/topology';
import { type LiveSize, type LiveWindow, liveKeys } from '#schemas/live-state';

/**
 * Writes windows with one version, which is higher than every earlier one, and removes the oldest beyond the number
 * kept; or changes nothing, where a higher epoch has written. KEYS windows meta · ARGV size, watermark, windows kept, TTL,
 * epoch, then start and JSON of each window.
 */
const writeScript = `
local epochOf = ARGV[1] .. 'Epoch'
if tonumber(redis.call('HGET', KEYS[2], epochOf) or '0') > tonumber(ARGV[5]) then return 0 end
redis.call('HSET', KEYS[2], epochOf, ARGV[5])
local time = redis.call('TIME')
local version = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local last = tonumber(redis.call('HGET', KEYS[2], 'version') or '0')
if version <= last then version = last + 1 end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
if #ARGV == 5 then return 1 end
redis.call('HSET', KEYS[2], 'version', string.format('%.0f', version))
for at = 6, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[at], string.format('%.0f', version) .. ' ' .. ARGV[at + 1])
end
local starts = redis.call('HKEYS', KEYS[1])
if #starts > tonumber(ARGV[3]) then
  table.sort(starts, function(a, b) return tonumber(a) > tonumber(b) end)
  for at = tonumber(ARGV[3]) + 1, #starts do redis.call('HDEL', KEYS[1], starts[at]) end
end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1`;

/**
 * A window's row replaces the earlier one, so a repeat changes no figure. Redis keeps the newest windows of a size. Rows of a
 * process that was replaced are left out; it ends when it stores its checkpoint.
 */
export const liveSink = (redis: Redis, size: LiveSize): Sink<LiveWindow> => ({
  into: `Redis ${liveKeys.windows(size)}`,
  rowsKeptMax: liveKeys.windowsKeptMax,
  publish: async (rows, { watermarkMs, epoch }) => {
    const newest = rows
      .toSorted((a, b) => a.fromMs - b.fromMs)
      .slice(-liveKeys.windowsKeptMax)
      .flatMap((row) => [row.fromMs, JSON.stringify(row)]);
    try {
      await redis.eval(
        writeScript,
        2,
        liveKeys.windows(size),
        liveKeys.meta,
        size,
        watermarkMs,
        liveKeys.windowsKeptMax,
        liveKeys.ttlMs,
        epoch,
        ...newest,
      );
    } catch (error) {
      throw redisUnavailable(error);
    }
  },
});
