import { createRedis } from '#platform/redis/client';
import { createReadAside } from '#platform/redis/read-aside';
import { followsLater, openService } from '#platform/service';
import type { Service } from '#platform/service-host';
import { sleep } from '#platform/waiting/sleep';
import { records } from '#schemas/events';
import { brokenRule } from '#schemas/value-rules';
import { createAnnouncer } from './announcement-worker.js';
import { createCategoryChanges } from './category-changes-store.js';
import { categoryRoutes } from './category-routes.js';
import { type ProductConfig, productConfig } from './config.js';
import { createImportPace } from './import-pace.js';
import { importRoutes } from './import-routes.js';
import { keptCount } from './imported-events-store.js';
import { createImportedEventsWorker } from './imported-events-worker.js';
import { createProductReads } from './product-reads.js';
import type { ProductRow } from './product-row-store.js';
import { createProductStore } from './product-store.js';
import { publishes } from './published.js';
import { reactions } from './reactions.js';
import { productRoutes } from './routes.js';

const cachedMsMax = 3_600_000;

/** The catalogue: the products for sale, with their available stock copied from inventory. */
export const service: Service<ProductConfig> = {
  name: 'product',
  config: productConfig,
  build: async (config, host) => {
    const redis = host.use(createRedis(host, config.redisUrl));
    const isOn = config.caches === 'on';
    const cache = host.use(
      createReadAside<ProductRow>(host, redis, { name: 'product', ageMsMax: cachedMsMax, isOn }),
    );
    const announcer = host.use(createAnnouncer(host, redis));
    const { db, events, react, app } = await openService(host, config, { records, brokenRule, publishes });
    const products = createProductStore({
      events,
      clock: host.clock,
      onChange: (change) => {
        // First, so that a gateway that reads anew at the announcement finds nothing older.
        cache.forget(change.productIds);
        announcer.announce(change);
      },
    });
    react('reactions', reactions(products), followsLater);
    categoryRoutes(app, db, createCategoryChanges(products, { events, clock: host.clock }));
    const { monotonicMs } = host.clock;
    const pace = createImportPace(() => keptCount(db), { monotonicMs, wait: sleep });
    const importedEvents = host.use(createImportedEventsWorker(host, db));
    await importRoutes(app, { ...host, products, db, pace, importedEvents });
    productRoutes(app, db, { products, reads: createProductReads(db, cache), metrics: host.metrics });
  },
};
