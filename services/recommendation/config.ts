import { engineSettings, envSchema, setting } from '#platform/config';
import { authSettings } from '#platform/http/auth';

const { kafkaBrokers, schemaRegistryUrl, databaseUrl, redisUrl } = engineSettings;

export const recommendationConfig = envSchema({
  ...authSettings,
  kafkaBrokers,
  schemaRegistryUrl,
  databaseUrl,
  redisUrl,
  port: ['RECOMMENDATION_PORT', setting.port],
  databasePoolMax: ['RECOMMENDATION_DATABASE_POOL_MAX', setting.integer(2, 50).default(6)],
});

export type RecommendationConfig = Readonly<ReturnType<typeof recommendationConfig.parse>>;
