import { expect, it } from 'vitest';
import type { Signals } from './signals.ts';
import { watchedOf } from './watched.ts';

const signals: Signals = {
  asOf: '2026-01-01T00:00:00.000Z',
  servicesDown: ['order', 'cart'],
  servicesSlow: ['cart'],
  servicesDegraded: [],
  stuckOrders: { count: 99, oldestSince: null },
  deadLetters: { waiting: 400, groups: [] },
  lowStock: { count: 99, outOfStock: 7 },
  fraudSignals: { count: 0, newest: [] },
};
const books = (count: number, next: string | null) => ({ items: Array(count).fill({}), next });
const textsOf = (...watched: Parameters<typeof watchedOf>) =>
  Object.values(watchedOf(...watched)).map(({ text }) => text);

it('what was counted to its end is written as it is', () => {
  expect(textsOf(signals, books(20, null))).toEqual(['99', '400', '20', '7', '1']);
});

it('a count that went only so far is not written as the whole', () => {
  const capped = {
    ...signals,
    stuckOrders: { count: 100, oldestSince: null },
    lowStock: { count: 100, outOfStock: 7 },
  };
  expect(textsOf(capped, books(20, 'cursor'))).toEqual(['100+', '400', '20+', '7+', '1']);
});

it('what nobody has answered is a dash', () => {
  expect(textsOf(undefined, undefined)).toEqual(['–', '–', '–', '–', '–']);
  expect(textsOf({ ...signals, stuckOrders: null, lowStock: null }, undefined)).toEqual([
    '–',
    '400',
    '–',
    '–',
    '1',
  ]);
});
