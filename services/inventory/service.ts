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
import type { InventoryConfig } from './config.js';
import { createHoldStore } from './hold-store.js';
import { watchLevels } from './levels.js';
import { reactions } from './reactions.js';
import { inventoryRoutes } from './routes.js';
import { createStockStore } from './stock-store.js';

/** Keeps what is there, what is promised and what has left; answers every placed order with a hold or a no. */
export const inventoryService = async (config: InventoryConfig, host: Host): Promise<void> => {
  const db = host.use(
    createDatabase(host, {
      url: serviceDatabaseUrl(config.databaseUrl, 'inventory'),
      poolMax: config.databasePoolMax,
      migrations: [
        'platform/inbox/migrations',
        'platform/outbox/migrations',
        idempotencyMigrations,
        'services/inventory/migrations',
      ].map(projectPath),
    }),
  );
  const broker = host.use(connectBroker(host, config.kafka));
  const registry = createSchemaRegistry(config.schemaRegistryUrl);
  const events = host.use(
    createEventPublisher<EventMap>(host, registry, records, [
      'StockReserved',
      'StockRejected',
      'StockReleased',
      'StockCommitted',
      'StockReturned',
      'StockAdjusted',
    ]),
  );
  const stock = createStockStore({ events, clock: host.clock });
  const holds = createHoldStore({ events, clock: host.clock, holdMs: config.holdMs });

  host.use(createOutboxRelay(host, db, await broker.producer()));
  host.use(
    createReactor<EventMap>(host, {
      broker,
      db,
      registry,
      events: records,
      group: 'inventory.reactions',
      reactions: reactions({ ...host, stock, holds, unknownProductWaitMs: config.unknownProductWaitMs }),
      // One transaction at a time: a batch locks the products of many orders, and two batches could lock each
      // other out. Instances share the partitions; there a deadlock is broken by PostgreSQL and retried.
      partitionsConcurrentlyMax: 1,
    }),
  );
  host.use(watchLevels(host, db));

  const http = createHttpServer(host, {
    port: config.port,
    title: 'Cartstream inventory',
    auth: remoteAuthenticator(config, host.clock),
  });
  inventoryRoutes(http.app, db, stock);
  host.use(http.component);
};
