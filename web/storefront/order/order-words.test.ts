import { expect, it } from 'vitest';
import {
  canSendBack,
  endedByPayment,
  endingOf,
  headlineOf,
  isFinal,
  isOpen,
  leftOf,
  refundOf,
  stepName,
  stepsDone,
  way,
} from './order-words.ts';

it('every status has a headline, and each one of the way is one step further', () => {
  expect(way.map(({ status }) => stepsDone(status))).toEqual([1, 2, 3, 4, 5, 6]);
  expect(stepsDone('returned')).toBe(6);
  for (const status of [
    'pending',
    'reserved',
    'paid',
    'confirmed',
    'shipped',
    'delivered',
    'returned',
    'cancelled',
  ] as const)
    expect(headlineOf({ status }).length, status).toBeGreaterThan(5);
});

it('every reason of a cancellation has a sentence of its own that says what becomes of the money', () => {
  const reasons = [
    'out_of_stock',
    'payment_declined',
    'payment_unavailable',
    'payment_failed',
    'timed_out',
    'customer',
  ];
  const endings = reasons.map((reason) => endingOf(reason));
  expect(new Set(endings.map(({ title }) => title)).size).toBe(reasons.length);
  for (const { text } of endings) expect(text).toMatch(/charged/);
});

it('an order that staff undo after its payment is not said to have cost nothing', () => {
  for (const reason of ['payment_unavailable', 'timed_out']) {
    for (const status of ['authorized', 'captured', 'partially_refunded', 'refunded'] as const) {
      expect(endingOf(reason, status).text).toMatch(/goes back to you/);
      expect(endingOf(reason, status).text).not.toMatch(/Nothing was charged/);
      expect(headlineOf({ status: 'cancelled', reason, payment: { status } })).toBe('Cancelled');
    }
    for (const status of ['pending', 'declined', 'voided', 'cancelled'] as const)
      expect(endingOf(reason, status).text).toMatch(/Nothing was charged/);
  }
});

it('an order is open, or final, or neither while it travels', () => {
  expect(isOpen('paid')).toBe(true);
  expect([isOpen('confirmed'), isFinal('confirmed')]).toEqual([false, false]);
  expect(isFinal('cancelled')).toBe(true);
});

it('what has not left is not sent back, and only what ended by its payment is paid in another way', () => {
  expect(way.filter(({ status }) => canSendBack(status)).map(({ status }) => status)).toEqual([
    'shipped',
    'delivered',
  ]);
  expect(canSendBack('cancelled')).toBe(false);
  expect(endedByPayment({ status: 'cancelled', reason: 'payment_declined' })).toBe(true);
  expect(endedByPayment({ status: 'cancelled', reason: 'out_of_stock' })).toBe(false);
});

it('what has come back cannot come back again', () => {
  const item = { productId: 'a', name: 'Lantern', unitPrice: { amountMinor: 700, currency: 'EUR' } };
  const items = [
    { ...item, quantity: 3, returned: 1 },
    { ...item, productId: 'b', quantity: 2, returned: 2 },
    { ...item, productId: 'c', quantity: 1, returned: 0 },
  ];
  expect(leftOf(items).map(({ productId, quantity }) => [productId, quantity])).toEqual([
    ['a', 2],
    ['c', 1],
  ]);
});

it('a payment is guaranteed first, and paid once the money is taken', () => {
  const step = way.find(({ status }) => status === 'paid') ?? expect.fail('no such step');
  expect([stepName(step, 'authorized'), stepName(step, 'captured')]).toEqual(['Payment guaranteed', 'Paid']);
});

it('goods that go back refund what they cost, and no more than the order has left of its money', () => {
  const of = (amountMinor: number) => ({ amountMinor, currency: 'EUR' });
  const lamp = { productId: 'lamp', name: 'Lamp', quantity: 2, returned: 0, unitPrice: of(1999) };
  const mug = { ...lamp, productId: 'mug', quantity: 1, unitPrice: of(700) };
  const order = { items: [lamp, mug], refundable: of(3198) };
  expect(refundOf(order, {})).toBeUndefined();
  expect(refundOf(order, { lamp: 0 })).toBeUndefined();
  expect(refundOf(order, { lamp: 1, mug: 1 })).toEqual({ ...of(2699), isLessThanPaid: false });
  expect(refundOf(order, { lamp: 2, mug: 1 })).toEqual({ ...of(3198), isLessThanPaid: true });
});
