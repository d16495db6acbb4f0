import { createKnownWait } from '#platform/postgres/replica';
import { followsLater, openService } from '#platform/service';
import type { Service } from '#platform/service-host';
import { records } from '#schemas/events';
import { brokenRule } from '#schemas/value-rules';
import type { Channels } from './channel.js';
import { type NotificationConfig, notificationConfig } from './config.js';
import { contactStore } from './contact-store.js';
import { createEmail } from './email-provider.js';
import { createGuestSweep } from './guest-sweep-worker.js';
import { createNotificationMetrics } from './notification-metrics.js';
import { createNotificationStore, publishes } from './notification-store.js';
import { createProductNames } from './product-replica.js';
import { createPushKeyPair } from './push-key-store.js';
import { createPush } from './push-provider.js';
import { reactions } from './reactions.js';
import { notificationRoutes } from './routes.js';
import { createSendWorker } from './send-worker.js';
import { createSms } from './sms-provider.js';

/** Records what people are to be notified about, and sends it by e-mail, SMS and push. */
export const service: Service<NotificationConfig> = {
  name: 'notification',
  config: notificationConfig,
  build: async (config, host) => {
    const { db, events, react, app } = await openService(host, config, { records, brokenRule, publishes });
    const { clock } = host;
    const notifications = createNotificationStore(events, clock);
    const pushKeys = host.use(createPushKeyPair(db, config.pushKeys));
    const { smtpUrl, mailFrom, sms, pushSubject: subject, shopUrl, perSecondMax } = config;
    const channels: Channels = {
      ...(smtpUrl === undefined ? {} : { email: createEmail(smtpUrl, mailFrom) }),
      ...(sms === undefined ? {} : { sms: createSms(sms) }),
      push: createPush(() => ({ ...pushKeys.keys(), subject })),
    };
    const metrics = createNotificationMetrics(host.metrics);
    const worker = host.use(
      createSendWorker(host, {
        db,
        notifications,
        channels,
        metrics,
        shopUrl,
        perSecondMax,
      }),
    );
    host.use(createGuestSweep(host, db, contactStore, config.guestContactKeptMs));
    const products = createProductNames(db);
    react(
      'reactions',
      reactions({ notifications, contacts: contactStore, products, onRecorded: worker.ring }),
      followsLater,
    );
    const awaitKnown = createKnownWait(db, { table: 'contacts', id: 'user_id' });
    notificationRoutes(app, {
      db,
      notifications,
      contacts: contactStore,
      awaitContact: (userId) => awaitKnown([userId], config.contactWaitMs),
      clock,
      pushKey: () => pushKeys.keys().publicKey,
      onRecorded: worker.ring,
    });
  },
};
