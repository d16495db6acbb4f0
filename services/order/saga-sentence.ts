import type { UnsettledOrder, Wait } from './unsettled.js';

const missing: Record<Wait, string> = {
  stock_reservation: 'inventory has not answered whether it holds the pieces',
  payment_authorization: 'the payment service has not answered whether the money is guaranteed',
  payment_retry: 'the payment was declined and the buyer may still try again',
  payment_capture: 'the money is guaranteed but not taken yet',
  stock_commit: 'the pieces are sold but inventory has not taken them out of its stock',
  refund: 'the provider has not confirmed every refund that is due',
  payment_void: 'the order is cancelled but its authorisation is not voided',
  stock_release: 'the order is cancelled but its pieces are not free again',
};

/** What the order waits for, in one sentence for people. */
export const sagaSentence = (
  {
    waitsFor,
    refundsFailed,
    placedAt,
    since,
  }: Pick<UnsettledOrder, 'waitsFor' | 'refundsFailed' | 'placedAt' | 'since'>,
  nowMs: number,
): string => {
  const age = `Placed ${lasting(nowMs - placedAt.getTime())} ago, last changed ${lasting(nowMs - since.getTime())} ago`;
  if (waitsFor.length === 0) return `${age}; it waits for nothing.`;
  const failures = refundsFailed.map(
    ({ amountMinor, reason }) =>
      `the refund of ${amountMinor} minor units has failed (${reason}), so staff have to ask for it again or pay them by other means`,
  );
  return `${age}: ${[...waitsFor.map((wait) => missing[wait]), ...failures].join('; ')}.`;
};

const lasting = (ms: number): string => {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
};
