import { assert, isBrokenInvariant } from '#platform/assert';
import { PlatformError } from '#platform/errors';
import { inJointTransaction } from '#platform/postgres/joint-transactions';
import { type Listener, listen } from '#platform/postgres/listener';
import type { Database } from '#platform/postgres/pool';
import { inTransaction, type Tx } from '#platform/postgres/transaction';
import type { Component, Host } from '#platform/service-host';
import { withCorrelation } from '#platform/telemetry/correlation';
import { contextFromTraceparent, SpanKind, withSpan } from '#platform/telemetry/tracing';
import { backoffMs } from '#platform/waiting/backoff';
import { within } from '#platform/waiting/deadline';
import { createWorkLoop } from '#platform/waiting/work-loop';
import { askProvider } from './ask-provider.js';
import { isRefusal, type PaymentEvent, type ProviderAnswer } from './payment.js';
import type { PaymentMetrics } from './payment-metrics.js';
import type { PaymentStore } from './payment-store.js';
import { NotYet, type PaymentProvider } from './provider.js';
import {
  type ClaimedCall,
  callRestMsMax,
  callsChannel,
  claim,
  close,
  endRestsOfAnotherTime,
  postpone,
} from './provider-calls.js';

/** For calls that another process has postponed or not finished; this one's own ring the bell when they are due. */
const pollMs = 3_000;
/** Between two looks for calls that a clock which was set back would hold. */
const lookEveryMs = 10_000;
const leaseMarginMs = 2000;
const retry = { minMs: 200, maxMs: 30_000 };

export type ProviderWorker = Component & {
  /** Makes the calls that are due, records their answers, and returns how many. `start` calls it in a loop. */
  workOff(): Promise<number>;
};

type WorkerDeps = Books & {
  /** The provider of a payment. */
  providerOf: (payment: Pick<ClaimedCall, 'method' | 'provider'>) => PaymentProvider;
  metrics: PaymentMetrics;
  /** For how long a declined buyer may try again now. */
  retryMs: () => number;
  /** The time for one call. */
  timeoutMs: number;
  callsConcurrentMax: number;
};

// Over seventy lines: the calls in flight, and the loop that takes them.
/**
 * Makes the calls that decisions have requested. The provider is called between two transactions, never inside one: the
 * first leases the call, the second records the answer. If a worker dies in between, the lease ends, and the next
 * attempt looks up the outcome by the call's key before it tries again.
 *
 * A call is retried with a growing backoff until it has an answer or its order is cancelled. So the money of a
 * confirmed order is captured, and that of a cancelled or returned one is given back, however long the provider is
 * away. A refusal is an answer and is not retried; payment.ts decides what follows from it.
 */
export const createProviderWorker = (
  host: Pick<Host, 'logger' | 'clock' | 'tracer' | 'service' | 'onFatal'>,
  deps: WorkerDeps,
): ProviderWorker => {
  const { clock, logger } = host;
  const inFlight = new Set<Promise<void>>();
  const keys = new Set<string>();
  let listener: Listener | undefined;
  /** The last claim took as many as had place, so there may be more. */
  let mayBeMore = false;
  let lookedAtMs = Number.NEGATIVE_INFINITY;

  const ringAfter = (restMs: number): void => {
    setTimeout(loop.ring, restMs).unref();
  };

  const start = (call: ClaimedCall): Promise<void> => {
    const made = asPartOf(host, deps.providerOf(call).name, call, () => make(host, deps, call, ringAfter))
      .catch((error: unknown) => reportUnsettled(host, call, error))
      .finally(() => {
        inFlight.delete(made);
        keys.delete(call.key);
        if (mayBeMore) loop.ring();
      });
    inFlight.add(made);
    keys.add(call.key);
    return made;
  };

  const take = async (): Promise<Promise<void>[]> => {
    const callsMax = deps.callsConcurrentMax - inFlight.size;
    mayBeMore = callsMax <= 0;
    if (mayBeMore) return [];
    const leaseMs = deps.timeoutMs + leaseMarginMs;
    if (clock.monotonicMs() - lookedAtMs >= lookEveryMs) {
      lookedAtMs = clock.monotonicMs();
      await endRestsOfAnotherTime(deps.db, clock.nowMs());
    }
    const calls = await claim(deps.db, { nowMs: clock.nowMs(), leaseMs, callsMax });
    mayBeMore = calls.length >= callsMax;
    // A call whose lease has ended is claimed again; while this process still works on it, once is enough.
    return calls.filter(({ key }) => !keys.has(key)).map(start);
  };

  const loop = createWorkLoop({
    restMs: pollMs,
    work: async () => {
      await take();
      return mayBeMore && inFlight.size < deps.callsConcurrentMax;
    },
    onFailure: (error) => logger.warn({ err: error }, 'provider calls cannot be read'),
  });

  return {
    name: 'provider-worker',
    workOff: async () => {
      const made = await take();
      await Promise.all(made);
      return made.length;
    },
    start: async () => {
      listener = listen(host, deps.db, {
        channel: callsChannel,
        onNotification: loop.ring,
        onListening: loop.ring,
      });
      await loop.start();
    },
    stop: async () => {
      await listener?.close();
      await loop.stop();
      await Promise.allSettled(inFlight);
    },
  };
};

