import { createAuthenticator } from '#platform/http/auth';
import { createHttpServer } from '#platform/http/server';
import { connectBroker } from '#platform/messaging/connect-broker';
import { createEventPublisher } from '#platform/messaging/events';
import { createSchemaRegistry } from '#platform/messaging/schema-registry';
import { createOutboxRelay } from '#platform/outbox/relay';
import { createDatabase, serviceDatabaseUrl } from '#platform/postgres/pool';
import { projectPath } from '#platform/project';
import type { Host } from '#platform/service-host';
import { type EventMap, records } from '#schemas/events';
import { createAccounts } from './accounts.js';
import type { UserConfig } from './config.js';
import { createPasswordHasher } from './password.js';
import { authRoutes, userRoutes } from './routes.js';
import { createAccessTokens } from './tokens.js';
import { createUserStore } from './user-store.js';

/** Accounts, logins and the keys that others verify tokens with. */
export const userService = async (config: UserConfig, host: Host): Promise<void> => {
  const db = host.use(
    createDatabase(host, {
      url: serviceDatabaseUrl(config.databaseUrl, config.database),
      poolMax: config.databasePoolMax,
      migrations: [projectPath('platform/outbox/migrations'), projectPath('services/user/migrations')],
    }),
  );
  const publisher = host.use(
    createEventPublisher<EventMap>(host, createSchemaRegistry(config.schemaRegistryUrl), records, [
      'UserRegistered',
      'UserRolesChanged',
    ]),
  );
  const broker = host.use(connectBroker(host, config.kafka));
  host.use(createOutboxRelay(host, db, await broker.producer()));
  const tokens = host.use(
    createAccessTokens(db, host.clock, {
      issuer: config.tokenIssuer,
      audience: config.tokenAudience,
      ttlS: config.accessTokenTtlS,
    }),
  );

  const store = createUserStore(db);
  const accounts = createAccounts({
    store,
    passwords: await createPasswordHasher({
      concurrentMax: config.hashesConcurrentMax,
      waitingMax: config.hashesWaitingMax,
    }),
    tokens,
    publisher,
    clock: host.clock,
    loginTtlS: config.loginTtlS,
  });
  const { adminEmail, adminPassword } = config;
  if (adminEmail !== undefined && adminPassword !== undefined)
    host.use({
      name: 'admin-account',
      start: () => accounts.ensureAdmin(adminEmail, adminPassword),
      stop: async () => {},
    });

  const { app, component } = createHttpServer(host, {
    port: config.port,
    title: 'Cartstream users',
    auth: createAuthenticator({
      keys: async () => tokens.publicKeys(),
      issuer: config.tokenIssuer,
      audience: config.tokenAudience,
      clock: host.clock,
    }),
  });
  authRoutes(app, accounts, tokens.publicKeys, host.metrics);
  userRoutes(app, accounts, store);
  host.use(component);
};
