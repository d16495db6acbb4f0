import { openService } from '#platform/service';
import type { Service } from '#platform/service-host';
import { createLiveSettings } from '#platform/settings/live-settings';
import { records } from '#schemas/events';
import { type PaymentConfig, paymentConfig } from './config.js';
import { createPaymentMetrics } from './payment-metrics.js';
import { paymentRetryMs } from './payment-settings.js';
import { createPaymentStore, publishes } from './payment-store.js';
import { createProviderWorker } from './provider-worker.js';
import { reactions } from './reactions.js';
import { paymentRoutes } from './routes.js';
import { createSandboxProvider } from './sandbox-provider.js';

/** Authorises, captures, voids and refunds the money of orders, each at most once. */
export const service: Service<PaymentConfig> = {
  name: 'payment',
  config: paymentConfig,
  build: async (config, host) => {
    const { db, events, react, app } = await openService(host, config, { records, publishes });
    const payments = createPaymentStore({ events, clock: host.clock });
    const settings = host.use(createLiveSettings(host, config, records, 'SettingChanged'));
    host.use(
      createProviderWorker(host, {
        db,
        payments,
        provider: createSandboxProvider(db, host.clock),
        metrics: createPaymentMetrics(host.metrics),
        retryMs: settings.of(paymentRetryMs, config.paymentRetryMs),
        timeoutMs: config.providerTimeoutMs,
        callsConcurrentMax: config.providerCallsConcurrentMax,
      }),
    );
    react('reactions', reactions(payments, host.clock));
    paymentRoutes(app, { db, payments, clock: host.clock, logger: host.logger });
  },
};
