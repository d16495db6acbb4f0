import { remoteAuthenticator } from '#platform/http/auth';
import { createHttpServer } from '#platform/http/server';
import { connectBroker } from '#platform/messaging/connect-broker';
import { createReactor } from '#platform/messaging/reactor';
import { createSchemaRegistry } from '#platform/messaging/schema-registry';
import { createDatabase, serviceDatabaseUrl } from '#platform/postgres/pool';
import { projectPath } from '#platform/project';
import { createRedis } from '#platform/redis/client';
import type { Component, Host } from '#platform/service-host';
import { type EventMap, records } from '#schemas/events';
import { type CatalogueStore, createCatalogueStore } from './catalogue-store.js';
import type { RecommendationConfig } from './config.js';
import { reactions } from './reactions.js';
import { recentPurchaseMs } from './recommend.js';
import { redisSimilarityView, viewOrNothing } from './redis-view.js';
import { recommendationRoutes } from './routes.js';

/** What may be shown is kept here, exactly, from events; what goes well together is read from Redis, if it is there. */
export const recommendationService = async (config: RecommendationConfig, host: Host): Promise<void> => {
  const db = host.use(
    createDatabase(host, {
      url: serviceDatabaseUrl(config.databaseUrl, 'recommendation'),
      poolMax: config.databasePoolMax,
      migrations: ['platform/inbox/migrations', 'services/recommendation/migrations'].map(projectPath),
    }),
  );
  const redis = host.use(createRedis(host, config.redisUrl));
  const broker = host.use(connectBroker(host, config.kafka));
  const catalogue = createCatalogueStore(db, { nowMs: host.clock.nowMs, recentMs: recentPurchaseMs });
  host.use(
    createReactor<EventMap>(host, {
      broker,
      db,
      registry: createSchemaRegistry(config.schemaRegistryUrl),
      events: records,
      group: 'recommendation.reactions',
      reactions: reactions(catalogue),
      // One transaction at a time: the lines of two batches name the same products in different orders.
      partitionsConcurrentlyMax: 1,
    }),
  );
  host.use(forgetOldPurchases(host, catalogue));

  const http = createHttpServer(host, {
    port: config.port,
    title: 'Cartstream recommendations',
    auth: remoteAuthenticator(config, host.clock),
  });
  const similarity = viewOrNothing(redisSimilarityView(redis.client, host.clock), redis);
  recommendationRoutes(http.app, host, similarity, catalogue);
  host.use(http.component);
};

const forgetEveryMs = 10 * 60_000;
const forgottenAtOnceMax = 10_000;

const forgetOldPurchases = (host: Host, catalogue: CatalogueStore): Component => {
  let timer: NodeJS.Timeout | undefined;
  const forget = () =>
    catalogue
      .forgetPurchases(host.clock.nowMs() - recentPurchaseMs, forgottenAtOnceMax)
      .catch((error: unknown) => host.logger.warn({ err: error }, 'old purchases are still there'));
  return {
    name: 'purchases',
    start: async () => {
      timer = setInterval(forget, forgetEveryMs);
    },
    stop: async () => clearInterval(timer),
  };
};
