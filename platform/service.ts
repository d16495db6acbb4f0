import { type Settings, setting, variableOf } from '#platform/config';
import { engineSettings } from '#platform/engine-settings';
import {
  type Authenticator,
  authSettings,
  type RememberingAuthenticator,
  remoteAuthenticator,
} from '#platform/http/auth';
import type { HttpApp } from '#platform/http/http-app';
import { idempotencyMigrations } from '#platform/http/idempotency';
import { createHttpServer } from '#platform/http/server';
import type { Broker } from '#platform/messaging/broker';
import { connectBroker } from '#platform/messaging/connect-broker';
import { createDeadLetters, type DeadLetters } from '#platform/messaging/dead-letter';
import {
  type BrokenRule,
  createEventPublisher,
  type EventPublisher,
  type EventTable,
} from '#platform/messaging/events';
import type { KafkaSettings } from '#platform/messaging/kafka-settings';
import { createReactor, type Reactions, type ReactorOptions } from '#platform/messaging/reactor';
import { watchSchemaRegistry } from '#platform/messaging/registry-health';
import { replaysTopic } from '#platform/messaging/replay';
import {
  createSchemaRegistry,
  type SchemaRegistry,
  unknownHeldMsDefault,
} from '#platform/messaging/schema-registry';
import { createOutboxRelay } from '#platform/outbox/relay';
import { sentUpToRoute } from '#platform/outbox/sent-up-to';
import { createDatabase, type Database, serviceDatabaseUrl } from '#platform/postgres/pool';
import { projectPath } from '#platform/project';
import type { Host } from '#platform/service-host';

const { kafka, schemaRegistryUrl, databaseUrl } = engineSettings;

/** How long a record whose schema the registry does not have holds its partition before it is parked. */
const schemaUnknownHeldMs = [
  'SCHEMA_UNKNOWN_HELD_MS',
  setting.integer(0, 600_000).default(unknownHeldMsDefault),
] as const;

/** The settings that `openService` needs: `ORDER_PORT` and so on for the service `order`. */
export const serviceSettings = (service: string, defaults: { databasePoolMax: number }) =>
  ({
    ...authSettings,
    kafka,
    schemaRegistryUrl,
    schemaUnknownHeldMs,
    databaseUrl,
    port: [variableOf(service, 'PORT'), setting.port],
    /** Its database is `cartstream_<this>`. */
    database: [variableOf(service, 'DATABASE'), setting.text.default(service)],
    databasePoolMax: [
      variableOf(service, 'DATABASE_POOL_MAX'),
      setting.integer(2, 50).default(defaults.databasePoolMax),
    ],
  }) as const satisfies Settings;

/** The settings that `openJob` needs. */
export const jobSettings = (job: string) =>
  ({
    kafka,
    schemaRegistryUrl,
    schemaUnknownHeldMs,
    port: [variableOf(job, 'PORT'), setting.port],
  }) as const satisfies Settings;

type AuthConfig = Parameters<typeof remoteAuthenticator>[0];
type FrontConfig = { port: number };
type LogConfig = { kafka: KafkaSettings; schemaRegistryUrl: string; schemaUnknownHeldMs?: number };
type DatabaseConfig = { databaseUrl: string; database: string; databasePoolMax: number };

export type ServiceOptions<E, P extends keyof E & string> = {
  /** The topic and schema of each event: `records` of the schemas. */
  records: EventTable<E>;
  /** Which values of events make no sense although they fit their schemas: no reaction gets them. */
  brokenRule: BrokenRule;
  /** The types of events that the service publishes; publishing another one does not compile. None if unset. */
  publishes?: readonly P[];
  /** If unset, tokens are verified with the keys of the service that issues them. */
  auth?: Authenticator;
};

export type ServiceParts<E, P extends keyof E & string> = {
  /** Has the tables of inbox, outbox and idempotency keys, and the service's own tables. */
  db: Database;
  broker: Broker;
  events: EventPublisher<Pick<E, P>>;
  /** Appended events that Kafka has not acknowledged, counted within the last second or so. */
  unpublished(): number;
  /** Reacts as consumer group `<service>.<purpose>`. */
  react(purpose: string, reactions: Reactions<E>, options?: ReactOptions): void;
  /** Declare routes here. It answers once every other part has started. */
  app: HttpApp;
};

