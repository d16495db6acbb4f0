import { followsClosely, openService } from '#platform/service';
import type { Service } from '#platform/service-host';
import { createLiveSettings } from '#platform/settings/live-settings';
import { records } from '#schemas/events';
import { paymentWaitMs } from '#schemas/payment-wait';
import { brokenRule } from '#schemas/value-rules';
import { backInStockRoutes } from './back-in-stock-routes.js';
import { createBackInStockStore } from './back-in-stock-store.js';
import { createBackInStockWorker } from './back-in-stock-worker.js';
import { type InventoryConfig, inventoryConfig } from './config.js';
import { holdMsOf, notSet } from './hold.js';
import { createHoldStore } from './hold-store.js';
import { createInventoryMetrics } from './inventory-metrics.js';
import { createProductsForSale } from './product-replica.js';
import { reactions } from './reactions.js';
import { inventoryRoutes } from './routes.js';
import { watchLevels } from './stock-level-metrics.js';
import { createStockStore, publishes } from './stock-store.js';

/** Keeps the stock of products: reserves, commits and releases it for orders, and records every movement. */
export const service: Service<InventoryConfig> = {
  name: 'inventory',
  config: inventoryConfig,
  build: async (config, host) => {
    const { db, events, react, app } = await openService(host, config, { records, brokenRule, publishes });
    const stock = createStockStore({ events, clock: host.clock });
    const settings = host.use(createLiveSettings(host, config, records, 'SettingChanged'));
    const setWaitMs = settings.of(paymentWaitMs, notSet);
    const holdMs = () => holdMsOf(config.holdMs, setWaitMs());
    const holds = createHoldStore({ events, clock: host.clock, holdMs });
    const waiting = createBackInStockStore({ events, clock: host.clock });
    const products = createProductsForSale(db);
    const counted = createInventoryMetrics(host.metrics);
    const { unknownProductWaitMs } = config;
    react(
      'reactions',
      reactions({ ...host, stock, holds, waiting, products, counted, unknownProductWaitMs }),
      followsClosely,
    );
    host.use(watchLevels(host, db));
    inventoryRoutes(app, { db, stock, counted });
    host.use(createBackInStockWorker(host, db, waiting));
    backInStockRoutes(app, db, waiting);
  },
};
