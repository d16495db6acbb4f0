import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as services from '../../schemas/currency.js';
import { decimalsOf, decimalsOtherThanTwo, decimalText, formatMoney, minorOf, sumOf } from './money.ts';

const money = fc.record({
  amountMinor: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  currency: fc.constantFrom(...services.currencies),
});

describe('money', () => {
  it.each([
    [{ amountMinor: 1999, currency: 'GBP' }, '19.99'],
    [{ amountMinor: 5, currency: 'EUR' }, '0.05'],
    [{ amountMinor: -5, currency: 'EUR' }, '-0.05'],
    [{ amountMinor: 500, currency: 'JPY' }, '500'],
    [{ amountMinor: 1234, currency: 'KWD' }, '1.234'],
    [{ amountMinor: Number.MAX_SAFE_INTEGER, currency: 'USD' }, '90071992547409.91'],
  ])('%j is %s', (amount, text) => {
    expect(decimalText(amount)).toBe(text);
  });

  it('comes back from its text as it was, in every currency', () => {
    fc.assert(
      fc.property(money, (amount) => {
        const text = decimalText(amount);
        fc.pre(text.replace(/\..*/, '').length <= 13);
        expect(minorOf(text, amount.currency)).toBe(amount.amountMinor);
      }),
    );
  });

  it('is written with the decimals of ISO 4217, not with those of the browser', () => {
    // V8 has no decimals for these; ISO 4217 has two or three.
    expect(formatMoney({ amountMinor: 12345, currency: 'HUF' })).toContain('123.45');
    expect(formatMoney({ amountMinor: 12345, currency: 'IQD' })).toContain('12.345');
    expect(formatMoney({ amountMinor: 1999, currency: 'GBP' })).toBe('£19.99');
  });

  it.each([
    ['USD', 'CAD', 'AUD'],
    ['JPY', 'CNY'],
    ['SEK', 'NOK', 'DKK'],
  ])('is not written alike in %s and another currency', (...currencies) => {
    const written = currencies.map((currency) =>
      formatMoney({ amountMinor: 1999, currency }).replace(/[\d.,]/g, ''),
    );
    expect(new Set(written).size).toBe(currencies.length);
  });

  it('has exceptions only for currencies that exist, and the same ones as the services', () => {
    for (const code of Object.keys(decimalsOtherThanTwo)) expect(services.currencies).toContain(code);
    expect(decimalsOtherThanTwo).toEqual(services.decimalsOtherThanTwo);
    expect(decimalsOf('EUR')).toBe(2);
  });

  it.each(['', 'a', '1.234', '-1', '1,2,3', '12345678901234'])('%j is no amount of euros', (text) => {
    expect(minorOf(text, 'EUR')).toBeUndefined();
  });

  it('has no sum over several currencies', () => {
    expect(
      sumOf([
        { amountMinor: 1, currency: 'EUR' },
        { amountMinor: 1, currency: 'GBP' },
      ]),
    ).toBeUndefined();
    expect(sumOf([])).toBeUndefined();
  });
});
