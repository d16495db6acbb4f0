import type Stripe from 'stripe';
import { z } from 'zod';
import type { HttpApp } from '#platform/http/http-app';
import { problem, problems } from '#platform/http/problem-details';
import type { Database } from '#platform/postgres/pool';
import { inTransaction } from '#platform/postgres/transaction';
import type { Logger } from '#platform/service-host';
import type { PaymentStore } from './payment-store.js';
import { orderIdIn } from './provider-calls.js';

export type WebhookDeps = {
  db: Database;
  payments: PaymentStore;
  stripe: Stripe;
  secret: string;
  logger: Logger;
};

/**
 * Takes Stripe's events. An event decides nothing: it makes the calls of its payment due, which then ask Stripe. So an
 * event that is late, repeated or lost does no harm, with one exception: only an event says that a refund has failed after
 * Stripe had called it succeeded. Stripe sends that one again for days.
 */
export const webhookRoutes = (app: HttpApp, { db, payments, stripe, secret, logger }: WebhookDeps): void => {
  void app.register(async (scope) => {
    // The signature is of the bytes as they came.
    scope.removeContentTypeParser('application/json');
    scope.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
      done(null, body);
    });
    scope.post(
      '/api/payments/webhooks/stripe',
      {
        access: 'anonymous',
        schema: {
          tags: ['payments'],
          summary: 'For Stripe: an event, signed with the secret of the endpoint.',
          response: { 204: z.undefined(), ...problems(400) },
        },
      },
      async (request, reply) => {
        const signature = request.headers['stripe-signature'];
        const event = eventIn(stripe, request.body, signature, secret);
        const key = keyIn(event);
        const orderId = orderIdIn(key);
        if (orderId !== undefined)
          await inTransaction(db, async (tx) => {
            await payments.hasten(tx, orderId);
            if (key !== undefined && saysRefundFailed(event)) await payments.askAboutRefund(tx, key);
          });
        logger.debug({ type: event.type, orderId }, 'event of stripe');
        return reply.code(204).send();
      },
    );
  });
};

const eventIn = (stripe: Stripe, body: unknown, signature: unknown, secret: string): Stripe.Event => {
  if (!Buffer.isBuffer(body) || typeof signature !== 'string')
    throw problem(400, 'invalid_signature', 'The event is not signed.');
  try {
    return stripe.webhooks.constructEvent(body, signature, secret);
  } catch {
    throw problem(400, 'invalid_signature', 'The signature does not fit the event.');
  }
};

const saysRefundFailed = ({ data }: Stripe.Event): boolean => {
  const { object, status } = data.object as { object?: string; status?: string };
  return object === 'refund' && (status === 'failed' || status === 'canceled');
};

const keyIn = ({ data }: Stripe.Event): string | undefined =>
  (data.object as { metadata?: Record<string, string> }).metadata?.key;
