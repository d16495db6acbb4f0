import { assert } from '#platform/assert';
import type { Clock } from '#platform/clock';
import { PlatformError } from '#platform/errors';
import { type Reactions, recognisingRepeats } from '#platform/messaging/reactor';
import type { Logger, Metrics } from '#platform/service-host';
import type { EventMap } from '#schemas/events';
import type { HoldRefusal } from './hold.js';
import type { HoldStore } from './hold-store.js';
import type { StockStore } from './stock-store.js';

/** Inventory's reactions to events of other services. */
export const reactions = (deps: {
  stock: StockStore;
  holds: HoldStore;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
  unknownProductWaitMs: number;
}): Reactions<EventMap> => {
  const { stock, holds, logger } = deps;
  const counted = countOperations(deps.metrics);
  const patience = createPatience(deps.clock, deps.unknownProductWaitMs);

  return {
    ProductCreated: recognisingRepeats((tx, { value }) =>
      stock.open(tx, value.productId, value.initialStock),
    ),

    OrderPlaced: async (tx, { value: { orderId, lines }, occurredAt }) => {
      let outcome = await holds.reserve(tx, orderId, lines);
      // The product's event may still arrive on its own topic, so the partition waits for it for a bounded time.
      if (typeof outcome === 'object') {
        if (!patience.isOver(outcome.unknown, occurredAt))
          throw new PlatformError('not_yet_known', `no stock known of ${outcome.unknown.join(', ')}`, {
            retriable: true,
          });
        outcome = await holds.reserve(tx, orderId, lines, { unknownAreSoldOut: true });
      }
      if (outcome === 'already_decided') return;
      assert(typeof outcome === 'string', 'what counts as sold out is not unknown');
      const decided = outcome;
      tx.afterCommit(() => {
        counted.reservation(decided);
        logger.info({ orderId }, `stock ${decided}`);
      });
    },

    OrderCancelled: async (tx, { value: { orderId, reason } }) => {
      await holds.release(tx, orderId, reason);
      tx.afterCommit(() => counted.other('release', true));
    },

    OrderConfirmed: async (tx, { value: { orderId } }) => {
      mustHold(await holds.commit(tx, orderId), orderId, () => counted.other('commit', false));
      tx.afterCommit(() => counted.other('commit', true));
    },

    OrderStepsAsked: async (tx, { value: { orderId, status, reason, lines, returns } }) => {
      if (status === 'cancelled') await holds.release(tx, orderId, reason ?? '');
      else if (status === 'pending' || status === 'reserved') await holds.reserve(tx, orderId, lines);
      else {
        const refusal = await holds.commit(tx, orderId);
        if (refusal) logger.warn({ orderId, refusal }, 'nothing to commit for staff');
        else for (const back of returns) await holds.takeBack(tx, orderId, back.returnId, back.lines);
      }
    },

    OrderReturned: async (tx, { value: { orderId, returnId, lines } }) => {
      const refusal = await holds.takeBack(tx, orderId, returnId, lines);
      mustHold(refusal, orderId, () => counted.other('return', false));
      tx.afterCommit(() => counted.other('return', true));
    },
  };
};

/**
 * An event that contradicts our own record goes to the dead-letter topic for a person to examine; a retry cannot help.
 */
const mustHold = (refusal: HoldRefusal | undefined, orderId: string, count: () => void): void => {
  if (!refusal) return;
  count();
  throw new PlatformError(
    'contradiction',
    `order ${orderId}: ${refusal.refused}, its hold is ${refusal.status}`,
    {
      retriable: false,
    },
  );
};

/** As many products as one transaction can wait for: 100 orders of 100 lines. */
const productsWaitedForMax = 10_000;
const rememberedMs = 300_000;

/**
 * Bounds how long orders wait for a product, counted from this process's first attempt. The age of the order's event
 * would be wrong, because after an outage every event is old, also when the product's event is only just arriving.
 *
 * A transaction may be rolled back, so a wait is not deleted when one reaction succeeds; waits are deleted by age, and
 * the oldest first when there are too many. A wait that ran out also counts for other orders that were placed before it
 * began, so that consecutive orders do not each wait for their own product.
 */
export const createPatience = (clock: Clock, waitMs: number) => {
  /** When a wait began: by the wall clock, to compare it with events, and by the monotonic clock, to measure it. */
  type Begun = { atMs: number; monotonicMs: number };
  const asked = new Map<string, Begun>();
  const never: Begun = { atMs: Number.NEGATIVE_INFINITY, monotonicMs: Number.NEGATIVE_INFINITY };
  let ranOut = { begun: never, untilMonotonicMs: Number.NEGATIVE_INFINITY };

  const forgetOld = (now: Begun): void => {
    for (const [productId, begun] of asked) {
      const waitedMs = now.monotonicMs - begun.monotonicMs;
      if (asked.size < productsWaitedForMax && waitedMs < waitMs + rememberedMs) return;
      asked.delete(productId);
    }
  };

  const firstAsked = (productId: string, occurredAtMs: number, now: Begun): Begun => {
    const known = asked.get(productId);
    if (known !== undefined) return known;
    const isWaitedOut =
      occurredAtMs <= ranOut.begun.atMs && now.monotonicMs - ranOut.untilMonotonicMs <= waitMs;
    const begun = isWaitedOut ? ranOut.begun : now;
    asked.set(productId, begun);
    return begun;
  };

  return {
    /** True once the wait for each of the products is over; the first call begins the wait. */
    isOver: (productIds: readonly string[], occurredAtMs: number): boolean => {
      const now: Begun = { atMs: clock.nowMs(), monotonicMs: clock.monotonicMs() };
      forgetOld(now);
      const begun = productIds.map((id) => firstAsked(id, occurredAtMs, now)).reduce(later, never);
      if (now.monotonicMs - begun.monotonicMs < waitMs) return false;
      ranOut = { begun: later(ranOut.begun, begun), untilMonotonicMs: now.monotonicMs };
      return true;
    },
  };
};

const later = <T extends { monotonicMs: number }>(one: T, other: T): T =>
  other.monotonicMs > one.monotonicMs ? other : one;

const countOperations = (metrics: Metrics) => {
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
  const reservation = (outcome: 'reserved' | 'rejected'): void => {
    const isReserved = outcome === 'reserved';
    attempts += 1;
    if (isReserved) {
      successes += 1;
      reserved.inc();
    }
    operations.inc({ operation: 'reserve', status: isReserved ? 'success' : 'failure' });
    rate.set(successes / attempts);
  };
  const other = (operation: 'release' | 'commit' | 'return', isDone: boolean): void =>
    operations.inc({ operation, status: isDone ? 'success' : 'failure' });
  return { reservation, other };
};
