import { envSchema } from '#platform/config';
import { engineSettings } from '#platform/engine-settings';
import { serviceSettings } from '#platform/service';

export const recommendationConfig = envSchema({
  ...serviceSettings('recommendation', { databasePoolMax: 6 }),
  redisUrl: engineSettings.redisUrl,
});

export type RecommendationConfig = Readonly<ReturnType<typeof recommendationConfig.parse>>;
