import { describe, expect, it } from 'vitest';
import { handClock } from '#platform/testing/hand-clock';
import { createBlockRule } from './block-rule.js';

const limits = { blockBytesMax: 1_000, blockRowsMax: 10, backlogBlockWaitMs: 1_000 };
const rule = createBlockRule(limits, 300);
const empty = { bytes: 0, rows: 0, excluded: [] };

describe('a block', () => {
  it.each([
    ['bytes', { ...empty, bytes: 1_000 }],
    ['rows', { ...empty, rows: 10 }],
    ['exclusions', { ...empty, excluded: Array(1_000).fill({}) }],
  ])('is full of %s at its limit and not before', (_what, block) => {
    expect(rule.isFull(block)).toBe(true);
    expect(
      rule.isFull({ bytes: block.bytes - 1, rows: block.rows - 1, excluded: block.excluded.slice(1) }),
    ).toBe(false);
  });

  it('waits for company for as long as its feed says', () => {
    expect([0, 100, 300, 5_000].map((ageMs) => rule.restMs(ageMs, false, 0))).toEqual([300, 200, 0, 0]);
  });

  it('waits ten times as long as the last insert took, but half a second at most, and longer while there is a backlog', () => {
    expect([20, 40, 50, 500].map((lastInsertMs) => rule.restMs(0, false, lastInsertMs))).toEqual([
      300, 400, 500, 500,
    ]);
    expect(rule.restMs(250, true, 0)).toBe(750);
  });

  it('waits no longer when the wall clock is set back by an hour', () => {
    const clock = handClock();
    const openedAtMs = clock.monotonicMs();
    clock.advanceMs(200);
    clock.setMs(clock.nowMs() - 3_600_000);
    clock.advanceMs(100);
    expect(rule.restMs(clock.monotonicMs() - openedAtMs, false, 0)).toBe(0);
  });
});
