import { envSchema, setting } from '#platform/config';
import { engineSettings } from '#platform/engine-settings';
import { serviceSettings } from '#platform/service';

export const userConfig = envSchema({
  ...serviceSettings('user', { databasePoolMax: 5 }),
  redisUrl: engineSettings.redisUrl,
  caches: engineSettings.caches,
  /** Empty by default, because this service has the keys itself. */
  userUrls: ['USER_URL', setting.urls.default([])],
  accessTokenTtlS: ['USER_ACCESS_TOKEN_TTL_S', setting.integer(60, 3600).default(900)],
  /** How long a key signs access tokens before the next one does. */
  signingKeyTtlS: ['USER_SIGNING_KEY_TTL_S', setting.integer(3600, 31_536_000).default(30 * 24 * 3600)],
  loginTtlS: ['USER_LOGIN_TTL_S', setting.integer(3600, 31_536_000).default(30 * 24 * 3600)],
  /** Each hash takes 19 MiB and some 30 ms of a core. */
  hashesConcurrentMax: ['USER_HASHES_CONCURRENT_MAX', setting.integer(1, 32).default(2)],
  hashesWaitingMax: ['USER_HASHES_WAITING_MAX', setting.integer(0, 1000).default(60)],
  /** With both set, this account exists with this password and is an admin whenever the service starts. */
  adminEmail: ['ADMIN_EMAIL', setting.text.optional()],
  adminPassword: ['ADMIN_PASSWORD', setting.text.min(8, 'must have at least 8 characters').optional()],
});

export type UserConfig = Readonly<ReturnType<typeof userConfig.parse>>;
