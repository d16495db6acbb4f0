import { createAuthenticator } from '#platform/http/auth';
import { createRedis } from '#platform/redis/client';
import { createReadAside } from '#platform/redis/read-aside';
import { openService } from '#platform/service';
import type { Service } from '#platform/service-host';
import { records } from '#schemas/events';
import { brokenRule } from '#schemas/value-rules';
import { accountRoutes } from './account-routes.js';
import { createAccounts } from './accounts.js';
import { createAddressBook } from './address-book.js';
import { addressRoutes } from './address-routes.js';
import { createAnnouncements, publishes } from './announcements.js';
import { apiKeyRoutes } from './api-key-routes.js';
import { createApiKeys } from './api-keys.js';
import { authRoutes } from './auth-routes.js';
import { type UserConfig, userConfig } from './config.js';
import { createContactBackfill } from './contact-backfill.js';
import { deviceRoutes } from './device-routes.js';
import { createDevices } from './devices.js';
import { createEndLogins, createLogins } from './logins.js';
import { createIssueToken, createMailedTokens } from './mailed-tokens.js';
import { createPasswordHasher } from './password.js';
import { createReplacePassword } from './replace-password.js';
import { sessionRoutes } from './session-routes.js';
import { createSigningKeys } from './signing-keys.js';
import { createAccessTokens } from './tokens.js';
import type { User } from './user.js';
import { createUserStore } from './user-store.js';

const cachedMsMax = 15 * 60_000;

/** Manages accounts, logins and the keys with which other services verify tokens. */
export const service: Service<UserConfig> = {
  name: 'user',
  config: userConfig,
  build: async (config, host) => {
    const { clock, metrics } = host;
    const { tokenIssuer: issuer, tokenAudience: audience, adminEmail, adminPassword } = config;
    const auth = createAuthenticator({ keys: async () => keys.published(), issuer, audience, clock });
    const redis = host.use(createRedis(host, config.redisUrl));
    const cache = host.use(
      createReadAside<User>(host, redis, {
        name: 'profile',
        ageMsMax: cachedMsMax,
        isOn: config.caches === 'on',
      }),
    );
    const { db, events, app } = await openService(host, config, { records, brokenRule, publishes, auth });
    const { accessTokenTtlS: tokenTtlS, signingKeyTtlS: rotateAfterS } = config;
    const keys = host.use(createSigningKeys(host, db, { tokenTtlS, rotateAfterS }));
    const tokens = createAccessTokens(keys, clock, { issuer, audience, ttlS: tokenTtlS });
    const store = createUserStore(db, cache);
    const announcements = createAnnouncements(events, store);
    const { hashesConcurrentMax: concurrentMax, hashesWaitingMax: waitingMax, loginTtlS } = config;
    const passwords = await createPasswordHasher({ concurrentMax, waitingMax });

    const parts = { store, passwords, tokens, announcements, clock, loginTtlS };
    const logins = createLogins(parts);
    const endLogins = createEndLogins(parts);
    const issueToken = createIssueToken(parts);
    const replacePassword = createReplacePassword({ ...parts, endLogins });
    const accounts = createAccounts({ ...parts, logins, endLogins, replacePassword, issueToken });
    const mailed = createMailedTokens({ ...parts, issue: issueToken, replacePassword });
    if (adminEmail !== undefined && adminPassword !== undefined)
      host.use({
        name: 'admin-account',
        start: () => accounts.ensureAdmin(adminEmail, adminPassword),
        stop: async () => {},
      });
    host.use(createContactBackfill(host, store, announcements));

    authRoutes(app, { accounts, logins, mailed, publicKeys: keys.published, auth, metrics });
    sessionRoutes(app, { db, logins, clock });
    accountRoutes(app, { db, accounts, store, clock });
    addressRoutes(app, db, createAddressBook(parts));
    deviceRoutes(app, db, createDevices(parts));
    apiKeyRoutes(app, { db, apiKeys: createApiKeys(db, { publisher: events, store, tokens, clock }), clock });
  },
};
