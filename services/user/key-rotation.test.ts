import { describe, expect, it } from 'vitest';
import { type DatedKey, planRotation } from './key-rotation.js';

const hour = 3_600_000;
const times = { rotateAfterMs: 100 * hour, publishAheadMs: hour, publishAfterMs: 2 * hour };
const key = (kid: string, createdAtMs: number, isCurrentKind = true): DatedKey => ({
  kid,
  isCurrentKind,
  createdAtMs,
});
const plan = (keys: DatedKey[], nowMs: number) => planRotation(keys, nowMs, times);

describe('the keys of access tokens', () => {
  it('begin with one that signs at once', () => {
    expect(plan([], 0)).toEqual({ isKeyDue: true, signs: undefined, obsolete: [] });
    expect(plan([key('a', 0)], 0)).toEqual({ isKeyDue: false, signs: 'a', obsolete: [] });
  });

  it('follow each other: published before it signs, and after it has signed for the last time', () => {
    const [a, b] = [key('a', 0), key('b', 99 * hour)];
    expect(plan([a], 99 * hour - 1).isKeyDue).toBe(false);
    expect(plan([a], 99 * hour)).toEqual({ isKeyDue: true, signs: 'a', obsolete: [] });
    expect(plan([a, b], 100 * hour - 1)).toEqual({ isKeyDue: false, signs: 'a', obsolete: [] });
    expect(plan([b, a], 100 * hour)).toEqual({ isKeyDue: false, signs: 'b', obsolete: [] });
    expect(plan([a, b], 102 * hour - 1).obsolete).toEqual([]);
    expect(plan([a, b], 102 * hour).obsolete).toEqual(['a']);
  });

  it('go on where the service was stopped for longer than a key signs', () => {
    expect(plan([key('a', 0)], 5_000 * hour)).toEqual({ isKeyDue: true, signs: 'a', obsolete: [] });
    const late = [key('a', 0), key('b', 5_000 * hour)];
    expect(plan(late, 5_000 * hour + 1)).toEqual({ isKeyDue: false, signs: 'a', obsolete: [] });
  });

  it('leave one of a former kind behind', () => {
    expect(plan([key('old', 0, false)], hour)).toEqual({
      isKeyDue: true,
      signs: undefined,
      obsolete: ['old'],
    });
  });
});
