import { newId } from '#platform/ids';
import { createRedis } from '#platform/redis/client';
import type { Host, Service } from '#platform/service-host';
import { runStreamJob } from '#platform/streams/stream-job';
import { records } from '#schemas/events';
import { repeatsOn } from '#schemas/repeats';
import { topics } from '#schemas/topics';
import { brokenRule } from '#schemas/value-rules';
import { type ItemSimilarityConfig, itemSimilarityConfig } from './config.js';
import { knownAmong } from './known-products.js';
import { openRedisSimilarityStore } from './redis-store.js';
import { defaultSettings } from './similarity.js';
import { similarityFold } from './similarity-fold.js';

/** Longer than for a page's commands, because a run of some hundred records changes some thousand members. */
const redisCommandTimeoutMs = 5000;

const ownSource = {
  group: 'item-similarity',
  topics: [topics.products.topic, topics.shopperActivity.topic, topics.sales.topic, topics.users.topic],
  readFirst: [topics.products.topic],
};

/**
 * Reads products, shopper-activity and sales, and maintains similar products, popularity and visits in Redis (`rec:*`).
 * Of users it reads who was erased, of whom nothing is kept.
 */
export const itemSimilarityJob = async (
  config: ItemSimilarityConfig,
  host: Host,
  source: { group: string; topics: readonly string[]; readFirst: readonly string[] } = ownSource,
): Promise<void> => {
  const redis = host.use(createRedis(host, config.redisUrl, { commandTimeoutMs: redisCommandTimeoutMs }));
  await runStreamJob(config, host, {
    name: 'item-similarity',
    ...source,
    events: records,
    brokenRule,
    fold: similarityFold(defaultSettings, knownAmong(host.clock.nowMs)),
    repeatsOn,
    openState: async () => {
      const store = await openRedisSimilarityStore(redis.client, newId(host.clock));
      host.logger.info({ epoch: store.epoch, isNew: store.isNew }, 'state in Redis opened');
      return store;
    },
    limits: config,
  });
};

export const service: Service<ItemSimilarityConfig> = {
  name: 'item-similarity',
  config: itemSimilarityConfig,
  build: itemSimilarityJob,
};
