import { envSchema } from '#platform/config';
import { engineSettings } from '#platform/engine-settings';
import { serviceSettings } from '#platform/service';

export const searchConfig = envSchema({
  ...serviceSettings('search', { databasePoolMax: 5 }),
  redisUrl: engineSettings.redisUrl,
  caches: engineSettings.caches,
});

export type SearchConfig = Readonly<ReturnType<typeof searchConfig.parse>>;
