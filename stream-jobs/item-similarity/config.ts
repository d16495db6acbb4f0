import { envSchema, setting } from '#platform/config';
import { engineSettings } from '#platform/engine-settings';
import { jobSettings } from '#platform/service';

export const itemSimilarityConfig = envSchema({
  ...jobSettings('item-similarity'),
  redisUrl: engineSettings.redisUrl,
  group: ['ITEM_SIMILARITY_GROUP', setting.text.default('item-similarity')],
  /** Put before the names of all topics: for tests beside a running platform. */
  topicPrefix: ['ITEM_SIMILARITY_TOPIC_PREFIX', setting.text.default('')],
  recordsPerApplyMax: ['ITEM_SIMILARITY_RECORDS_PER_APPLY_MAX', setting.integer(1, 5000).default(200)],
  /** The most records of a partition that are read again after Redis was lost; older ones are skipped. */
  rereadPerPartitionMax: [
    'ITEM_SIMILARITY_REREAD_PER_PARTITION_MAX',
    setting.integer(0, 1_000_000_000).default(1_000_000),
  ],
});

export type ItemSimilarityConfig = Readonly<ReturnType<typeof itemSimilarityConfig.parse>>;
