import { assert } from '#platform/assert';
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

    OrderPlaced: async (tx, { value: { orderId, lines }, occurredAt }) => {
      let outcome = await stock.reserve(tx, orderId, lines);
      // The product may be on its way on its own topic: the partition waits for it, but not for ever.
      if (typeof outcome === 'object') {
        if (!patience.isOver(outcome.unknown, occurredAt))
          throw new PlatformError('not_yet_known', `no stock known of ${outcome.unknown.join(', ')}`, {
            retriable: true,
          });
        outcome = await stock.reserve(tx, orderId, lines, { unknownAreSoldOut: true });
      }
      if (outcome === 'already_decided') return;
      assert(typeof outcome === 'string', 'what counts as sold out is not unknown');
      const decided = outcome;
      tx.afterCommit(() => {
        counted(decided);
        logger.info({ orderId }, `stock ${decided}`);
      });
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
      'contradiction',
      `order ${orderId}: ${refusal.refused}, its hold is ${refusal.status}`,
      {
        retriable: false,
      },
    );
};

/** As many as one transaction can ask for: 100 orders of 100 lines. */
const productsWaitedForMax = 10_000;
const rememberedMs = 300_000;

/**
 * How long a product has been waited for, since this process first asked: the age of an event would not do,
 * because after an outage every event is old, also those whose counterpart is only just arriving.
 *
 * Reactions of one transaction are undone together, so nothing is forgotten because one of them was content;
 * what is remembered goes by age, the oldest first when there is too much of it. A wait that ran out counts
 * for all that had happened when it began: orders behind one another do not each wait for their own product.
 */
export const createPatience = (clock: Clock, waitMs: number) => {
  const askedMs = new Map<string, number>();
  let ranOut = { fromMs: Number.NEGATIVE_INFINITY, untilMs: Number.NEGATIVE_INFINITY };

  const forgetOld = (nowMs: number): void => {
    for (const [productId, fromMs] of askedMs) {
      if (askedMs.size < productsWaitedForMax && nowMs - fromMs < waitMs + rememberedMs) return;
      askedMs.delete(productId);
    }
  };

  const firstAskedMs = (productId: string, occurredAtMs: number, nowMs: number): number => {
    const known = askedMs.get(productId);
    if (known !== undefined) return known;
    const isWaitedOut = occurredAtMs <= ranOut.fromMs && nowMs - ranOut.untilMs <= waitMs;
    const fromMs = isWaitedOut ? ranOut.fromMs : nowMs;
    askedMs.set(productId, fromMs);
    return fromMs;
  };

  return {
    /** True once each of the products has been waited for; asking begins the wait. */
    isOver: (productIds: readonly string[], occurredAtMs: number): boolean => {
      const nowMs = clock.nowMs();
      forgetOld(nowMs);
      const fromMs = Math.max(...productIds.map((id) => firstAskedMs(id, occurredAtMs, nowMs)));
      if (nowMs - fromMs < waitMs) return false;
      ranOut = { fromMs: Math.max(ranOut.fromMs, fromMs), untilMs: nowMs };
      return true;
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
