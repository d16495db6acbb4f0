import { openService } from '#platform/service';
import type { Service } from '#platform/service-host';
import { records } from '#schemas/events';
import { type NotificationConfig, notificationConfig } from './config.js';
import { createNotificationStore } from './notification-store.js';
import { reactions } from './reactions.js';
import { notificationRoutes } from './routes.js';

/** Records notifications to buyers. It does not send them yet. */
export const service: Service<NotificationConfig> = {
  name: 'notification',
  config: notificationConfig,
  build: async (config, host) => {
    const { db, react, app } = await openService(host, config, { records });
    const notifications = createNotificationStore(host.clock);
    react('reactions', reactions({ ...host, notifications }));
    notificationRoutes(app, db, notifications);
  },
};
