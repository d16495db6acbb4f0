import { expect, it } from 'vitest';
import type { EventMap } from './events.js';
import { brokenRule } from './value-rules.js';

const occurredAt = Date.parse('2026-05-01T00:00:00Z');
const line = { productId: 'lamp', name: 'Lamp', category: 'home', quantity: 2, unitPriceMinor: 1999 };
const placed: EventMap['OrderPlaced'] = {
  ...{ orderId: 'order', version: 1, userId: null, visitId: null, cartId: null, cartProof: null },
  ...{ lines: [line, { ...line, unitPriceMinor: 0 }], totalMinor: 3998, currency: 'EUR', occurredAt },
  ...{ paymentMethod: 'a new one', paymentToken: '', shippingCountry: 'DE' },
};
const paid = { orderId: 'order', paymentId: 'payment', amountMinor: 0, currency: 'EUR', occurredAt };
const instructed = { ...paid, userId: null, method: 'card', token: 'tok_ok' };
const held = {
  orderId: 'order',
  lines: [{ productId: 'lamp', quantity: 2, available: 0, stockVersion: 1 }],
  expiresAt: occurredAt,
  occurredAt,
};
const asked = {
  ...{ orderId: 'order', status: 'confirmed', reason: null, lines: [line], occurredAt },
  returns: [{ returnId: 'return', refundMinor: 0, lines: [{ productId: 'lamp', quantity: 1 }] }],
};

const described = {
  ...{ productId: 'lamp', version: 1, name: 'Lamp', currency: 'EUR', priceMinor: 0, initialStock: 0 },
  ...{ attributes: '{"colour":"white","watts":8,"dimmable":true}', groupId: null },
  ...{ createdAt: occurredAt, occurredAt },
};

it.each([
  ['OrderPlaced', placed],
  ['ProductCreated', described],
  ['ProductUpdated', { ...described, attributes: '{}', groupId: '018f6b1e-0000-7000-8000-000000000001' }],
  ['PaymentInstructed', instructed],
  ['PaymentRefunded', { ...paid, refundId: 'refund', method: 'a new one' }],
  ['StockReserved', held],
  ['StockReserved', { ...held, lines: [] }],
  ['PaymentDeclined', { ...paid, retryUntil: null }],
  ['OrderPlaced', { ...placed, lines: new Array(100).fill(line) }],
  ['OrderStepsAsked', asked],
  ['UserErased', { userId: 'user', occurredAt: -1 }],
] as const)('%s has a meaning %#', (name, value) => {
  expect(brokenRule(name, value)).toBeUndefined();
});

it.each([
  ['OrderPlaced', { ...placed, lines: [line, { ...line, quantity: -2 }] }, 'lines.quantity is -2'],
  ['OrderPlaced', { ...placed, lines: [{ ...line, quantity: 0 }] }, 'lines.quantity is 0'],
  ['OrderPlaced', { ...placed, lines: [{ ...line, unitPriceMinor: -1 }] }, 'lines.unitPriceMinor is -1'],
  ['OrderPlaced', { ...placed, totalMinor: -1 }, 'totalMinor is -1'],
  ['OrderPlaced', { ...placed, currency: 'ZZZ' }, 'currency is "ZZZ"'],
  ['OrderPlaced', { ...placed, occurredAt: -1 }, 'occurredAt is -1'],
  ['OrderReturned', { ...placed, refundMinor: -1 }, 'refundMinor is -1'],
  ['PaymentInstructed', { ...instructed, amountMinor: -1 }, 'amountMinor is -1'],
  ['PaymentInstructed', { ...instructed, method: 'constructor' }, 'method is "constructor"'],
  ['PaymentRefunded', { ...paid, amountMinor: -1 }, 'amountMinor is -1'],
  ['ProductCreated', { ...described, attributes: 'white' }, 'attributes is "white"'],
  ['ProductCreated', { ...described, attributes: 'null' }, 'attributes is "null"'],
  ['ProductUpdated', { ...described, attributes: '[1]' }, 'attributes is "[1]"'],
  ['ProductUpdated', { ...described, attributes: '{"a":{"b":1}}' }, 'attributes is'],
  ['ProductUpdated', { ...described, groupId: 'lamps' }, 'groupId is "lamps"'],
  ['StockReserved', { ...held, lines: [{ ...held.lines[0], available: -1 }] }, 'lines.available is -1'],
  ['StockReserved', { ...held, expiresAt: 9e15 }, 'expiresAt is 9000000000000000'],
  ['PaymentDeclined', { ...paid, retryUntil: 9e15 }, 'retryUntil is 9000000000000000'],
  ['OrderPlaced', { ...placed, lines: new Array(101).fill(line) }, 'lines has 101 items'],
  ['StockReturned', { ...held, lines: [{ ...held.lines[0], quantity: -1 }] }, 'lines.quantity is -1'],
  [
    'OrderStepsAsked',
    { ...asked, returns: [{ ...asked.returns[0], lines: [{ productId: 'lamp', quantity: 0 }] }] },
    'returns.lines.quantity is 0',
  ],
] as const)('%s has none %#', (name, value, words) => {
  expect(brokenRule(name, value)).toContain(words);
});
