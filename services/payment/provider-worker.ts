import pg from 'pg';
import { assert, isBrokenInvariant } from '#platform/assert';
import { PlatformError } from '#platform/errors';
import type { Database } from '#platform/postgres/pool';
import { inTransaction } from '#platform/postgres/transaction';
import type { Component, Host } from '#platform/service-host';
import { withCorrelation } from '#platform/telemetry/correlation';
import { contextFromTraceparent, SpanKind, withSpan } from '#platform/telemetry/tracing';
import { isRefusal, type PaymentEvent, type ProviderAnswer } from './payment.js';
import type { PaymentMetrics } from './payment-metrics.js';
import type { PaymentStore } from './payment-store.js';
import type { FoundCall, PaymentProvider } from './provider.js';
import { type ClaimedCall, callsChannel, claim, close, keyOf, postpone } from './provider-calls.js';

const pollMs = 250;
const leaseMarginMs = 2000;
const retryMsMin = 200;
const retryMsMax = 30_000;
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
 * away.
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
  let wake: () => void = () => {};
  let rung = false;
  let stopping = false;
  let finished: Promise<void> = Promise.resolve();
  let listener: { close(): Promise<void> } | undefined;

  const ring = (): void => {
    rung = true;
    wake();
  };

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
    const { key, kind, orderId, amountMinor, currency, method } = call;
    switch (kind) {
      case 'authorize': {
        assert(call.token !== null, 'a payment to be authorised has its token');
        const answer = await provider.authorize(
          { key, amountMinor, currency, method, token: call.token },
          signal,
        );
        return { to: kind, ...answer };
      }
      case 'capture':
        await provider.capture(
          { key, authorizationKey: keyOf('authorize', orderId), amountMinor, currency },
          signal,
        );
        return { to: kind, outcome: 'captured' };
      case 'void': {
        const gaveBack = await provider.void({ key, authorizationKey: keyOf('authorize', orderId) }, signal);
        return { to: kind, outcome: gaveBack ? 'voided' : 'nothing_to_void' };
      }
      case 'refund':
        assert(call.refundId !== null, 'a refund has its id');
        await provider.refund({ key, captureKey: keyOf('capture', orderId), amountMinor, currency }, signal);
        return { to: kind, outcome: 'refunded', refundId: call.refundId };
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
  const retry = async (call: ClaimedCall, error: unknown): Promise<void> =>
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
      else await postpone(tx, call.key, nowMs + backoffMs(call.attempts), String(error));
    });

  const make = async (call: ClaimedCall): Promise<void> => {
    const { orderId, kind, attempts } = call;
    try {
      const answer = await within(timeoutMs, (signal) => ask(call, signal));
      const events = await settle(call, answer);
      metrics.observe(call, answer, clock.nowMs());
      for (const { type } of events)
        if (type.startsWith('Payment')) logger.info({ orderId, attempts }, `payment: ${type}`);
    } catch (error) {
      if (isBrokenInvariant(error)) throw error;
      const isExpected = error instanceof PlatformError && error.retriable;
      logger[isExpected ? 'warn' : 'error']({ orderId, kind, attempts, err: error }, 'provider call failed');
      metrics.failed(call);
      await retry(call, error);
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
        ring();
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
      rung = false;
      try {
        if ((await take()).length > 0) continue;
      } catch (error) {
        logger.warn({ err: error }, 'provider calls cannot be read');
      }
      if (rung || stopping) continue;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, pollMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
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
      listener = listen(host, db, ring);
      finished = run();
    },
    stop: async () => {
      stopping = true;
      ring();
      await listener?.close();
      await finished;
    },
  };
};

const backoffMs = (attempts: number): number =>
  Math.min(retryMsMin * 2 ** Math.min(attempts - 1, 20), retryMsMax);

const answerFound = (call: ClaimedCall, found: FoundCall): ProviderAnswer => {
  if (call.kind === 'authorize' && found.outcome !== 'done') return { to: 'authorize', ...found };
  if (call.kind === 'capture') return { to: 'capture', outcome: 'captured' };
  assert(call.kind === 'refund' && call.refundId !== null, `the provider knows ${call.key} as what it is`);
  return { to: 'refund', outcome: 'refunded', refundId: call.refundId };
};

/** Gives up waiting after `timeoutMs`, also for a provider that does not heed the signal. */
const within = async <T>(timeoutMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      controller.abort();
      reject(
        new PlatformError('dependency_timeout', `no answer within ${timeoutMs} ms`, { retriable: true }),
      );
    }, timeoutMs);
  });
  try {
    return await Promise.race([work(controller.signal), timeout]);
  } finally {
    clearTimeout(timer);
  }
};

/** Hears of calls as they are committed. A lost connection is made anew; until then the poll finds them. */
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
