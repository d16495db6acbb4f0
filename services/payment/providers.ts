import type Stripe from 'stripe';
import { PlatformError } from '#platform/errors';
import type { Database } from '#platform/postgres/pool';
import type { Component, Host } from '#platform/service-host';
import type { PaymentConfig } from './config.js';
import { providerGuard } from './guarded-provider.js';
import type { PaymentProvider } from './provider.js';
import { createReferenceStore } from './reference-store.js';
import { createSandboxProvider } from './sandbox-provider.js';
import { createStripeProvider } from './stripe-provider.js';

/** The providers of payments, each behind its circuit. Their health names those that are away. */
export type Providers = Component & {
  /** The name of the provider that a payment which begins now is made through. */
  nameOf(method: string): string;
  /**
   * The provider of a payment: the one that it began with, whatever the settings say since, because only that one has
   * its money. By the present settings where it was not kept, for a payment of before that.
   */
  of(payment: { method: string; provider: string | null }): PaymentProvider;
};

export const createProviders = (
  { metrics, clock }: Pick<Host, 'metrics' | 'clock'>,
  config: Pick<
    PaymentConfig,
    'cardProvider' | 'paypalProvider' | 'cryptoProvider' | 'providerCallsConcurrentMax'
  >,
  { db, stripe }: { db: Database; stripe: Stripe | undefined },
): Providers => {
  const guard = providerGuard({
    metrics,
    monotonicMs: () => clock.monotonicMs(),
    callsConcurrentMax: config.providerCallsConcurrentMax,
  });
  const configured = [
    createSandboxProvider(db, clock),
    ...(stripe === undefined ? [] : [createStripeProvider(stripe, createReferenceStore(db, 'stripe'))]),
  ];
  const guarded = new Map(configured.map((provider) => [provider.name, guard(provider)]));
  const names: Record<string, string> = {
    card: config.cardProvider,
    paypal: config.paypalProvider,
    crypto: config.cryptoProvider,
  };
  for (const [method, name] of Object.entries(names))
    if (!guarded.has(name))
      throw new PlatformError(
        'configuration_invalid',
        `STRIPE_SECRET_KEY is not set, and ${method} is paid through ${name}`,
        { retriable: false },
      );
  const nameOf = (method: string): string => names[method] ?? 'sandbox';

  return {
    name: 'payment-providers',
    nameOf,
    of: ({ method, provider: kept }) => {
      const name = kept ?? nameOf(method);
      const provider = guarded.get(name) ?? guard(notConfigured(name));
      guarded.set(name, provider);
      return provider;
    },
    start: async () => {},
    stop: async () => {},
    checkHealth: async () => {
      const away = [...guarded.values()].filter((provider) => provider.isAway()).map(({ name }) => name);
      return away.length === 0
        ? { status: 'up' }
        : { status: 'degraded', detail: `away: ${away.join(', ')}` };
    },
  };
};

/** A provider that payments were made through and that has no settings any more: it is away until it has. */
const notConfigured = (name: string): PaymentProvider => {
  const isAway = (): Promise<never> =>
    Promise.reject(
      new PlatformError('dependency_unavailable', `${name} is not configured, and has payments`, {
        retriable: true,
      }),
    );
  return {
    name,
    authorize: isAway,
    renew: isAway,
    capture: isAway,
    void: isAway,
    refund: isAway,
    find: isAway,
  };
};
