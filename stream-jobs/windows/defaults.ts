import { decimalsOf } from '#schemas/currency';
import { performanceWindowMsAsDefault, visitGapMsAsDefault } from '#schemas/window-times';
import type { WindowsSettings } from './topologies.js';

/** In whole units: of each currency about as much as of the others, in a round figure. */
const largeOrders = {
  AED: 25_000,
  AUD: 10_000,
  BRL: 35_000,
  CAD: 9_000,
  CHF: 5_000,
  CNY: 45_000,
  CZK: 140_000,
  DKK: 45_000,
  EUR: 5_000,
  GBP: 5_000,
  HKD: 50_000,
  HUF: 2_000_000,
  IDR: 100_000_000,
  INR: 500_000,
  JPY: 1_000_000,
  KRW: 9_000_000,
  KWD: 2_000,
  MXN: 120_000,
  NOK: 70_000,
  NZD: 11_000,
  PLN: 25_000,
  SEK: 65_000,
  SGD: 9_000,
  USD: 5_000,
  ZAR: 120_000,
};

/** What the jobs do unless their settings say otherwise (`config.ts`). */
export const defaultSettings: WindowsSettings = {
  visitGapMs: visitGapMsAsDefault,
  performanceWindowMs: performanceWindowMsAsDefault,
  fraud: {
    orders: 5,
    declines: 3,
    amountsMinor: Object.fromEntries(
      Object.entries(largeOrders).map(([currency, units]) => [currency, units * 10 ** decimalsOf(currency)]),
    ),
  },
};
