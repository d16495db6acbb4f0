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

/**
 * Reads products, shopper-activity and sales, and maintains similar products, popularity and visits in Redis (`rec:*`).
 * Of users it reads who was erased, of whom nothing is kept.
 */
export const itemSimilarityJob = async (config: ItemSimilarityConfig, host: Host): Promise<void> => {
  const { group, topicPrefix } = config;
  const named = ({ topic }: { topic: string }): string => `${topicPrefix}${topic}`;
  const redis = host.use(createRedis(host, config.redisUrl, { commandTimeoutMs: redisCommandTimeoutMs }));
  await runStreamJob(config, host, {
    name: 'item-similarity',
    group,
    topics: [topics.products, topics.shopperActivity, topics.sales, topics.users].map(named),
    readFirst: [named(topics.products)],
    events: records,
    brokenRule,
    fold: similarityFold(defaultSettings, knownAmong(host.clock.nowMs)),
    repeatsOn: (topic) => repeatsOn(topic.slice(topicPrefix.length)),
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
