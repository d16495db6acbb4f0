import type Stripe from 'stripe';
import { assert } from '#platform/assert';
import { PlatformError } from '#platform/errors';
import type { Database } from '#platform/postgres/pool';
import { openService } from '#platform/service';
import type { Host, Service } from '#platform/service-host';
import { createLiveSettings } from '#platform/settings/live-settings';
import { records } from '#schemas/events';
import { brokenRule } from '#schemas/value-rules';
import { type PaymentConfig, paymentConfig } from './config.js';
import { guardProviders } from './guarded-provider.js';
import { createPaymentMetrics } from './payment-metrics.js';
import { paymentRetryMs } from './payment-settings.js';
import { createPaymentStore, publishes } from './payment-store.js';
import { createProviderWorker } from './provider-worker.js';
import { reactions } from './reactions.js';
import { createReferenceStore } from './reference-store.js';
import { paymentRoutes } from './routes.js';
import { createSandboxProvider } from './sandbox-provider.js';
import { createStripe, createStripeProvider } from './stripe-provider.js';
import { webhookRoutes } from './webhook-routes.js';

/** The provider of each method of payment, behind its circuit. */
const providersFor = (config: PaymentConfig, host: Host, db: Database, stripe: Stripe | undefined) => {
  const { metrics, clock } = host;
  const known = guardProviders(
    [
      createSandboxProvider(db, clock),
      ...(stripe === undefined ? [] : [createStripeProvider(stripe, createReferenceStore(db, 'stripe'))]),
    ],
    {
      metrics,
      monotonicMs: () => clock.monotonicMs(),
      callsConcurrentMax: config.providerCallsConcurrentMax,
    },
  );
  const names: Record<string, string> = {
    card: config.cardProvider,
    paypal: config.paypalProvider,
    crypto: config.cryptoProvider,
  };
  for (const [method, name] of Object.entries(names))
    if (!known.has(name))
      throw new PlatformError(
        'configuration_invalid',
        `STRIPE_SECRET_KEY is not set, and ${method} is paid through ${name}`,
        { retriable: false },
      );
  return (method: string) => {
    const provider = known.get(names[method] ?? 'sandbox');
    assert(provider !== undefined, `there is a provider for ${method}`);
    return provider;
  };
};

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
    host.use(
      createProviderWorker(host, {
        db,
        payments,
        providerOf: providersFor(config, host, db, stripe),
        metrics: createPaymentMetrics(host.metrics),
        retryMs: settings.of(paymentRetryMs, config.paymentRetryMs),
        timeoutMs: config.providerTimeoutMs,
        callsConcurrentMax: config.providerCallsConcurrentMax,
      }),
    );
    react('reactions', reactions(payments, host.clock));
    paymentRoutes(app, { db, payments, clock: host.clock, logger: host.logger });
    const webhookSecret = config.stripeWebhookSecret;
    if (stripe !== undefined && webhookSecret !== undefined)
      webhookRoutes(app, { db, payments, stripe, secret: webhookSecret, logger: host.logger });
  },
};
