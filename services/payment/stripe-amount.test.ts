import { expect, test } from 'vitest';
import { currencies } from '#schemas/currency';
import { stripeAmount } from './stripe-amount.js';

test.each([
  ['euro, two decimals', 'EUR', 1999, 1999],
  ['yen, no decimals', 'JPY', 500, 500],
  ['króna, two decimals at Stripe that are 00', 'ISK', 500, 50_000],
  ['Ugandan shilling, two decimals at Stripe that are 00', 'UGX', 1, 100],
  ['ariary, no decimals at Stripe', 'MGA', 50_000, 500],
  ['part of an ariary', 'MGA', 50_020, undefined],
  ['dinar, three decimals that end in 0', 'KWD', 5120, 5120],
  ['dinar with a last decimal', 'KWD', 5124, undefined],
  ['forint, two decimals', 'HUF', 10_045, 10_045],
  ['new Taiwan dollar, two decimals', 'TWD', 80_045, 80_045],
])('%s', (_name, currency, amountMinor, expected) => {
  expect(stripeAmount(amountMinor, currency)).toBe(expected);
});

test('only the currencies that Stripe counts otherwise are counted otherwise', () => {
  const differing = currencies.filter((currency) => stripeAmount(1001, currency) !== 1001);
  expect(differing).toEqual(['BHD', 'ISK', 'JOD', 'KWD', 'MGA', 'OMR', 'TND', 'UGX']);
});
