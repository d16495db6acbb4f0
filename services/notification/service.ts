import { remoteAuthenticator } from '#platform/http/auth';
import { createHttpServer } from '#platform/http/server';
import { connectBroker } from '#platform/messaging/connect-broker';
import { createReactor } from '#platform/messaging/reactor';
import { createSchemaRegistry } from '#platform/messaging/schema-registry';
import { createDatabase, serviceDatabaseUrl } from '#platform/postgres/pool';
import { projectPath } from '#platform/project';
import type { Host } from '#platform/service-host';
import { type EventMap, records } from '#schemas/events';
import type { NotificationConfig } from './config.js';
import { createNotificationStore } from './notification-store.js';
import { reactions } from './reactions.js';
import { notificationRoutes } from './routes.js';

/** Records what buyers are to be told; sending it by channel comes with the channels. */
export const notificationService = (config: NotificationConfig, host: Host): void => {
  const db = host.use(
    createDatabase(host, {
      url: serviceDatabaseUrl(config.databaseUrl, 'notification'),
      poolMax: config.databasePoolMax,
      migrations: ['platform/inbox/migrations', 'services/notification/migrations'].map(projectPath),
    }),
  );
  const broker = host.use(connectBroker(host, config.kafka));
  const notifications = createNotificationStore(host.clock);

  host.use(
    createReactor<EventMap>(host, {
      broker,
      db,
      registry: createSchemaRegistry(config.schemaRegistryUrl),
      events: records,
      group: 'notification.reactions',
      reactions: reactions({ ...host, notifications }),
      partitionsConcurrentlyMax: 1,
    }),
  );

  const http = createHttpServer(host, {
    port: config.port,
    title: 'Cartstream notification',
    auth: remoteAuthenticator(config, host.clock),
  });
  notificationRoutes(http.app, db, notifications);
  host.use(http.component);
};
