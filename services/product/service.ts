import { remoteAuthenticator } from '#platform/http/auth';
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
import type { ProductConfig } from './config.js';
import { createProductStore } from './product-store.js';
import { reactions } from './reactions.js';
import { productRoutes } from './routes.js';

/** The catalogue: what there is to buy, and, following inventory, how much of it. */
export const productService = async (config: ProductConfig, host: Host): Promise<void> => {
  const db = host.use(
    createDatabase(host, {
      url: serviceDatabaseUrl(config.databaseUrl, 'product'),
      poolMax: config.databasePoolMax,
      migrations: [
        'platform/inbox/migrations',
        'platform/outbox/migrations',
        'services/product/migrations',
      ].map(projectPath),
    }),
  );
  const broker = host.use(connectBroker(host, config.kafka));
  const registry = createSchemaRegistry(config.schemaRegistryUrl);
  const events = host.use(createEventPublisher<EventMap>(host, registry, records, ['ProductCreated']));
  const products = createProductStore({ events, clock: host.clock });

  host.use(createOutboxRelay(host, db, await broker.producer()));
  host.use(
    createReactor<EventMap>(host, {
      broker,
      db,
      registry,
      events: records,
      group: 'product.reactions',
      reactions: reactions(products),
      // One transaction at a time: two batches may hold the same products in another order.
      partitionsConcurrentlyMax: 1,
    }),
  );

  const http = createHttpServer(host, {
    port: config.port,
    title: 'Cartstream product',
    auth: remoteAuthenticator(config, host.clock),
  });
  productRoutes(http.app, db, products, host.metrics);
  host.use(http.component);
};
