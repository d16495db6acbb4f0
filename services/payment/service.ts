import { assert } from '#platform/assert';
import type { Database } from '#platform/postgres/pool';
import { openService } from '#platform/service';
import type { Host, Service } from '#platform/service-host';
import { createLiveSettings } from '#platform/settings/live-settings';
import { records } from '#schemas/events';
import { type PaymentConfig, paymentConfig } from './config.js';
import { guardProviders } from './guarded-provider.js';
import { createPaymentMetrics } from './payment-metrics.js';
import { paymentRetryMs } from './payment-settings.js';
import { createPaymentStore, publishes } from './payment-store.js';
import { createProviderWorker } from './provider-worker.js';
import { reactions } from './reactions.js';
import { paymentRoutes } from './routes.js';
import { createSandboxProvider } from './sandbox-provider.js';

/** The provider of each method of payment, behind its circuit. */
const providersFor = (config: PaymentConfig, host: Host, db: Database) => {
  const known = guardProviders([createSandboxProvider(db, host.clock)], {
    metrics: host.metrics,
    monotonicMs: () => host.clock.monotonicMs(),
    callsConcurrentMax: config.providerCallsConcurrentMax,
  });
  return (method: string) => {
    const provider = known.get('sandbox');
    assert(provider !== undefined, `there is a provider for ${method}`);
    return provider;
  };
};

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
        providerOf: providersFor(config, host, db),
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
