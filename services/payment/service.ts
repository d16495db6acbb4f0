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
import type { PaymentConfig } from './config.js';
import { createPaymentMetrics } from './payment-metrics.js';
import { createPaymentStore } from './payment-store.js';
import { createProviderWorker } from './provider-worker.js';
import { reactions } from './reactions.js';
import { paymentRoutes } from './routes.js';
import { createSandboxProvider } from './sandbox-provider.js';

/** Guarantees, takes and gives back the money of orders, each at most once. */
export const paymentService = async (config: PaymentConfig, host: Host): Promise<void> => {
  const { clock } = host;
  const db = host.use(
    createDatabase(host, {
      url: serviceDatabaseUrl(config.databaseUrl, 'payment'),
      poolMax: config.databasePoolMax,
      migrations: [
        'platform/inbox/migrations',
        'platform/outbox/migrations',
        'services/payment/migrations',
      ].map(projectPath),
    }),
  );
  const broker = host.use(connectBroker(host, config.kafka));
  const registry = createSchemaRegistry(config.schemaRegistryUrl);
  const events = host.use(
    createEventPublisher<EventMap>(host, registry, records, [
      'PaymentAuthorized',
      'PaymentDeclined',
      'PaymentCaptured',
      'PaymentVoided',
      'PaymentFailed',
      'PaymentRefunded',
      'RefundFailed',
    ]),
  );
  const payments = createPaymentStore({ events, clock });

  host.use(createOutboxRelay(host, db, await broker.producer()));
  host.use(
    createProviderWorker(host, {
      db,
      payments,
      provider: createSandboxProvider(db, clock),
      metrics: createPaymentMetrics(host.metrics),
      timeoutMs: config.providerTimeoutMs,
      callsConcurrentMax: config.providerCallsConcurrentMax,
    }),
  );
  host.use(
    createReactor<EventMap>(host, {
      broker,
      db,
      registry,
      events: records,
      group: 'payment.reactions',
      reactions: reactions(payments, clock),
      // An order and its stock come on two topics: two batches at a time could lock each other's payments.
      partitionsConcurrentlyMax: 1,
    }),
  );

  const http = createHttpServer(host, {
    port: config.port,
    title: 'Cartstream payments',
    auth: remoteAuthenticator(config, clock),
  });
  paymentRoutes(http.app, db, payments);
  host.use(http.component);
};
