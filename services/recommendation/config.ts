import { envSchema, setting } from '#platform/config';
import { engineSettings } from '#platform/engine-settings';
import { authSettings } from '#platform/http/auth';

const { kafka, schemaRegistryUrl, databaseUrl, redisUrl } = engineSettings;

export const recommendationConfig = envSchema({
  ...authSettings,
  kafka,
  schemaRegistryUrl,
  databaseUrl,
  redisUrl,
  port: ['RECOMMENDATION_PORT', setting.port],
  databasePoolMax: ['RECOMMENDATION_DATABASE_POOL_MAX', setting.integer(2, 50).default(6)],
});

export type RecommendationConfig = Readonly<ReturnType<typeof recommendationConfig.parse>>;
