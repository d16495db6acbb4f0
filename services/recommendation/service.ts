import { createRedis } from '#platform/redis/client';
import { followsLater, openService } from '#platform/service';
import type { Component, Host, Service } from '#platform/service-host';
import { createLiveSettings } from '#platform/settings/live-settings';
import { createPeriodicWork } from '#platform/waiting/periodic-work';
import { recentMs } from '#recommenders/activity';
import { records } from '#schemas/events';
import { experimentsSetting } from '#schemas/experiments';
import { brokenRule } from '#schemas/value-rules';
import { type CatalogueStore, createCatalogueStore } from './catalogue-store.js';
import { type RecommendationConfig, recommendationConfig } from './config.js';
import { freshCatalogue, freshSimilarity } from './fresh-view.js';
import { createSharedRanking } from './model-ranking.js';
import { createModelReplica } from './model-replica.js';
import { modelRoutes } from './model-routes.js';
import { comparedPercent, diversity, exploredPercent, promotesByItself } from './model-settings.js';
import { createPromotionStore, publishes } from './promotion-store.js';
import { createPromotionWorker } from './promotion-worker.js';
import { reactions } from './reactions.js';
import { forgetInterests, redisSimilarityView, viewOrNothing } from './redis-view.js';
import { recommendationRoutes } from './routes.js';
import { noRules, rulesSetting } from './rules.js';
import { createSnapshotStore } from './snapshot-store.js';
import { createSnapshotWorker } from './snapshot-worker.js';

/**
 * Keeps the products that may be shown in its own database, from events. Reads similarities from Redis while it is
 * available, and learns the models of the other lists from the log, in this process.
 */
export const service: Service<RecommendationConfig> = {
  name: 'recommendation',
  config: recommendationConfig,
  build: async (config, host) => {
    const redis = host.use(createRedis(host, config.redisUrl));
    const { db, broker, events, react, app } = await openService(host, config, {
      records,
      brokenRule,
      publishes,
    });
    const catalogue = createCatalogueStore(db, { nowMs: host.clock.nowMs, recentMs });
    react('reactions', reactions(catalogue, forgetInterests(redis)), followsLater);
    host.use(forgetOldPurchases(host, catalogue));
    const similarity = viewOrNothing(redisSimilarityView(redis.client, host.clock), redis);
    const snapshots = createSnapshotStore(db, host.clock);
    const { schemaRegistryUrl } = config;
    const replica = createModelReplica(host, broker, { schemaRegistryUrl, snapshots });
    host.use(replica.component);
    host.use(createSnapshotWorker(host, { replica, snapshots }));
    const settings = host.use(createLiveSettings(host, config, records, 'SettingChanged'));
    const { contest } = replica.model;
    const promotions = createPromotionStore({ events, clock: host.clock });
    modelRoutes(app, { db, promotions, contest });
    host.use(
      createPromotionWorker(
        host,
        { db, promotions, contest },
        settings.of(promotesByItself, promotesByItself.default),
      ),
    );
    contest.compare(settings.of(comparedPercent, comparedPercent.default));
    recommendationRoutes(app, host, {
      similarity: freshSimilarity(similarity, host.clock),
      catalogue: freshCatalogue(catalogue, host.clock),
      model: replica.model,
      ranking: createSharedRanking(host.clock),
      experiments: settings.of(experimentsSetting, experimentsSetting.default),
      rules: settings.of(rulesSetting, noRules),
      diversity: settings.of(diversity, diversity.default),
      exploredPercent: settings.of(exploredPercent, exploredPercent.default),
      chance: { exposureOf: replica.model.exposureOf, random: Math.random },
    });
  },
};

const forgetEveryMs = 10 * 60_000;
const forgottenAtOnceMax = 10_000;

const forgetOldPurchases = (host: Host, catalogue: CatalogueStore): Component =>
  createPeriodicWork({
    name: 'purchases',
    everyMs: forgetEveryMs,
    work: () =>
      catalogue.forgetPurchases(host.clock.nowMs() - recentMs, {
        rowsMax: forgottenAtOnceMax,
        stopping: host.stopping,
      }),
    onFailure: (error) => host.logger.warn({ err: error }, 'old purchases could not be deleted'),
  });
