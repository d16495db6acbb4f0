import { serviceDatabaseUrl } from '#platform/postgres/pool';
import { createRedis } from '#platform/redis/client';
import { followsLater, openService } from '#platform/service';
import type { Service } from '#platform/service-host';
import { createBatchedRead } from '#platform/waiting/shared-read';
import { records } from '#schemas/events';
import { brokenRule } from '#schemas/value-rules';
import { createAnswerCache } from './answer-cache.js';
import { type SearchConfig, searchConfig } from './config.js';
import { createDocumentStore, readProducts } from './document-store.js';
import { createLiveIndex } from './index-listener.js';
import { reactions } from './reactions.js';
import { searchRoutes } from './routes.js';

const readsPerQueryMax = 20;

/** Finds products. Its documents are made of other services' events alone, and can be made anew from them. */
export const service: Service<SearchConfig> = {
  name: 'search',
  config: searchConfig,
  build: async (config, host) => {
    const redis = host.use(createRedis(host, config.redisUrl));
    const { db, react, app } = await openService(host, config, { records, brokenRule });
    const index = host.use(createLiveIndex(host, db));
    react('documents', reactions(createDocumentStore()), followsLater);
    const products = createBatchedRead((ids) => readProducts(db, ids), readsPerQueryMax);
    const answers = createAnswerCache(host, redis, {
      index,
      isOn: config.caches === 'on',
      databaseUrl: serviceDatabaseUrl(config.databaseUrl, config.database),
    });
    searchRoutes(app, { find: index.find, products, answers }, host.metrics);
  },
};
