import { createBoundedMap } from '#platform/bounded-map';

/** The weights of the products that a sender has reported in a slice of time. */
type Reported = Map<string, number>;

const sliceMs = 10 * 60_000;
/** What one sender adds to a product in a slice is less than so many visits, and a little more for one with many products. */
const calmVisits = 2;
const sendersMax = 20_000;
const productsPerSenderMax = 1_000;

/**
 * By how much a report of a product weighs less because the same sender has reported the product before: with n its
 * weight so far in this slice, and D the different products that the sender has reported, by
 *
 *     (1 + n / a)^2    where a = calmVisits * (1 + ln D)
 *
 * so the sum over all reports stays below a, however many visits they name. Somebody who reports for many shoppers reports
 * many products, and is slowed down less. The sender stands nowhere but in this memory, and is forgotten with the slice.
 */
export const createSenderCalm = (nowMs: () => number) => {
  let slice = Number.NaN;
  const senders = createBoundedMap<Reported>(sendersMax);
  return (sender: string, productId: string, share: number): number => {
    const current = Math.floor(nowMs() / sliceMs);
    if (current !== slice) {
      slice = current;
      senders.clear();
    }
    let reported = senders.get(sender);
    if (reported === undefined) {
      reported = new Map();
      senders.set(sender, reported);
    }
    const before = reported.get(productId) ?? 0;
    if (before > 0 || reported.size < productsPerSenderMax) reported.set(productId, before + share);
    const allowance = calmVisits * (1 + Math.log(reported.size));
    return (1 + before / allowance) ** 2;
  };
};
