import { expect, it } from 'vitest';
import { fraudSentence } from './fraud-sentence.ts';

const account = { buyer: '0199-0000-12345678', userId: '0199-0000-12345678' };
const guest = { buyer: '0199-0000-87654321', userId: null };
const pounds = { amountMinor: 620_000, currency: 'GBP' };
const nothing = { amountMinor: 0, currency: null, detail: '' };

it.each([
  [
    { kind: 'velocity', ...account, count: 5, ...pounds, detail: '' },
    '5 orders of account 12345678 within ten minutes; this one is of £6,200.00',
  ],
  [
    { kind: 'declines', ...account, count: 3, ...nothing },
    '3 payments of account 12345678 declined within ten minutes',
  ],
  [
    { kind: 'mismatch', ...guest, count: 2, ...nothing, detail: 'GB FR' },
    'Orders of guest 87654321 to 2 countries within ten minutes: GB, FR',
  ],
  [
    { kind: 'amount', ...guest, count: 1, ...pounds, detail: '' },
    'An order of guest 87654321 of an unusual amount: £6,200.00',
  ],
] as const)('%o in words', (signal, words) => {
  expect(fraudSentence(signal)).toBe(words);
});
