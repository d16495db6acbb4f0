import { createAuthenticator } from '#platform/http/auth';
import { openService } from '#platform/service';
import type { Service } from '#platform/service-host';
import { records } from '#schemas/events';
import { createAccounts, publishes } from './accounts.js';
import { type UserConfig, userConfig } from './config.js';
import { createLogins } from './logins.js';
import { createPasswordHasher } from './password.js';
import { authRoutes, userRoutes } from './routes.js';
import { createAccessTokens } from './tokens.js';
import { createUserStore } from './user-store.js';

/** Manages accounts, logins and the keys with which other services verify tokens. */
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
    const { hashesConcurrentMax: concurrentMax, hashesWaitingMax: waitingMax, loginTtlS } = config;
    const passwords = await createPasswordHasher({ concurrentMax, waitingMax });
    const logins = createLogins({ store, passwords, tokens, clock, loginTtlS });
    const accounts = createAccounts({ store, passwords, logins, publisher: events, clock });
    if (adminEmail !== undefined && adminPassword !== undefined)
      host.use({
        name: 'admin-account',
        start: () => accounts.ensureAdmin(adminEmail, adminPassword),
        stop: async () => {},
      });
    authRoutes(app, { accounts, logins, publicKeys: tokens.publicKeys, metrics: host.metrics });
    userRoutes(app, accounts, store);
  },
};