/**
 * For reactions that keep copies, or that nobody waits for: an order's way through the services does not pass them, so
 * that they may read what lies ready five times a second instead of at each event, handle much of it at once, and give
 * way to others while the event loop is busy.
 */
export const followsLater: ReactOptions = {
  fetchSpacingMs: 200,
  eventsPerTransactionMax: 1_000,
  yieldMs: 200,
};

/**
 * For reactions by which the shop sells, to events of which very many may come at once: so many of them are handled in
 * one transaction.
 */
export const followsClosely: ReactOptions = { eventsPerTransactionMax: 1_000, yieldMs: 0 };

export type ReactOptions = Pick<
  ReactorOptions<unknown>,
  'eventsPerTransactionMax' | 'fetchSpacingMs' | 'yieldMs'
>;

/**
 * Opens the parts of nearly every service and registers them with the host: its database `cartstream_<service>`, which
 * is created if it is missing and migrated, the outbox that sends its events to Kafka, and its HTTP server. The
 * service's own migrations are in `services/<service>/migrations`.
 */
export const openService = async <E, const P extends keyof E & string = never>(
  host: Host,
  config: FrontConfig & LogConfig & DatabaseConfig & AuthConfig,
  { records, brokenRule, publishes = [], auth }: ServiceOptions<E, P>,
): Promise<ServiceParts<E, P>> => {
  const db = host.use(
    createDatabase(host, {
      url: serviceDatabaseUrl(config.databaseUrl, config.database),
      poolMax: config.databasePoolMax,
      migrations: [
        'platform/inbox/migrations',
        'platform/outbox/migrations',
        idempotencyMigrations,
        `services/${host.service}/migrations`,
      ].map(projectPath),
    }),
  );
  const { broker, registry } = openLog(host, config);
  const events = createEventPublisher(host, registry, records, publishes);
  if (publishes.length > 0) host.use(events);
  const relay =
    publishes.length > 0 ? host.use(createOutboxRelay(host, db, await broker.producer())) : undefined;
  const app = openFront(host, config, auth ?? useTokens(host, config));
  if (publishes.length > 0) sentUpToRoute(app, db);
  return {
    db,
    broker,
    events,
    unpublished: () => relay?.unpublished() ?? 0,
    react: (purpose, reactions, options = {}) => {
      const group = `${host.service}.${purpose}`;
      host.use(
        createReactor<E>(host, {
          ...options,
          broker,
          db,
          registry,
          events: records,
          brokenRule,
          group,
          reactions,
          replays: replaysTopic,
        }),
      );
    },
    app,
  };
};

export type JobConfig = FrontConfig & LogConfig;

export type JobParts = {
  broker: Broker;
  registry: SchemaRegistry;
  deadLetters: DeadLetters;
  /** Has health and metrics already; for the job's own routes. */
  app: HttpApp;
};

/** Opens the parts of every stream job: Kafka, the schema registry, dead letters, health and metrics. */
export const openJob = async (host: Host, config: JobConfig): Promise<JobParts> => {
  const { broker, registry } = openLog(host, config);
  const deadLetters = createDeadLetters(host, await broker.producer());
  return { broker, registry, deadLetters, app: openFront(host, config) };
};

/** Verifies tokens by keys that are fetched when the service starts, so that it needs the user service only once. */
export const useTokens = (host: Host, config: AuthConfig): RememberingAuthenticator => {
  const authenticator = remoteAuthenticator(config, host.clock);
  host.use({
    name: 'token keys',
    start: async () => void authenticator.prefetch(host.stopping),
    stop: async () => {},
  });
  return authenticator;
};

/** Opens an HTTP server with the conventions of every endpoint, named after its service. */
export const openFront = (host: Host, config: FrontConfig, auth?: Authenticator): HttpApp => {
  const { app, component } = createHttpServer(host, {
    port: config.port,
    title: `Cartstream ${host.service}`,
    ...(auth === undefined ? {} : { auth }),
  });
  host.use(component);
  return app;
};

const openLog = (host: Host, config: LogConfig) => {
  host.use(watchSchemaRegistry(config.schemaRegistryUrl));
  return {
    broker: host.use(connectBroker(host, config.kafka)),
    registry: createSchemaRegistry(config.schemaRegistryUrl, {
      unknownHeldMs: config.schemaUnknownHeldMs ?? unknownHeldMsDefault,
    }),
  };
};
