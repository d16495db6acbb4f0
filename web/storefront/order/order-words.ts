import type { components } from '../../api/schema.d.ts';
import { type Money, sumOf, times } from '../../money/money.ts';

export type Order = components['schemas']['Order'];
export type Status = Order['status'];

export const way: readonly { status: Status; name: string; done: string; waiting: string }[] = [
  {
    status: 'pending',
    name: 'Received',
    done: 'We have your order.',
    waiting: 'Your order is on its way to us.',
  },
  {
    status: 'reserved',
    name: 'Set aside',
    done: 'Everything is set aside for you.',
    waiting: 'We are setting the goods aside.',
  },
  {
    status: 'paid',
    name: 'Payment guaranteed',
    done: 'The payment is guaranteed.',
    waiting: 'The bank is being asked.',
  },
  {
    status: 'confirmed',
    name: 'Confirmed',
    done: 'Your order is confirmed.',
    waiting: 'The order is being confirmed.',
  },
  {
    status: 'shipped',
    name: 'On its way',
    done: 'Your parcel is on its way.',
    waiting: 'The parcel is being packed.',
  },
  {
    status: 'delivered',
    name: 'Delivered',
    done: 'Your parcel has arrived.',
    waiting: 'The parcel is travelling.',
  },
];

/** How many steps of the way are done. */
export const stepsDone = (status: Status): number => {
  if (status === 'returned') return way.length;
  return way.findIndex((step) => step.status === status) + 1;
};

const takenStatuses: readonly Order['payment']['status'][] = ['captured', 'partially_refunded', 'refunded'];

/** The name of a step beside what is known of the payment: guaranteed first, and paid once the money is taken. */
export const stepName = (step: (typeof way)[number], payment: Order['payment']['status']): string =>
  step.status === 'paid' && takenStatuses.includes(payment) ? 'Paid' : step.name;

/** Whether there is a parcel that can come back; before that an order is cancelled. */
export const canSendBack = (status: Status): boolean => status === 'shipped' || status === 'delivered';

/** The pieces of an order that have not come back: what its buyer has, or will get. */
export const leftOf = (items: Order['items']): Order['items'] =>
  items.flatMap((item) => {
    const quantity = item.quantity - (item.returned ?? 0);
    return quantity > 0 ? [{ ...item, quantity, returned: 0 }] : [];
  });

/**
 * What sending some pieces of each product back refunds; undefined for none. What was refunded for no goods is not refunded
 * for them once more.
 */
export const refundOf = (
  { items, refundable }: Pick<Order, 'items' | 'refundable'>,
  pieces: Readonly<Record<string, number>>,
): (Money & { isLessThanPaid: boolean }) | undefined => {
  const paid = sumOf(
    items.flatMap(({ productId, unitPrice }) =>
      pieces[productId] ? [times(unitPrice, pieces[productId])] : [],
    ),
  );
  if (paid === undefined) return undefined;
  const amountMinor = Math.min(paid.amountMinor, refundable.amountMinor);
  return { ...paid, amountMinor, isLessThanPaid: amountMinor < paid.amountMinor };
};

/** Whether the same goods may be paid in another way: the order ended by its payment alone. */
export const endedByPayment = ({ status, reason }: Pick<Order, 'status' | 'reason'>): boolean =>
  status === 'cancelled' &&
  ['payment_declined', 'payment_unavailable', 'payment_failed'].includes(reason ?? '');

export const isOpen = (status: Status): boolean => ['pending', 'reserved', 'paid'].includes(status);

/** Whether no step of the way is to come. Money may still be on its way back. */
export const isFinal = (status: Status): boolean => ['delivered', 'returned', 'cancelled'].includes(status);

type Ending = { title: string; text: string };

/** Money that goes back, or has: staff may undo an order after it was paid. */
const movedStatuses: readonly Order['payment']['status'][] = ['authorized', ...takenStatuses];
const undoneByStaffAs: readonly (string | undefined)[] = ['payment_unavailable', 'timed_out'];

/** Every reason of a cancellation in words: what happened, and what it means for the money. */
export const endingOf = (reason: string | undefined, payment?: Order['payment']['status']): Ending => {
  if (undoneByStaffAs.includes(reason) && payment !== undefined && movedStatuses.includes(payment))
    return {
      title: 'Cancelled',
      text: 'A step could not be finished, so we undid the order. What was charged or reserved goes back to you.',
    };
  switch (reason) {
    case 'out_of_stock':
      return {
        title: 'Somebody was faster',
        text: 'The last pieces went to another order in the same moment. Nothing was charged.',
      };
    case 'payment_declined':
      return {
        title: 'The payment was declined',
        text: 'The bank said no, so nothing was charged and the goods are free again. Another way to pay may work.',
      };
    case 'payment_unavailable':
      return {
        title: 'The payment could not be tried',
        text: 'The bank did not answer in the time we give it. Nothing was charged.',
      };
    case 'payment_failed':
      return {
        title: 'The payment failed',
        text: 'The money could not be taken after all, so the order was undone. Nothing was charged.',
      };
    case 'timed_out':
      return {
        title: 'It took too long',
        text: 'A step did not finish in time, so we undid the order. Nothing was charged.',
      };
    case 'customer':
      return {
        title: 'Cancelled, as you asked',
        text: 'The goods are free again. What was guaranteed or charged goes back to you.',
      };
    default:
      return { title: 'Cancelled', text: 'This order was cancelled. What was charged goes back to you.' };
  }
};

export const headlineOf = ({
  status,
  reason,
  payment,
}: Pick<Order, 'status' | 'reason'> & { payment?: Pick<Order['payment'], 'status'> }): string => {
  if (status === 'cancelled') return endingOf(reason, payment?.status).title;
  if (status === 'returned') return 'Everything is back with us';
  return way.find((step) => step.status === status)?.done ?? 'Your order';
};

export const paymentWords: Readonly<Record<Order['payment']['status'], string>> = {
  pending: 'not taken yet',
  authorized: 'the sum is reserved, not taken yet',
  captured: 'paid',
  failed: 'failed, nothing was taken',
  declined: 'declined, nothing was taken',
  voided: 'released, nothing was taken',
  cancelled: 'cancelled, nothing was taken',
  partially_refunded: 'paid, part of it refunded',
  refunded: 'refunded',
};

/** The number that people read to each other; the whole id stands in the address. */
export const shortNumber = (orderId: string): string => orderId.slice(-8).toUpperCase();
