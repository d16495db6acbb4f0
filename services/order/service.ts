import { remoteAuthenticator } from '#platform/http/auth';
import { idempotencyMigrations } from '#platform/http/idempotency';
import { createHttpServer } from '#platform/http/server';
import { connectBroker } from '#platform/messaging/connect-broker';
import { createEventPublisher } from '#platform/messaging/events';
import { createReactor } from '#platform/messaging/reactor';
import { createSchemaRegistry } from '#platform/messaging/schema-registry';
import { createOutboxRelay } from '#platform/outbox/relay';
import { createDatabase, serviceDatabaseUrl } from '#platform/postgres/pool';
import { projectPath } from '#platform/project';
import type { Host } from '#platform/service-host';
import { type EventMap, records } from '#schemas/events';
import type { OrderConfig } from './config.js';
import { createOrderMetrics } from './order-metrics.js';
import { createOrderStore } from './order-store.js';
import { createPlaceOrder } from './place-order.js';
import { createProductReplica } from './product-replica.js';
import { catalogueReactions, sagaReactions } from './reactions.js';
import { orderRoutes } from './routes.js';
import { sagaRoutes } from './saga-routes.js';
import { createSweeper } from './sweeper.js';

/** Takes orders and decides what becomes of each, once its stock and its money have answered. */
export const orderService = async (config: OrderConfig, host: Host): Promise<void> => {
  const { clock, logger } = host;
  const db = host.use(
    createDatabase(host, {
      url: serviceDatabaseUrl(config.databaseUrl, 'order'),
      poolMax: config.databasePoolMax,
      migrations: [
        'platform/inbox/migrations',
        'platform/outbox/migrations',
        idempotencyMigrations,
        'services/order/migrations',
      ].map(projectPath),
    }),
  );
  const broker = host.use(connectBroker(host, config.kafka));
  const registry = createSchemaRegistry(config.schemaRegistryUrl);
  const events = host.use(
    createEventPublisher<EventMap>(host, registry, records, [
      'OrderPlaced',
      'OrderConfirmed',
      'OrderCancelled',
      'OrderReturned',
      'Sale',
    ]),
  );
  const orders = createOrderStore({ events, clock });
  const products = createProductReplica(db);
  const metrics = createOrderMetrics(host.metrics);

  host.use(createOutboxRelay(host, db, await broker.producer()));
  const reactor = { broker, db, registry, events: records };
  host.use(
    createReactor<EventMap>(host, {
      ...reactor,
      group: 'order.catalogue',
      reactions: catalogueReactions(products),
    }),
  );
  host.use(
    createReactor<EventMap>(host, {
      ...reactor,
      group: 'order.saga',
      reactions: sagaReactions({ orders, clock, logger, metrics }),
      // An order's stock and money come on two topics: two batches at a time could lock each other's orders.
      partitionsConcurrentlyMax: 1,
    }),
  );
  const sweeper = host.use(
    createSweeper(host, {
      db,
      orders,
      metrics,
      everyMs: config.sweepEveryMs,
      stuckAfterMs: config.stuckAfterMs,
    }),
  );

  const http = createHttpServer(host, {
    port: config.port,
    title: 'Cartstream orders',
    auth: remoteAuthenticator(config, clock),
  });
  orderRoutes(http.app, {
    db,
    orders,
    products,
    metrics,
    clock,
    logger,
    placeOrder: createPlaceOrder({
      orders,
      products,
      metrics,
      clock,
      logger,
      paymentWaitMs: config.paymentWaitMs,
    }),
    productWaitMs: config.productWaitMs,
    isBacklogged: () => sweeper.unpublished() > config.outboxUnpublishedMax,
  });
  sagaRoutes(http.app, { db, clock, stuckAfterMs: config.stuckAfterMs });
  host.use(http.component);
};
