import { envSchema } from '#platform/config';
import { engineSettings } from '#platform/engine-settings';
import { serviceSettings } from '#platform/service';

export const productConfig = envSchema({
  ...serviceSettings('product', { databasePoolMax: 5 }),
  redisUrl: engineSettings.redisUrl,
  caches: engineSettings.caches,
});

export type ProductConfig = Readonly<ReturnType<typeof productConfig.parse>>;
