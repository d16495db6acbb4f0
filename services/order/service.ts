import { createClickHouse } from '#platform/clickhouse/client';
import { createRedis } from '#platform/redis/client';
import { createReadAside } from '#platform/redis/read-aside';
import { followsClosely, openService } from '#platform/service';
import type { Service } from '#platform/service-host';
import { createLiveSettings } from '#platform/settings/live-settings';
import { records } from '#schemas/events';
import { paymentWaitMs } from '#schemas/payment-wait';
import { brokenRule } from '#schemas/value-rules';
import { createBuyerSweep } from './buyer-sweep-worker.js';
import { changeRoutes } from './change-routes.js';
import { type OrderConfig, orderConfig } from './config.js';
import { createEventPlaces } from './event-place-reads.js';
import { createOrderMetrics } from './order-metrics.js';
import { outboxUnpublishedMax } from './order-settings.js';
import { createOrderStore, publishes } from './order-store.js';
import type { OrderStanding } from './order-view.js';
import { createOrderViews } from './order-view-store.js';
import { createPlaceOrder } from './place-order.js';
import { createProductReplica } from './product-replica.js';
import { accountReactions, catalogueReactions, sagaReactions } from './reactions.js';
import { orderRoutes } from './routes.js';
import { sagaRoutes } from './saga-routes.js';
import { statusRoutes } from './status-routes.js';
import { createSweeper } from './sweeper.js';

const captureWaitMs = 3_000;
const placesWaitMs = 1_500;
/** Of a status in the cache. */
const statusMsMax = 30_000;

/** Accepts orders, and confirms or cancels each after inventory and payment have answered. */
export const service: Service<OrderConfig> = {
  name: 'order',
  config: orderConfig,
  build: async (config, host) => {
    const { clock, logger } = host;
    const redis = host.use(createRedis(host, config.redisUrl));
    const isOn = config.caches === 'on';
    const cache = host.use(
      createReadAside<OrderStanding>(host, redis, { name: 'order-status', ageMsMax: statusMsMax, isOn }),
    );
    const { db, events, react, app, unpublished } = await openService(host, config, {
      records,
      brokenRule,
      publishes,
    });
    const settings = host.use(createLiveSettings(host, config, records, 'SettingChanged'));
    const unpublishedMax = settings.of(outboxUnpublishedMax, config.outboxUnpublishedMax);
    const orders = createOrderStore({ events, clock });
    const products = createProductReplica(db);
    const metrics = createOrderMetrics(host.metrics);

    react('catalogue', catalogueReactions(products), followsClosely);
    react('accounts', accountReactions());
    react('saga', sagaReactions({ orders, clock, logger, metrics }));
    const { sweepEveryMs: everyMs, stuckAfterMs } = config;
    host.use(createSweeper(host, { db, orders, metrics, everyMs, stuckAfterMs }));
    host.use(createBuyerSweep(host, db));
    const views = host.use(createOrderViews(host, db, cache));
    statusRoutes(app, { views, stopping: host.stopping });
    changeRoutes(app, { db, orders, views, metrics, clock, logger, captureWaitMs });
    const clickhouse = createClickHouse({ url: config.clickhouseUrl, requestTimeoutMs: placesWaitMs });
    // Not a dependency: without it staff see less of the timeline.
    host.use({ name: 'event places', start: async () => {}, stop: clickhouse.stop });
    orderRoutes(app, {
      db,
      views,
      places: createEventPlaces(clickhouse, placesWaitMs),
      products,
      metrics,
      placeOrder: createPlaceOrder({
        orders,
        products,
        metrics,
        clock,
        logger,
        paymentWaitMs: settings.of(paymentWaitMs, config.paymentWaitMs),
      }),
      productWaitMs: config.productWaitMs,
      isBacklogged: () => unpublished() > unpublishedMax(),
    });
    sagaRoutes(app, { db, orders, views, metrics, clock, logger, stuckAfterMs });
  },
};
