import Stripe from 'stripe';
import { PlatformError } from '#platform/errors';
import {
  type AuthorizeAnswer,
  type FinalAnswer,
  NotYet,
  type PaymentProvider,
  type RenewRequest,
} from './provider.js';
import type { ReferenceStore } from './reference-store.js';
import { stripeAmount } from './stripe-amount.js';

/** A refund may be under way for days; an event of Stripe has it asked about at once. */
const refundRestMs = 300_000;
/** An order waits for its authorisation. */
const authorizationRestMs = 5_000;

/** The reason where Stripe has no amount for the sum. It is not asked for another sum instead. */
const inexpressible = 'amount_not_expressible';

export const createStripe = ({
  secretKey,
  apiBase,
  timeoutMs,
}: {
  secretKey: string;
  apiBase: string;
  timeoutMs: number;
}): Stripe => {
  const { protocol, hostname, port } = new URL(apiBase);
  return new Stripe(secretKey, {
    protocol: protocol === 'http:' ? 'http' : 'https',
    host: hostname,
    port: port === '' ? (protocol === 'http:' ? 80 : 443) : Number(port),
    // Our own calls are repeated, with the same key, by whoever finds them open.
    maxNetworkRetries: 0,
    timeout: timeoutMs,
    telemetry: false,
  });
};

// Over seventy lines: a method for each call, and the searches by which they find what an earlier one made.
/**
 * Stripe: an authorisation is a PaymentIntent with manual capture, and our keys are Stripe's idempotency keys where a
 * repeat makes a second thing. Stripe knows a PaymentIntent by an id of its own, which is kept by our key. `token` is the
 * id of a payment method.
 */
