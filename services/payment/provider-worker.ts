import pg from 'pg';
import { assert, isBrokenInvariant } from '#platform/assert';
import { PlatformError } from '#platform/errors';
import type { Database } from '#platform/postgres/pool';
import { inTransaction } from '#platform/postgres/transaction';
import type { Component, Host } from '#platform/service-host';
import { withCorrelation } from '#platform/telemetry/correlation';
import { contextFromTraceparent, SpanKind, withSpan } from '#platform/telemetry/tracing';
import { backoffMs } from '#platform/waiting/backoff';
import { createBell } from '#platform/waiting/bell';
import { within } from '#platform/waiting/deadline';
import { isRefusal, type PaymentEvent, type ProviderAnswer } from './payment.js';
import type { PaymentMetrics } from './payment-metrics.js';
import type { PaymentStore } from './payment-store.js';
import type { FinalAnswer, FoundCall, PaymentProvider } from './provider.js';
import {
  authorizationKeyOf,
  type ClaimedCall,
  callsChannel,
  claim,
  close,
  keyOf,
  postpone,
} from './provider-calls.js';

const pollMs = 250;
const leaseMarginMs = 2000;
const retry = { minMs: 200, maxMs: 30_000 };
const relistenMs = 1000;

export type ProviderWorker = Component & {
  /** Makes the calls that are due and settles them; returns how many. What `start` does again and again. */
  workOff(): Promise<number>;
};

/**
 * Makes the calls that decisions asked for. The provider is called between two transactions, never inside one:
 * the first leases the call, the second notes the answer. Whoever dies in between leaves a lease that ends, and
 * the next attempt asks the provider by the call's key what became of it before it tries again.
 *
 * A call is retried, ever more slowly, until it has an answer or its order is cancelled: the money of a
 * confirmed order is taken, and that of a cancelled or returned one given back, however long the provider is
 * away. A refusal is an answer, and what follows from it is decided in payment.ts: it is not asked for again.
 */
export const createProviderWorker = (
  host: Pick<Host, 'logger' | 'clock' | 'tracer' | 'service' | 'onFatal'>,
  deps: {
    db: Database;
    payments: PaymentStore;
    provider: PaymentProvider;
    metrics: PaymentMetrics;
    timeoutMs: number;
    callsConcurrentMax: number;
  },
): ProviderWorker => {
  const { db, payments, provider, metrics, timeoutMs } = deps;
  const { clock, logger } = host;
  const inFlight = new Set<Promise<void>>();
  const bell = createBell();
  let stopping = false;
  let finished: Promise<void> = Promise.resolve();
  let listener: { close(): Promise<void> } | undefined;

  const ask = async (call: ClaimedCall, signal: AbortSignal): Promise<ProviderAnswer> => {
    if (call.kind === 'authorize' && call.cancelledFor !== null)
      return { to: 'authorize', outcome: 'inconclusive' };
    if (call.attempts > 1 && call.kind !== 'void') {
      const found = await provider.find(call.key, signal);
      if (found !== null) return answerFound(call, found);
    }
    return send(call, signal);
  };

  const send = async (call: ClaimedCall, signal: AbortSignal): Promise<ProviderAnswer> => {
    const { key, kind, amountMinor, currency, method } = call;
    switch (kind) {
      case 'authorize': {
        assert(call.token !== null, 'a payment to be authorised has its token');
        const answer = await provider.authorize(
          { key, amountMinor, currency, method, token: call.token },
          signal,
        );
        return { to: kind, ...answer };
      }
      case 'renew': {
        const authorizationKey = keyOf('authorize', call);
        const answer = await provider.renew({ key, authorizationKey, amountMinor, currency, method }, signal);
        return { to: kind, ...answer };
      }
      case 'capture': {
        const authorizationKey = authorizationKeyOf(call);
        return captureAnswer(
          await provider.capture({ key, authorizationKey, amountMinor, currency }, signal),
        );
      }
      case 'void': {
        const gaveBack = await provider.void({ key, authorizationKey: keyOf('authorize', call) }, signal);
        return { to: kind, outcome: gaveBack ? 'voided' : 'nothing_to_void' };
      }
      case 'refund': {
        const captureKey = keyOf('capture', call);
        return refundAnswer(call, await provider.refund({ key, captureKey, amountMinor, currency }, signal));
      }
      default:
        return kind satisfies never;
    }
  };

  const settle = async (call: ClaimedCall, answer: ProviderAnswer): Promise<readonly PaymentEvent[]> =>
    inTransaction(db, async (tx) => {
      const nowMs = clock.nowMs();
      const decision = await payments.update(tx, call.orderId, { type: 'NoteAnswer', answer, nowMs });
      assert(!isRefusal(decision), 'an answer is never refused');
      await close(tx, call.key);
      return decision;
    });

  /** Nobody knows what came of the call: of a cancelled payment it is voided, any other is tried again. */
  const tryAgain = async (call: ClaimedCall, error: unknown): Promise<void> =>
    inTransaction(db, async (tx) => {
      const nowMs = clock.nowMs();
      const decision =
        call.kind === 'authorize'
          ? await payments.update(tx, call.orderId, {
              type: 'NoteAnswer',
              answer: { to: 'authorize', outcome: 'inconclusive' },
              nowMs,
            })
          : [];
      if (!isRefusal(decision) && decision.length > 0) await close(tx, call.key);
      else await postpone(tx, call.key, nowMs + backoffMs(retry, call.attempts), String(error));
    });

  const make = async (call: ClaimedCall): Promise<void> => {
    const { orderId, kind, attempts } = call;
    try {
      const answer = await abortingAfter(timeoutMs, (signal) => ask(call, signal));
      const events = await settle(call, answer);
      metrics.observe(call, answer, clock.nowMs());
      for (const { type } of events)
        if (type === 'PaymentFailed' || type === 'RefundFailed' || type === 'RenewalDue')
          logger.warn({ orderId, answer }, `payment: ${type}`);
        else if (type.startsWith('Payment')) logger.info({ orderId, attempts }, `payment: ${type}`);
    } catch (error) {
      if (isBrokenInvariant(error)) throw error;
      const isExpected = error instanceof PlatformError && error.retriable;
      logger[isExpected ? 'warn' : 'error']({ orderId, kind, attempts, err: error }, 'provider call failed');
      metrics.failed(call);
      await tryAgain(call, error);
    }
  };

  const start = (call: ClaimedCall): Promise<void> => {
    const { correlationId, causationId, traceparent } = call;
    const made = withCorrelation({ correlationId, ...(causationId === null ? {} : { causationId }) }, () =>
      withSpan(
        `${provider.name} ${call.kind}`,
        {
          kind: SpanKind.CLIENT,
          tracer: host.tracer,
          parent: contextFromTraceparent(traceparent ?? undefined),
          attributes: { 'order.id': call.orderId, attempts: call.attempts },
        },
        () => make(call),
      ),
    )
      // The lease ends by itself: whatever could not be settled is taken up again.
      .catch((error: unknown) => {
        if (isBrokenInvariant(error)) host.onFatal(error);
        else logger.warn({ err: error, orderId: call.orderId }, 'provider call not settled');
      })
      .finally(() => {
        inFlight.delete(made);
        bell.ring();
      });
    inFlight.add(made);
    return made;
  };

  const take = async (): Promise<Promise<void>[]> => {
    const callsMax = deps.callsConcurrentMax - inFlight.size;
    if (callsMax <= 0) return [];
    const leaseMs = timeoutMs + leaseMarginMs;
    const calls = await claim(db, { nowMs: clock.nowMs(), leaseMs, callsMax });
    return calls.map(start);
  };

  const run = async (): Promise<void> => {
    while (!stopping) {
      try {
        if ((await take()).length > 0) continue;
      } catch (error) {
        logger.warn({ err: error }, 'provider calls cannot be read');
      }
      if (!stopping) await bell.wait(pollMs);
    }
    await Promise.allSettled(inFlight);
  };

  return {
    name: 'provider-worker',
    workOff: async () => {
      const made = await take();
      await Promise.all(made);
      return made.length;
    },
    start: async () => {
      listener = listen(host, db, bell.ring);
      finished = run();
    },
    stop: async () => {
      stopping = true;
      bell.ring();
      await listener?.close();
      await finished;
    },
  };
};

