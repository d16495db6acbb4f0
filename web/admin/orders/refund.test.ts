import { expect, it } from 'vitest';
import { type SagaEvent, sagaOf } from '../../saga/saga.ts';
import type { Answered, Payment } from './order-answers.ts';
import { whyNoRefund } from './refund.ts';

const payment = { id: 'p', status: 'captured' } as Payment;
const event = (type: string, data: Record<string, unknown> = {}): SagaEvent => ({
  type,
  service: type.startsWith('Order') ? 'order' : 'payment',
  occurredAt: '2026-11-30T10:00:00.000Z',
  data,
});
const placed = [
  event('OrderPlaced', { totalMinor: 900, currency: 'GBP' }),
  event('PaymentAuthorized', { amountMinor: 900 }),
];
const captured = [...placed, event('PaymentCaptured', { amountMinor: 900 })];
const why = (events: readonly SagaEvent[], of: Answered<Payment>) =>
  whyNoRefund(sagaOf(events, Date.parse('2026-11-30T10:00:01.000Z')), of);

it('money that was taken can be given back once the payment is known', () => {
  expect(why(captured, payment)).toBeUndefined();
  expect(why(placed, payment)).toBe('No money of this order was taken.');
});

it('a payment service that does not answer does not make taken money untaken', () => {
  expect(why(captured, 'unanswered')).toBe('Payments do not answer.');
  expect(why(captured, undefined)).toBe('Payments are being asked.');
});

it('money that is promised is not said to have gone back', () => {
  const cancelled = [...captured, event('OrderCancelled', { reason: 'customer' })];
  expect(why(cancelled, payment)).toBe('What is left is on its way back.');
  const refunded = { refundId: 'r', amountMinor: 900 };
  expect(why([...cancelled, event('PaymentRefunded', refunded)], payment)).toBe('All of it was given back.');
  const failed = [...cancelled, event('PaymentRefunded', refunded), event('RefundFailed', refunded)];
  expect(why(failed, payment)).toBe('What is left is owed to the buyer already.');
});
