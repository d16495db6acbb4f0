import { engineSettings, envSchema, setting } from '#platform/config';
import { authSettings } from '#platform/http/auth';

const { kafkaBrokers, schemaRegistryUrl, databaseUrl } = engineSettings;

export const notificationConfig = envSchema({
  ...authSettings,
  kafkaBrokers,
  schemaRegistryUrl,
  databaseUrl,
  port: ['NOTIFICATION_PORT', setting.port],
  databasePoolMax: ['NOTIFICATION_DATABASE_POOL_MAX', setting.integer(2, 50).default(3)],
});

export type NotificationConfig = Readonly<ReturnType<typeof notificationConfig.parse>>;