export const createStripeProvider = (stripe: Stripe, references: ReferenceStore): PaymentProvider => {
  const intentOf = async (key: string): Promise<Stripe.PaymentIntent | undefined> => {
    const reference = await references.find(key);
    return typeof reference === 'string' ? await stripe.paymentIntents.retrieve(reference) : undefined;
  };

  const create = async (
    { key, amountMinor, currency, method }: Omit<RenewRequest, 'authorizationKey'>,
    paymentMethod: string,
  ): Promise<AuthorizeAnswer> => {
    // Barred: the order was cancelled before anybody knew whether it was authorised.
    if ((await references.find(key)) === null) return { outcome: 'declined', reason: 'voided' };
    const amount = stripeAmount(amountMinor, currency);
    if (amount === undefined) return { outcome: 'declined', reason: inexpressible };
    try {
      const intent = await stripe.paymentIntents.create(
        {
          amount,
          currency: currency.toLowerCase(),
          payment_method: paymentMethod,
          allowed_payment_method_types: [method as 'card' | 'paypal' | 'crypto'],
          // A payment that needs its buyer once more is declined: nobody waits at a page for the answer.
          error_on_requires_action: true,
          capture_method: 'manual',
          confirm: true,
          metadata: { key },
        },
        { idempotencyKey: key },
      );
      return await kept(key, intent);
    } catch (error) {
      const reason = declineReason(error);
      if (reason === undefined) throw outageOf(error);
      // Where there is an intent that was declined, it cannot be confirmed any more either.
      const left = error instanceof Stripe.errors.StripeError ? error.payment_intent : undefined;
      if (left !== undefined && isOpen(left)) await cancel(left.id);
      return { outcome: 'declined', reason };
    }
  };

  /**
   * Without an idempotency key: Stripe would repeat a refusal under it for a day, though the intent can be cancelled by
   * then. Who repeats it looks at the intent's status first.
   */
  const cancel = async (intentId: string): Promise<void> => {
    try {
      await stripe.paymentIntents.cancel(intentId);
    } catch (error) {
      if (declineReason(error) === undefined) throw outageOf(error);
      throw new NotYet('stripe', 'the payment cannot be cancelled now', authorizationRestMs);
    }
  };

  /**
   * Whether the money is held. Throws while Stripe works on it, because it may be held yet; an intent that waits for
   * something else is cancelled before it counts as declined, so that no money is held later.
   */
  const authorizationIn = async (intent: Stripe.PaymentIntent): Promise<AuthorizeAnswer> => {
    const { id, status, cancellation_reason, last_payment_error } = intent;
    if (status === 'requires_capture' || status === 'succeeded') return { outcome: 'authorized' };
    if (status === 'processing') throw new NotYet('stripe', 'the payment is processing', authorizationRestMs);
    if (isOpen(intent)) await cancel(id);
    return {
      outcome: 'declined',
      reason: last_payment_error?.decline_code ?? last_payment_error?.code ?? cancellation_reason ?? status,
    };
  };

  /** The answer of an intent that was made under the key; it is given free where the key was barred meanwhile. */
  const kept = async (key: string, intent: Stripe.PaymentIntent): Promise<AuthorizeAnswer> => {
    if ((await references.keep(key, intent.id)) !== null) return authorizationIn(intent);
    if (isOpen(intent)) await cancel(intent.id);
    return { outcome: 'declined', reason: 'voided' };
  };

  /** An authorisation whose answer was lost is found by the key in its metadata, some time after it was made. */
  const searchFor = async (key: string): Promise<Stripe.PaymentIntent | undefined> => {
    const query = `metadata['key']:'${key}'`;
    const { data } = await known(stripe.paymentIntents.search({ query, limit: 1 }));
    return data.find(({ metadata }) => metadata.key === key);
  };

  /**
   * Where Stripe's search does not have the authorisation yet, it lapses by itself after a week: without a reference
   * nobody captures it.
   */
  const findOrBar = async (authorizationKey: string): Promise<string | null> => {
    const reference = await references.find(authorizationKey);
    if (reference !== undefined) return reference;
    return references.keep(authorizationKey, (await searchFor(authorizationKey))?.id ?? null);
  };

  /**
   * Stripe forgets an idempotency key after a day, and would then pay a repeat a second time: so a refund whose answer was
   * lost is looked for among those of its money.
   */
  const refundOf = async (key: string, captureKey: string): Promise<Stripe.Refund | undefined> => {
    const reference = await references.find(key);
    if (typeof reference === 'string') return known(stripe.refunds.retrieve(reference));
    const intent = await references.find(captureKey);
    if (typeof intent !== 'string') return undefined;
    for await (const refund of stripe.refunds.list({ payment_intent: intent, limit: 100 }))
      if (refund.metadata?.key === key) return refund;
    return undefined;
  };

  return {
    name: 'stripe',
    authorize: ({ token, ...request }) => create(request, token),

    renew: async ({ authorizationKey, ...request }) => {
      const first = await known(intentOf(authorizationKey));
      const paymentMethod = first?.payment_method;
      const id = typeof paymentMethod === 'string' ? paymentMethod : paymentMethod?.id;
      return id === undefined
        ? { outcome: 'declined', reason: 'payment_method_unknown' }
        : create(request, id);
    },

    capture: async ({ key, authorizationKey, amountMinor, currency }) => {
      const reference = await references.find(authorizationKey);
      if (typeof reference !== 'string') return { outcome: 'refused', reason: 'not_authorized' };
      const amount = stripeAmount(amountMinor, currency);
      if (amount === undefined) return { outcome: 'refused', reason: inexpressible };
      const answer = await final(async () => {
        // Without an idempotency key, as for `cancel`: Stripe would repeat an error of its own under it for a day, and
        // captures an intent only once.
        await stripe.paymentIntents.capture(reference, { amount_to_capture: amount });
      });
      // Captured before, by a call whose answer was lost.
      const isTaken =
        answer.outcome === 'refused' && (await known(intentOf(authorizationKey)))?.status === 'succeeded';
      if (answer.outcome === 'done' || isTaken) await references.keep(key, reference);
      return isTaken ? { outcome: 'done' } : answer;
    },

    void: async ({ key, authorizationKey }) => {
      const reference = await findOrBar(authorizationKey);
      if (reference === null) return false;
      const intent = await known(stripe.paymentIntents.retrieve(reference));
      if (intent.status === 'canceled') return (await references.find(key)) === reference;
      if (intent.status === 'succeeded')
        throw new PlatformError('dependency_unavailable', 'stripe: captured money cannot be voided', {
          retriable: false,
        });
      await references.keep(key, reference);
      await cancel(reference);
      return intent.status === 'requires_capture';
    },

    refund: async ({ key, captureKey, amountMinor, currency }) => {
      const reference = await references.find(captureKey);
      if (typeof reference !== 'string') return { outcome: 'refused', reason: 'not_captured' };
      const amount = stripeAmount(amountMinor, currency);
      if (amount === undefined) return { outcome: 'refused', reason: inexpressible };
      let made: Stripe.Refund | undefined;
      const answer = await final(async () => {
        made = await stripe.refunds.create(
          { payment_intent: reference, amount, metadata: { key } },
          { idempotencyKey: key },
        );
        await references.keep(key, made.id);
      });
      return made === undefined ? answer : refundIn(made);
    },

    find: async ({ key, kind, captureKey }) => {
      if (kind === 'refund') {
        const refund = await known(refundOf(key, captureKey));
        if (refund === undefined) return null;
        await references.keep(key, refund.id);
        return refundIn(refund);
      }
      // A repeat of a capture is refused, and then the state of the intent says whether it was made.
      if (kind === 'capture' || (await references.find(key)) === null) return null;
      const intent = (await known(intentOf(key))) ?? (await searchFor(key));
      if (intent === undefined) return null;
      return kept(key, intent);
    },
  };
};

const isOpen = ({ status }: Stripe.PaymentIntent): boolean => status !== 'canceled' && status !== 'succeeded';

/** Throws while Stripe has not settled it: until then it may still fail, and the money come back to us. */
const refundIn = ({ status, failure_reason }: Stripe.Refund): FinalAnswer => {
  if (status === 'succeeded') return { outcome: 'done' };
  if (status === 'failed' || status === 'canceled')
    return { outcome: 'refused', reason: failure_reason ?? status };
  throw new NotYet('stripe', `the refund is ${status ?? 'not settled'}`, refundRestMs);
};

/** Why Stripe has refused the call for good; undefined where it gave no answer. */
const declineReason = (error: unknown): string | undefined => {
  if (error instanceof Stripe.errors.StripeCardError) return error.decline_code ?? error.code ?? 'declined';
  if (error instanceof Stripe.errors.StripeInvalidRequestError) return error.code ?? 'invalid_request';
  return undefined;
};

const outageOf = (error: unknown): unknown => {
  if (!(error instanceof Stripe.errors.StripeError)) return error;
  return new PlatformError('dependency_unavailable', `stripe: ${error.message}`, {
    retriable: true,
    cause: error,
  });
};

const known = <T>(asked: Promise<T>): Promise<T> =>
  asked.catch((error: unknown) => {
    throw outageOf(error);
  });

const final = async (call: () => Promise<void>): Promise<FinalAnswer> => {
  try {
    await call();
    return { outcome: 'done' };
  } catch (error) {
    const reason = declineReason(error);
    if (reason === undefined) throw outageOf(error);
    return { outcome: 'refused', reason };
  }
};
