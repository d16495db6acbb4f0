import { createBoundedMap } from '#platform/bounded-map';

/** The weights of the products that a sender has reported in a slice of time. */
type Reported = Map<string, number>;

const sliceMs = 10 * 60_000;
/** The visits that one sender adds to a product in a slice are bounded by this: see `createSenderCalm`. */
const calmVisits = 2;
/** Of one sender. Further ones count with those whose ids end alike: their sum is bounded too, and a crowd's is not one. */
const distinguishedMax = 1_000;
const endChars = 2;
/** The products of all senders together, some 25 MB. Then the sender that has been quiet for the longest is forgotten. */
const rememberedMax = 200_000;
/** What a sender takes beside its products is as much as this many of them. */
const senderSize = 4;

export type SenderCalm = {
  /** By how much the report weighs less; it counts from now on. */
  weigh(sender: string, productId: string, share: number): number;
  /** The report was not stored, so the sender may send it again. */
  takeBack(sender: string, productId: string, share: number): void;
};

const countedAs = (reported: Reported, productId: string): string =>
  reported.has(productId) || reported.size < distinguishedMax ? productId : productId.slice(-endChars);

/**
 * By how much a report of a product weighs less because the same sender has reported the product before: with n its
 * weight so far in this slice, and D the different products that the sender has reported, by
 *
 *     (1 + n / a)^2    where a = calmVisits * (1 + ln D)
 *
 * so the sum over all reports stays below a + 1, however many visits they name: below 3 for one product, 17 for as
 * many as are distinguished. Somebody who reports for many shoppers reports many products, and is slowed down less. The
 * sender stands nowhere but in this memory, and is forgotten with the slice.
 */
export const createSenderCalm = (nowMs: () => number): SenderCalm => {
  let slice = Number.NaN;
  const senders = createBoundedMap<Reported>(rememberedMax);
  const forgetPast = (): void => {
    const current = Math.floor(nowMs() / sliceMs);
    if (current === slice) return;
    slice = current;
    senders.clear();
  };
  const weigh = (sender: string, productId: string, share: number): number => {
    forgetPast();
    const reported: Reported = senders.get(sender) ?? new Map();
    const counted = countedAs(reported, productId);
    const before = reported.get(counted) ?? 0;
    reported.set(counted, before + share);
    senders.set(sender, reported, senderSize + reported.size);
    const allowance = calmVisits * (1 + Math.log(reported.size));
    return (1 + before / allowance) ** 2;
  };
  return {
    weigh,
    takeBack: (sender, productId, share) => {
      forgetPast();
      const reported = senders.get(sender);
      if (reported === undefined) return;
      const counted = countedAs(reported, productId);
      const left = (reported.get(counted) ?? 0) - share;
      if (left > 0) reported.set(counted, left);
      else reported.delete(counted);
    },
  };
};
