import { expect, test } from 'vitest';
import { sagaSentence } from './saga-sentence.js';

const nowMs = 1_700_000_000_000;
const saga = { placedAt: new Date(nowMs - 300_000), since: new Date(nowMs - 75_000), refundsFailed: [] };

test('an order says what it waits for, and since when', () => {
  expect(sagaSentence({ ...saga, waitsFor: ['payment_capture', 'stock_commit'] }, nowMs)).toBe(
    'Placed 5 min ago, last changed 75 s ago: the money is guaranteed but not taken yet; the pieces are sold but inventory has not taken them out of its stock.',
  );
});

test('a refund that is refused says so, with its reason', () => {
  const refundsFailed = [{ refundId: 'r', amountMinor: 700, reason: 'account_closed' }];
  expect(sagaSentence({ ...saga, waitsFor: ['refund'], refundsFailed }, nowMs)).toContain(
    'the refund of 700 minor units has failed (account_closed)',
  );
});

test('an order that is finished says that', () => {
  expect(sagaSentence({ ...saga, waitsFor: [] }, nowMs)).toContain('it waits for nothing');
});
