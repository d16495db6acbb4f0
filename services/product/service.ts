import { createRedis } from '#platform/redis/client';
import { followsLater, openService } from '#platform/service';
import type { Service } from '#platform/service-host';
import { catalogueChannel, encodeCatalogueChange } from '#schemas/catalogue-changes';
import { records } from '#schemas/events';
import { createCategoryChanges } from './category-changes-store.js';
import { categoryRoutes } from './category-routes.js';
import { type ProductConfig, productConfig } from './config.js';
import { importRoutes } from './import-routes.js';
import { createProductReads } from './product-reads.js';
import { createProductStore } from './product-store.js';
import { publishes } from './published.js';
import { reactions } from './reactions.js';
import { productRoutes } from './routes.js';

/** The catalogue: the products for sale, with their available stock copied from inventory. */
export const service: Service<ProductConfig> = {
  name: 'product',
  config: productConfig,
  build: async (config, host) => {
    const redis = host.use(createRedis(host, config.redisUrl));
    const { db, events, react, app } = await openService(host, config, { records, publishes });
    const products = createProductStore({
      events,
      clock: host.clock,
      onChange: (change) =>
        void redis.orElse((client) => client.publish(catalogueChannel, encodeCatalogueChange(change)), 0),
    });
    react('reactions', reactions(products), followsLater);
    categoryRoutes(app, db, createCategoryChanges(products, { events, clock: host.clock }));
    await importRoutes(app, { ...host, products, db });
    productRoutes(app, db, { products, reads: createProductReads(db), metrics: host.metrics });
  },
};
