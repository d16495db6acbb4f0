import { describe, expect, it } from 'vitest';
import { knowledgeOf } from './known.ts';
import type { Signals } from './signals.ts';

const signals: Signals = {
  asOf: '2026-01-01T00:00:00.000Z',
  servicesDown: [],
  servicesSlow: [],
  servicesDegraded: [],
  stuckOrders: { count: 0, oldestSince: null },
  deadLetters: { waiting: 0, groups: [] },
  lowStock: { count: 0, outOfStock: 0 },
  fraudSignals: { count: 0, newest: [] },
};
const answered = { isSuccess: true, isError: false };
const failed = { isSuccess: false, isError: true };
const waiting = { isSuccess: false, isError: false };

describe('that nothing is wrong is said', () => {
  it('where every part has answered', () => {
    const asked = { reconciliation: answered, consumers: answered };
    expect(knowledgeOf(signals, 'open', asked)).toEqual({ isWhole: true, unanswered: [], awaited: [] });
  });

  it.each([
    ['a part of the signals is null', { ...signals, stuckOrders: null }, answered, ['stuck orders'], []],
    [
      'several are',
      { ...signals, deadLetters: null, lowStock: null },
      answered,
      ['dead letters', 'stock'],
      [],
    ],
    ['a question was refused or failed', signals, failed, ['reconciliation'], []],
    ['a question has no answer yet', signals, waiting, [], ['reconciliation']],
    ['no signals have come', undefined, answered, [], []],
  ])('not where %s', (_, said, reconciliation, unanswered, awaited) => {
    expect(knowledgeOf(said, 'open', { reconciliation })).toEqual({ isWhole: false, unanswered, awaited });
  });

  it.each(['connecting', 'waiting', 'refused', 'ended'] as const)('not of old signals: %s', (state) => {
    const { isWhole, unanswered } = knowledgeOf(signals, state, {});
    expect([isWhole, unanswered.length]).toEqual([false, 1]);
  });
});
