import { envSchema, setting } from '#platform/config';
import { engineSettings } from '#platform/engine-settings';
import { authSettings } from '#platform/http/auth';

const { kafka, schemaRegistryUrl, databaseUrl } = engineSettings;

export const notificationConfig = envSchema({
  ...authSettings,
  kafka,
  schemaRegistryUrl,
  databaseUrl,
  port: ['NOTIFICATION_PORT', setting.port],
  databasePoolMax: ['NOTIFICATION_DATABASE_POOL_MAX', setting.integer(2, 50).default(3)],
});

export type NotificationConfig = Readonly<ReturnType<typeof notificationConfig.parse>>;
