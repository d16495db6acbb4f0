import { z } from 'zod';
import { envSchema, setting } from '#platform/config';
import { serviceSettings } from '#platform/service';
import { paymentRetryMs } from './payment-settings.js';

const providerNames = ['sandbox', 'stripe'] as const;

export const paymentConfig = envSchema({
  ...serviceSettings('payment', { databasePoolMax: 8 }),
  /** How long after a declined payment the buyer may try again; see `orders.paymentRetryMs`. */
  paymentRetryMs: ['ORDER_PAYMENT_RETRY_MS', setting.integer(0, 86_400_000).default(paymentRetryMs.default)],
  /** The provider of each method of payment, for payments that begin now: one that has begun stays with its own. */
  cardProvider: ['PAYMENT_PROVIDER_CARD', z.enum(providerNames).default('sandbox')],
  paypalProvider: ['PAYMENT_PROVIDER_PAYPAL', z.enum(providerNames).default('sandbox')],
  cryptoProvider: ['PAYMENT_PROVIDER_CRYPTO', z.enum(providerNames).default('sandbox')],
  /** Without a key there is no Stripe. */
  stripeSecretKey: ['STRIPE_SECRET_KEY', setting.text.optional()],
  stripeApiBase: ['STRIPE_API_BASE', setting.url.default('https://api.stripe.com')],
  /** Without it webhooks are answered with 404, and nobody notices a refund whose money the bank has sent back. */
  stripeWebhookSecret: ['STRIPE_WEBHOOK_SECRET', setting.text.optional()],
  /** A call without an answer by then has an unknown outcome. */
  providerTimeoutMs: ['PAYMENT_PROVIDER_TIMEOUT_MS', setting.integer(100, 60_000).default(5000)],
  providerCallsConcurrentMax: ['PAYMENT_PROVIDER_CALLS_CONCURRENT_MAX', setting.integer(1, 256).default(128)],
});

export type PaymentConfig = Readonly<ReturnType<typeof paymentConfig.parse>>;
