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
import type { ProductConfig } from './config.js';
import { createProductStore } from './product-store.js';
import { reactions } from './reactions.js';
import { productRoutes } from './routes.js';

/** Keeps the catalogue, and shows beside each product what inventory says is left of it. */
export const productService = async (config: ProductConfig, host: Host): Promise<void> => {
  const { clock, metrics } = host;
  const db = host.use(
    createDatabase(host, {
      url: serviceDatabaseUrl(config.databaseUrl, 'product'),
      poolMax: config.databasePoolMax,
      migrations: [
        'platform/inbox/migrations',
        'platform/outbox/migrations',
        idempotencyMigrations,
        'services/product/migrations',
      ].map(projectPath),
    }),
  );
  const broker = connectBroker(host, config.kafkaBrokers);
  const registry = createSchemaRegistry(config.schemaRegistryUrl);
  const events = host.use(createEventPublisher<EventMap>(host, registry, records, ['ProductCreated']));
  const products = createProductStore(events);

  const producer = await broker.producer();
  host.use({ name: 'producer', start: async () => {}, stop: () => producer.close() });
  host.use(createOutboxRelay(host, db, producer));
  host.use(
    createReactor<EventMap>(host, {
      broker,
      db,
      registry,
      events: records,
      group: 'product.stock',
      reactions: reactions(products),
      // A product's stock changes on the partitions of all its orders: two batches could lock each other out.
      partitionsConcurrentlyMax: 1,
    }),
  );

  const http = createHttpServer(host, {
    port: config.port,
    title: 'Cartstream catalogue',
    auth: remoteAuthenticator(config, clock),
  });
  productRoutes(http.app, { db, products, clock, metrics });
  host.use(http.component);
};
