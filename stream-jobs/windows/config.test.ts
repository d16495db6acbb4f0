import { expect, test } from 'vitest';
import { envSchema, loadConfig } from '#platform/config';
import { windowsConfig } from './config.js';

const { fraudAmountsMinor } = windowsConfig.settings;
const limitsOf = (text: string | undefined) =>
  loadConfig(envSchema({ fraudAmountsMinor }), { WINDOWS_FRAUD_AMOUNT_MINOR: text }).fraudAmountsMinor;

test('an unusual amount is one of its currency: by default of some that cost about the same', () => {
  expect(limitsOf(undefined)).toMatchObject({ GBP: 500_000, JPY: 1_000_000, KWD: 2_000_000, IDR: 1e10 });
  expect(limitsOf('GBP:700000, JPY:5000')).toEqual({ GBP: 700_000, JPY: 5_000 });
  expect(limitsOf('600000')).toMatchObject({ GBP: 600_000, JPY: 600_000 });
  for (const wrong of ['0', 'GBP', 'GBP:', 'GBP:0', 'GBP:5.5', 'gbp:5', 'XXX:5', 'GBP:5:6', 'GBP:5,'])
    expect(() => limitsOf(wrong), wrong).toThrow('WINDOWS_FRAUD_AMOUNT_MINOR must be amounts in minor units');
});
