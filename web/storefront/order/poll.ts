import { isFinal, isOpen, type Order } from './order-words.ts';

const travelsPollMs = 15_000;
const openPollMs = 3_000;
/** The money is taken within moments of the confirmation. */
const takenPollMs = 1_000;
/** It is given back within moments of the cancellation too, unless the bank does not answer. */
const soonMs = 60_000;
const awaitedMsMax = 600_000;

const heldStatuses: readonly Order['payment']['status'][] = ['authorized', 'captured', 'partially_refunded'];

/** Whether the order has ended and its buyer still waits for money to go back. */
export const isMoneyOnItsWay = ({ status, payment }: Pick<Order, 'status' | 'payment'>): boolean =>
  (status === 'cancelled' || status === 'returned') && heldStatuses.includes(payment.status);

/**
 * In how many milliseconds the order is asked for again; false for never. While it is open its stream says what is new,
 * and it is asked for only without one. A parcel that travels is looked at four times a minute. After the end there may be
 * money to wait for; `awaitedForMs` is how long the page has done so.
 */
export const pollMsOf = (
  order: Pick<Order, 'status' | 'payment'>,
  { isStreamed, awaitedForMs }: { isStreamed: boolean; awaitedForMs: number },
): number | false => {
  if (isOpen(order.status)) return isStreamed ? false : openPollMs;
  if (isMoneyOnItsWay(order)) {
    if (awaitedForMs >= awaitedMsMax) return false;
    return awaitedForMs < soonMs ? openPollMs : travelsPollMs;
  }
  if (isFinal(order.status)) return false;
  return order.payment.status === 'authorized' ? takenPollMs : travelsPollMs;
};
