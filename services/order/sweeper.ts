import { isBrokenInvariant } from '#platform/assert';
import { isRetriable } from '#platform/errors';
import type { Database } from '#platform/postgres/pool';
import { inTransaction } from '#platform/postgres/transaction';
import type { Component, Host } from '#platform/service-host';
import { withCorrelation } from '#platform/telemetry/correlation';
import { contextFromTraceparent, withSpan } from '#platform/telemetry/tracing';
import { createPeriodicWork } from '#platform/waiting/periodic-work';
import type { OrderMetrics } from './order-metrics.js';
import type { OrderStore, OverdueOrder } from './order-store.js';
import { countUnsettled } from './unsettled.js';

const ordersPerPageMax = 100;
/** Between two counts for the metrics, which nobody reads as often as orders become overdue. */
const countEveryMs = 10_000;

export type Sweeper = Component & {
  /** Cancels the orders that are overdue now and returns how many. `start` calls it every `everyMs`. */
  sweep(): Promise<number>;
};

type SweeperHost = Pick<Host, 'logger' | 'clock' | 'tracer' | 'onFatal'>;

type SweeperDeps = {
  db: Database;
  orders: OrderStore;
  metrics: OrderMetrics;
  everyMs: number;
  stuckAfterMs: number;
};

/** Cancels orders that wait too long. */
export const createSweeper = (host: SweeperHost, deps: SweeperDeps): Sweeper => {
  const { db, orders, metrics, everyMs, stuckAfterMs } = deps;
  let stopping = false;
  let countedAtMs = Number.NEGATIVE_INFINITY;

  /** Each order has its own transaction, so that a failure of one does not stop the others. */
  const sweep = async (): Promise<number> => {
    const nowMs = host.clock.nowMs();
    let ended = 0;
    let after: OverdueOrder | undefined;
    do {
      const page = await orders.overdue(db, nowMs, { after, ordersMax: ordersPerPageMax });
      for (const overdue of page) if (await giveUp(host, deps, overdue)) ended += 1;
      after = page.length < ordersPerPageMax ? undefined : page.at(-1);
    } while (after !== undefined && !stopping);
    return ended;
  };

  const count = async (): Promise<void> => {
    countedAtMs = host.clock.monotonicMs();
    metrics.active(await orders.countActive(db));
    metrics.stuck(await countUnsettled(db, host.clock.nowMs() - stuckAfterMs));
  };

  const sweeping = createPeriodicWork({
    name: 'sweeper',
    everyMs,
    work: async () => {
      await sweep();
      if (host.clock.monotonicMs() - countedAtMs >= countEveryMs) await count();
    },
    onFailure: (error) => {
      if (isBrokenInvariant(error)) host.onFatal(error);
      else host.logger.warn({ err: error }, 'sweep failed');
    },
  });

  return {
    ...sweeping,
    sweep,
    stop: async () => {
      stopping = true;
      await sweeping.stop();
    },
  };
};

/** False when the order is no longer overdue, or when cancelling it failed for a reason of its own. */
const giveUp = async (
  host: SweeperHost,
  { db, orders, metrics }: SweeperDeps,
  overdue: OverdueOrder,
): Promise<boolean> => {
  const { orderId, correlationId } = overdue;
  try {
    const outcome = await asPartOf(host, overdue, () =>
      // A sweep can take long, and an event must not be dated much before its transaction begins (ADR 32).
      inTransaction(db, (tx) =>
        orders.update(tx, orderId, { type: 'GiveUpOverdue', nowMs: host.clock.nowMs() }),
      ),
    );
    if (outcome === null || 'refused' in outcome || outcome.events.length === 0) return false;
    metrics.observe(outcome, host.clock.nowMs());
    if (outcome.after.status === 'cancelled')
      host.logger.warn({ orderId, correlationId, reason: outcome.after.reason }, 'order given up');
    return true;
  } catch (error) {
    // A fault of the database affects every order, so it is rethrown.
    if (isBrokenInvariant(error) || isRetriable(error)) throw error;
    host.logger.error({ err: error, orderId, correlationId }, 'order cannot be given up');
    return false;
  }
};

const asPartOf = <T>(
  host: SweeperHost,
  { correlationId, traceparent }: OverdueOrder,
  work: () => Promise<T>,
): Promise<T> =>
  withCorrelation({ correlationId }, () =>
    withSpan(
      'give up overdue order',
      { tracer: host.tracer, parent: contextFromTraceparent(traceparent ?? undefined) },
      work,
    ),
  );
