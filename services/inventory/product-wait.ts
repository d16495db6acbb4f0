import type { Clock } from '#platform/clock';

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
