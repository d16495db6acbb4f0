import { describe, expect, it } from 'vitest';
import { countries } from './country.js';
import { currencies } from './currency.js';

describe('currencies', () => {
  it('are those of ISO 4217 with a minor unit, each once, and the runtime has heard of nearly all', () => {
    expect(new Set(currencies).size).toBe(currencies.length);
    for (const code of ['EUR', 'GBP', 'JPY', 'KWD', 'CLF', 'ZWG', 'XCG']) expect(currencies).toContain(code);
    for (const code of ['ZZZ', 'XXX', 'XTS', 'XAU', 'DEM', 'HRK', 'eur', 'EURO', ''])
      expect(currencies).not.toContain(code);
    const known = new Set(Intl.supportedValuesOf('currency'));
    // The runtime leaves out units of account, and those younger than itself.
    const apart = ['BOV', 'CHE', 'CHW', 'CLF', 'COU', 'MXV', 'USN', 'UYI', 'UYW', 'VED', 'XCG', 'ZWG'];
    expect(currencies.filter((code) => !known.has(code) && !apart.includes(code))).toEqual([]);
  });
});

describe('countries', () => {
  it('are those of ISO 3166-1', () => {
    expect(new Set(countries).size).toBe(249);
    for (const code of ['GB', 'DE', 'TW', 'AQ', 'ZW']) expect(countries).toContain(code);
    for (const code of ['ZZ', 'XX', 'UK', 'EU', 'XK', 'gb', 'SU', 'AA'])
      expect(countries).not.toContain(code);
    const names = new Intl.DisplayNames('en', { type: 'region', fallback: 'none' });
    expect(countries.filter((code) => names.of(code) === undefined)).toEqual([]);
  });
});