/** The lease of a call that was not settled ends by itself, and then a worker tries the call again. */
const reportUnsettled = (
  { logger, onFatal }: Pick<Host, 'logger' | 'onFatal'>,
  { orderId }: ClaimedCall,
  error: unknown,
): void => {
  if (isBrokenInvariant(error)) onFatal(error);
  else logger.warn({ err: error, orderId }, 'provider call not settled');
};

/** Runs `work` under the correlation and trace of the request or event that wrote the call. */
const asPartOf = (
  { tracer }: Pick<Host, 'tracer'>,
  provider: string,
  call: ClaimedCall,
  work: () => Promise<void>,
): Promise<void> => {
  const { correlationId, causationId, traceparent } = call;
  return withCorrelation({ correlationId, ...(causationId === null ? {} : { causationId }) }, () =>
    withSpan(
      `${provider} ${call.kind}`,
      {
        kind: SpanKind.CLIENT,
        tracer,
        parent: contextFromTraceparent(traceparent ?? undefined),
        attributes: { 'order.id': call.orderId, attempts: call.attempts },
      },
      work,
    ),
  );
};

/** Makes the call and records the answer; postpones a call without an answer. */
const make = async (
  { logger, clock }: Pick<Host, 'logger' | 'clock'>,
  deps: WorkerDeps,
  call: ClaimedCall,
  ringAfter: (restMs: number) => void,
): Promise<void> => {
  const { metrics, timeoutMs } = deps;
  const { orderId, kind, attempts } = call;
  try {
    const answer = await abortingAfter(timeoutMs, (signal) =>
      askProvider(deps.providerOf(call), call, signal),
    );
    const events = await settle(deps, call, answer, { nowMs: clock.nowMs(), retryMs: deps.retryMs() });
    metrics.observe(call, answer, clock.nowMs());
    for (const { type } of events)
      if (type === 'PaymentFailed' || type === 'RefundFailed' || type === 'RenewalDue')
        logger.warn({ orderId, answer }, `payment: ${type}`);
      else if (type.startsWith('Payment')) logger.info({ orderId, attempts }, `payment: ${type}`);
  } catch (error) {
    if (isBrokenInvariant(error)) throw error;
    const isExpected = error instanceof PlatformError && error.retriable;
    const isNotYet = error instanceof NotYet;
    logger[isNotYet ? 'debug' : isExpected ? 'warn' : 'error'](
      { orderId, kind, attempts, err: error },
      'provider call failed',
    );
    if (!isNotYet) metrics.failed(call);
    ringAfter(await tryAgain(deps, call, error, clock.nowMs()));
  }
};

type Books = { db: Database; payments: PaymentStore };

/** Records the answer and the events that follow from it, and closes the call. */
const settle = async (
  { db, payments }: Books,
  call: ClaimedCall,
  answer: ProviderAnswer,
  { nowMs, retryMs }: { nowMs: number; retryMs: number },
): Promise<readonly PaymentEvent[]> =>
  // Calls of one payment are made one after the other, so no two answers of a transaction are about the same row; refunds
  // may not be.
  (call.kind === 'refund' ? inTransaction : inJointTransaction)(db, async (tx: Tx) => {
    const [decision] = await Promise.all([
      payments.update(tx, call.orderId, { type: 'NoteAnswer', answer, nowMs, toTry: call.tries, retryMs }),
      close(tx, { key: call.key, answer: wordsOf(answer), atMs: nowMs }),
    ]);
    assert(!isRefusal(decision), 'an answer is never refused');
    return decision;
  });

const wordsOf = (answer: ProviderAnswer): string =>
  'reason' in answer ? `${answer.outcome}: ${answer.reason}` : answer.outcome;

/**
 * The outcome of the call is unknown: a cancelled payment is voided, any other call is tried again. Returns after how
 * many milliseconds; 0 when there may be another call at once.
 */
const tryAgain = async (
  { db, payments }: Books,
  call: ClaimedCall,
  error: unknown,
  nowMs: number,
): Promise<number> =>
  inTransaction(db, async (tx) => {
    const decision =
      call.kind === 'authorize'
        ? await payments.update(tx, call.orderId, {
            type: 'NoteAnswer',
            answer: { to: 'authorize', outcome: 'inconclusive' },
            nowMs,
            toTry: call.tries,
          })
        : [];
    if (!isRefusal(decision) && decision.length > 0) {
      await close(tx, { key: call.key, answer: null, atMs: nowMs });
      return 0;
    }
    const wantedMs = error instanceof NotYet ? error.restMs : backoffMs(retry, call.attempts);
    const restMs = Math.min(wantedMs, callRestMsMax);
    return Math.max(0, (await postpone(tx, call.key, nowMs + restMs, String(error))) - nowMs);
  });

/** Stops waiting after `timeoutMs`, also for a provider that ignores the signal. */
const abortingAfter = async <T>(timeoutMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
  const controller = new AbortController();
  try {
    return await within(timeoutMs, work(controller.signal));
  } catch (error) {
    // Only here, because each abort makes an error with its stack.
    controller.abort();
    throw error;
  }
};
