import { describe, expect, it } from 'vitest';
import { shown } from './order-schemas.js';
import type { OrderView } from './order-view.js';

const order: OrderView = {
  orderId: '018f3f6e-5c3a-7b57-9c1e-0a4a5c9d0001',
  status: 'pending',
  reason: null,
  lines: [],
  totalMinor: 100,
  currency: 'GBP',
  goodwillMinor: 0,
  paymentId: null,
  paymentMethod: 'card',
  shipment: null,
  dueAt: null,
  paymentStatus: 'pending',
} as unknown as OrderView;
const when = new Date(0);
const paymentOf = (change: Partial<OrderView>) =>
  shown({ ...order, createdAt: when, updatedAt: when, ...change }).payment.status;

it('an order shows of each product what was ordered and how much of that was returned', () => {
  const line = { productId: 'a', name: 'Lantern', category: 'home', unitPriceMinor: 700 };
  const lines = [
    { ...line, quantity: 3, returned: 1 },
    { ...line, productId: 'b', quantity: 2, returned: 0 },
  ];
  expect(shown({ ...order, createdAt: when, updatedAt: when, lines }).items).toMatchObject([
    { productId: 'a', quantity: 3, returned: 1 },
    { productId: 'b', quantity: 2, returned: 0 },
  ]);
});

it('an order shows what a return of everything that is left refunds, which staff may have given back before', () => {
  const lines = [
    { productId: 'a', name: 'Lantern', category: 'home', unitPriceMinor: 700, quantity: 3, returned: 1 },
  ];
  const refundableOf = (change: Partial<OrderView>) =>
    shown({ ...order, createdAt: when, updatedAt: when, lines, totalMinor: 2100, ...change }).refundable;
  expect(refundableOf({ status: 'shipped' })).toEqual({ amountMinor: 1400, currency: 'GBP' });
  expect(refundableOf({ status: 'delivered', goodwillMinor: 500 }).amountMinor).toBe(900);
  expect(refundableOf({ status: 'pending' }).amountMinor).toBe(0);
  expect(refundableOf({ status: 'cancelled', goodwillMinor: 500 }).amountMinor).toBe(0);
});

it('an order that is open says when it is given up', () => {
  const givesUpAtOf = (dueAt: Date | null) =>
    shown({ ...order, createdAt: when, updatedAt: when, dueAt }).givesUpAt;
  expect(givesUpAtOf(new Date(900_000))).toBe('1970-01-01T00:15:00.000Z');
  expect(givesUpAtOf(null)).toBeUndefined();
});

describe('the payment of an order', () => {
  it('waits for as long as the order does, and is cancelled with it', () => {
    expect(paymentOf({})).toBe('pending');
    expect(paymentOf({ status: 'cancelled', reason: 'out_of_stock' })).toBe('cancelled');
  });

  it('that came to something before is shown as that', () => {
    expect(paymentOf({ status: 'cancelled', paymentStatus: 'declined' })).toBe('declined');
    expect(paymentOf({ status: 'cancelled', paymentStatus: 'voided' })).toBe('voided');
  });
});
