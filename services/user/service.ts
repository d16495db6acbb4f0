import { createAuthenticator } from '#platform/http/auth';
import { openService } from '#platform/service';
import type { Service } from '#platform/service-host';
import { records } from '#schemas/events';
import { createAccounts, publishes } from './accounts.js';
import { type UserConfig, userConfig } from './config.js';
import { createPasswordHasher } from './password.js';
import { authRoutes, userRoutes } from './routes.js';
import { createAccessTokens } from './tokens.js';
import { createUserStore } from './user-store.js';

/** Accounts, logins and the keys that others verify tokens with. */
export const service: Service<UserConfig> = {
  name: 'user',
  config: userConfig,
  build: async (config, host) => {
    const { clock } = host;
    const { tokenIssuer: issuer, tokenAudience: audience, adminEmail, adminPassword } = config;
    const keys = async () => tokens.publicKeys();
    const auth = createAuthenticator({ keys, issuer, audience, clock });
    const { db, events, app } = await openService(host, config, { records, publishes, auth });
    const tokens = host.use(
      createAccessTokens(db, clock, { issuer, audience, ttlS: config.accessTokenTtlS }),
    );
    const store = createUserStore(db);
    const accounts = createAccounts({
      store,
      passwords: await createPasswordHasher({
        concurrentMax: config.hashesConcurrentMax,
        waitingMax: config.hashesWaitingMax,
      }),
      tokens,
      publisher: events,
      clock,
      loginTtlS: config.loginTtlS,
    });
    if (adminEmail !== undefined && adminPassword !== undefined)
      host.use({
        name: 'admin-account',
        start: () => accounts.ensureAdmin(adminEmail, adminPassword),
        stop: async () => {},
      });
    authRoutes(app, accounts, tokens.publicKeys, host.metrics);
    userRoutes(app, accounts, store);
  },
};
