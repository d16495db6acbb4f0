import { envSchema, setting } from '#platform/config';
import { engineSettings } from '#platform/engine-settings';
import { authSettings } from '#platform/http/auth';

const { kafka, schemaRegistryUrl, databaseUrl } = engineSettings;

export const productConfig = envSchema({
  ...authSettings,
  kafka,
  schemaRegistryUrl,
  databaseUrl,
  port: ['PRODUCT_PORT', setting.port],
  databasePoolMax: ['PRODUCT_DATABASE_POOL_MAX', setting.integer(2, 50).default(5)],
});

export type ProductConfig = Readonly<ReturnType<typeof productConfig.parse>>;
