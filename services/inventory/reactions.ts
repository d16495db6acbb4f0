import type { Clock } from '#platform/clock';
import { PlatformError } from '#platform/errors';
import type { Reactions } from '#platform/messaging/reactor';
import type { Logger, Metrics } from '#platform/service-host';
import type { EventMap } from '#schemas/events';
import type { HoldRefusal } from './stock.js';
import type { StockStore } from './stock-store.js';

/** What inventory does when something happens elsewhere. */
export const reactions = (deps: {
  stock: StockStore;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
  unknownProductWaitMs: number;
}): Reactions<EventMap> => {
  const { stock, logger } = deps;
  const counted = countReservations(deps.metrics);
  const patience = createPatience(deps.clock, deps.unknownProductWaitMs);

  return {
    ProductCreated: (tx, { value }) => stock.open(tx, value.productId, value.initialStock),

    OrderPlaced: async (tx, { value: { orderId, lines } }) => {
      const unknownAreSoldOut = patience.isOver(orderId);
      const outcome = await stock.reserve(tx, orderId, lines, { unknownAreSoldOut });
      // The product may be on its way on its own topic: the partition waits for it, but not for ever.
      if (typeof outcome === 'object')
        throw new PlatformError('not_yet_known', `no stock known of ${outcome.unknown.join(', ')}`, {
          retriable: true,
        });
      patience.forget(orderId);
      if (outcome === 'already_decided') return;
      counted(outcome);
      logger.info({ orderId }, `stock ${outcome}`);
    },

    OrderCancelled: (tx, { value: { orderId, reason } }) => stock.release(tx, orderId, reason),

    OrderConfirmed: async (tx, { value: { orderId } }) => mustHold(await stock.commit(tx, orderId), orderId),

    OrderReturned: async (tx, { value: { orderId, returnId, lines } }) =>
      mustHold(await stock.takeBack(tx, orderId, returnId, lines), orderId),
  };
};

/** An event that contradicts our own record is parked for people to look at; retrying cannot mend it. */
const mustHold = (refusal: HoldRefusal | undefined, orderId: string): void => {
  if (refusal)
    throw new PlatformError(
      'not_yet_known',
      `order ${orderId}: ${refusal.refused}, its hold is ${refusal.status}`,
      {
        retriable: false,
      },
    );
};

const waitersMax = 1000;

/**
 * How long something has been waited for, since this process first asked: the age of an event would not do,
 * because after an outage every event is old, also those whose counterpart is only just arriving.
 */
export const createPatience = (clock: Clock, waitMs: number) => {
  const firstAskedMs = new Map<string, number>();
  return {
    isOver: (key: string): boolean => {
      const nowMs = clock.nowMs();
      const askedMs = firstAskedMs.get(key);
      if (askedMs !== undefined) return nowMs - askedMs >= waitMs;
      const [oldest] = firstAskedMs.keys();
      if (firstAskedMs.size >= waitersMax && oldest !== undefined) firstAskedMs.delete(oldest);
      firstAskedMs.set(key, nowMs);
      return waitMs === 0;
    },
    forget: (key: string): void => {
      firstAskedMs.delete(key);
    },
  };
};

const countReservations = (metrics: Metrics) => {
  const operations = metrics.counter('inventory_operations_total', 'Attempts to change stock.', [
    'operation',
    'status',
  ]);
  const reserved = metrics.counter('inventory_reserved_total', 'Orders whose stock was held.');
  const rate = metrics.gauge(
    'reservation_success_rate',
    'Share of orders served from stock since the start.',
  );
  let attempts = 0;
  let successes = 0;
  return (outcome: 'reserved' | 'rejected'): void => {
    const isReserved = outcome === 'reserved';
    attempts += 1;
    if (isReserved) {
      successes += 1;
      reserved.inc();
    }
    operations.inc({ operation: 'reserve', status: isReserved ? 'success' : 'failure' });
    rate.set(successes / attempts);
  };
};
