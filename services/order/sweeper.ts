import { countUnpublished } from '#platform/outbox/outbox';
import type { Database } from '#platform/postgres/pool';
import { inTransaction } from '#platform/postgres/transaction';
import type { Component, Host } from '#platform/service-host';
import { withCorrelation } from '#platform/telemetry/correlation';
import { contextFromTraceparent, withSpan } from '#platform/telemetry/tracing';
import type { OrderMetrics } from './order-metrics.js';
import type { OrderStore } from './order-store.js';

const ordersPerSweepMax = 100;

export type Sweeper = Component & {
  /** Gives up the orders that are overdue now; returns how many. What `start` does every `everyMs`. */
  sweep(): Promise<number>;
  /** Events waiting for Kafka when last counted: what new orders are refused by. */
  unpublished(): number;
};

/** Ends what waits too long, and keeps an eye on what piles up. */
export const createSweeper = (
  host: Pick<Host, 'logger' | 'clock' | 'tracer'>,
  {
    db,
    orders,
    metrics,
    everyMs,
  }: { db: Database; orders: OrderStore; metrics: OrderMetrics; everyMs: number },
): Sweeper => {
  let timer: NodeJS.Timeout | undefined;
  let sweeping: Promise<void> | undefined;
  let unpublished = 0;

  const sweep = async (): Promise<number> => {
    const nowMs = host.clock.nowMs();
    const ended = await inTransaction(db, async (tx) => {
      const outcomes = [];
      for (const overdue of await orders.lockOverdue(tx, nowMs, ordersPerSweepMax)) {
        const outcome = await asPartOf(overdue, () =>
          orders.update(tx, overdue.orderId, { type: 'GiveUpOverdue', nowMs }),
        );
        if (outcome !== null && !('refused' in outcome) && outcome.events.length > 0)
          outcomes.push({ ...overdue, outcome });
      }
      return outcomes;
    });
    for (const { orderId, correlationId, outcome } of ended) {
      metrics.observe(outcome, nowMs);
      if (outcome.after.status === 'cancelled')
        host.logger.warn({ orderId, correlationId, reason: outcome.after.reason }, 'order given up');
    }
    return ended.length;
  };

  const asPartOf = <T>(
    { correlationId, traceparent }: { correlationId: string; traceparent: string | null },
    work: () => Promise<T>,
  ): Promise<T> =>
    withCorrelation({ correlationId }, () =>
      withSpan(
        'give up overdue order',
        { tracer: host.tracer, parent: contextFromTraceparent(traceparent ?? undefined) },
        work,
      ),
    );

  const round = async (): Promise<void> => {
    try {
      while ((await sweep()) === ordersPerSweepMax);
      metrics.active(await orders.countActive(db));
      unpublished = await countUnpublished(db);
    } catch (error) {
      host.logger.warn({ err: error }, 'sweep failed');
    } finally {
      sweeping = undefined;
    }
  };

  return {
    name: 'sweeper',
    sweep,
    unpublished: () => unpublished,
    start: async () => {
      timer = setInterval(() => {
        sweeping ??= round();
      }, everyMs);
    },
    stop: async () => {
      clearInterval(timer);
      await sweeping;
    },
  };
};
