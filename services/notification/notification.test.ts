import { expect, it } from 'vitest';
import { notificationOf } from './notification.js';

it('a cancelled order tells its buyer why', () => {
  expect(
    notificationOf.OrderCancelled({
      orderId: 'o',
      version: 2,
      userId: 'u',
      reason: 'out_of_stock',
      occurredAt: 1,
    }),
  ).toEqual({ template: 'order_cancelled', orderId: 'o', userId: 'u', data: { reason: 'out_of_stock' } });
});

it('a returned order tells what is refunded', () => {
  const { data } = notificationOf.OrderReturned({
    orderId: 'o',
    version: 4,
    returnId: 'r',
    userId: null,
    lines: [],
    refundMinor: 1250,
    currency: 'GBP',
    isFull: false,
    reason: 'too small',
    occurredAt: 1,
  });
  expect(data).toEqual({ amountMinor: 1250, currency: 'GBP', isFull: false });
});
