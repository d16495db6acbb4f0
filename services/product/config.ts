import { engineSettings, envSchema, setting } from '#platform/config';
import { authSettings } from '#platform/http/auth';

const { kafkaBrokers, schemaRegistryUrl, databaseUrl } = engineSettings;

export const productConfig = envSchema({
  ...authSettings,
  kafkaBrokers,
  schemaRegistryUrl,
  databaseUrl,
  port: ['PRODUCT_PORT', setting.port],
  databasePoolMax: ['PRODUCT_DATABASE_POOL_MAX', setting.integer(2, 50).default(5)],
});

export type ProductConfig = Readonly<ReturnType<typeof productConfig.parse>>;
