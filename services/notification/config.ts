import { envSchema } from '#platform/config';
import { serviceSettings } from '#platform/service';

export const notificationConfig = envSchema({
  ...serviceSettings('notification', { databasePoolMax: 3 }),
});

export type NotificationConfig = Readonly<ReturnType<typeof notificationConfig.parse>>;
