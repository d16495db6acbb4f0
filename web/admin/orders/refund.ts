import type { Saga } from '../../saga/saga.ts';
import type { Answered, Payment } from './order-answers.ts';

/** What was taken, less what went back or is promised already. */
export const refundableMinor = ({ netMinor, refundsDueMinor }: Saga['sums']): number =>
  Math.max(0, netMinor - refundsDueMinor);

/** Why no refund can be asked for now; undefined where one can. */
export const whyNoRefund = (
  { sums, events }: Pick<Saga, 'sums' | 'events'>,
  payment: Answered<Payment>,
): string | undefined => {
  if (sums.capturedMinor === 0) return 'No money of this order was taken.';
  if (refundableMinor(sums) === 0) {
    if (sums.refundsDueMinor === 0) return 'All of it was given back.';
    return events.some(({ type }) => type === 'RefundFailed')
      ? 'What is left is owed to the buyer already.'
      : 'What is left is on its way back.';
  }
  if (payment === 'unanswered') return 'Payments do not answer.';
  if (payment === undefined) return 'Payments are being asked.';
  return payment === null ? 'Payments have none of this order.' : undefined;
};