const answerFound = (call: ClaimedCall, found: FoundCall): ProviderAnswer => {
  if (call.kind === 'authorize' || call.kind === 'renew') {
    assert(found.outcome === 'authorized' || found.outcome === 'declined', `${call.key} is an authorisation`);
    return { to: call.kind, ...found };
  }
  assert(found.outcome === 'done' || found.outcome === 'refused', `${call.key} is no authorisation`);
  return call.kind === 'capture' ? captureAnswer(found) : refundAnswer(call, found);
};

const captureAnswer = (answer: FinalAnswer): ProviderAnswer =>
  answer.outcome === 'done' ? { to: 'capture', outcome: 'captured' } : { to: 'capture', ...answer };

const refundAnswer = ({ refundId }: ClaimedCall, answer: FinalAnswer): ProviderAnswer => {
  assert(refundId !== null, 'a refund has its id');
  return answer.outcome === 'done'
    ? { to: 'refund', outcome: 'refunded', refundId }
    : { to: 'refund', ...answer, refundId };
};

/** Gives up waiting after `timeoutMs`, also for a provider that does not heed the signal. */
const abortingAfter = async <T>(timeoutMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
  const controller = new AbortController();
  try {
    return await within(timeoutMs, work(controller.signal));
  } finally {
    controller.abort();
  }
};

/** Is notified of calls as they are committed. A lost connection is made anew; until then the poll finds them. */
const listen = (host: Pick<Host, 'logger' | 'service'>, db: Database, onCall: () => void) => {
  let client: pg.Client | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  const connect = async (): Promise<void> => {
    const next = new pg.Client({ ...db.pool.options, application_name: `${host.service} provider calls` });
    let isLost = false;
    const lose = (): void => {
      if (isLost || isClosed) return;
      isLost = true;
      next.end().catch(() => {});
      timer = setTimeout(() => void connect(), relistenMs);
    };
    next.on('error', lose);
    next.on('end', lose);
    next.on('notification', onCall);
    client = next;
    try {
      await next.connect();
      await next.query(`LISTEN ${callsChannel}`);
      onCall();
    } catch (error) {
      host.logger.debug({ err: error }, 'not listening for provider calls');
      lose();
    }
  };
  void connect();

  return {
    close: async (): Promise<void> => {
      isClosed = true;
      clearTimeout(timer);
      await client?.end().catch(() => {});
    },
  };
};
