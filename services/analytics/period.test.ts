import { describe, expect, it } from 'vitest';
import { finestFor, periodOf } from './period.js';

const at = (text: string) => Date.parse(text);
const now = at('2026-03-01T12:34:56Z');

describe('the period of a query', () => {
  it('covers the whole buckets that the asked times touch', () => {
    expect(
      periodOf({ fromMs: at('2026-03-01T10:20:00Z'), toMs: at('2026-03-01T11:01:00Z') }, 'hour', now),
    ).toEqual({
      fromMs: at('2026-03-01T10:00:00Z'),
      toMs: at('2026-03-01T12:00:00Z'),
    });
  });

  it('includes the bucket that is now filling', () => {
    expect(periodOf({}, 'day', now)).toMatchObject({ toMs: at('2026-03-02T00:00:00Z') });
  });

  it('refuses a period that ends before it begins, and one of more buckets than an answer may have', () => {
    expect(periodOf({ fromMs: now, toMs: now - 86_400_000 }, 'minute', now)).toEqual({
      refused: 'not_before_to',
    });
    expect(periodOf({ fromMs: 0 }, 'minute', now)).toEqual({ refused: 'too_many_buckets' });
  });

  it('is as fine as the most buckets of an answer allow', () => {
    const days = (count: number) => ({ fromMs: now - count * 86_400_000 });
    expect([6, 8, 419, 421, 9_000].map((count) => finestFor(days(count), now))).toEqual([
      'minute',
      'hour',
      'hour',
      'day',
      'day',
    ]);
  });

  it('refuses times that ClickHouse cannot hold', () => {
    const last = at('9999-12-31T23:59:59Z');
    expect(periodOf({ fromMs: last - 1, toMs: last }, 'day', now)).toEqual({ refused: 'out_of_range' });
    expect(periodOf({ fromMs: -36_000_000, toMs: 0 }, 'day', now)).toEqual({ refused: 'out_of_range' });
  });
});
