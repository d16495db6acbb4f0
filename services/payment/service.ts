import { openService } from '#platform/service';
import type { Service } from '#platform/service-host';
import { createLiveSettings } from '#platform/settings/live-settings';
import { records } from '#schemas/events';
import { brokenRule } from '#schemas/value-rules';
import { type PaymentConfig, paymentConfig } from './config.js';
import { createPaymentMetrics } from './payment-metrics.js';
import { paymentRetryMs } from './payment-settings.js';
import { createPaymentStore, publishes } from './payment-store.js';
import { createProviderWorker } from './provider-worker.js';
import { createProviders } from './providers.js';
import { reactions } from './reactions.js';
import { paymentRoutes } from './routes.js';
import { createStripe } from './stripe-provider.js';
import { webhookRoutes } from './webhook-routes.js';

/** Authorises, captures, voids and refunds the money of orders, each at most once. */
export const service: Service<PaymentConfig> = {
  name: 'payment',
  config: paymentConfig,
  build: async (config, host) => {
    const { db, events, react, app } = await openService(host, config, { records, brokenRule, publishes });
    const payments = createPaymentStore({ events, clock: host.clock });
    const settings = host.use(createLiveSettings(host, config, records, 'SettingChanged'));
    const { stripeSecretKey: secretKey, stripeApiBase: apiBase, providerTimeoutMs: timeoutMs } = config;
    const stripe = secretKey === undefined ? undefined : createStripe({ secretKey, apiBase, timeoutMs });
    const providers = host.use(createProviders(host, config, { db, stripe }));
    host.use(
      createProviderWorker(host, {
        db,
        payments,
        providerOf: providers.of,
        metrics: createPaymentMetrics(host.metrics),
        retryMs: settings.of(paymentRetryMs, config.paymentRetryMs),
        timeoutMs: config.providerTimeoutMs,
        callsConcurrentMax: config.providerCallsConcurrentMax,
      }),
    );
    react('reactions', reactions(payments, host.clock, providers.nameOf));
    paymentRoutes(app, {
      db,
      payments,
      providerNameOf: providers.nameOf,
      clock: host.clock,
      logger: host.logger,
    });
    const webhookSecret = config.stripeWebhookSecret;
    if (stripe !== undefined && webhookSecret !== undefined)
      webhookRoutes(app, { db, payments, stripe, secret: webhookSecret, logger: host.logger });
  },
};
