import { describe, expect, it } from 'vitest';
import { finestFor, granularities, periodOf, utc, wholePeriodOf } from './period.js';
import { type Zone, zoneNamed } from './zone.js';

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

  it.each(granularities)('refuses a period of %ss that does not end after it begins', (granularity) => {
    const refused = { refused: 'not_before_to', parameter: 'from' };
    for (const laterMs of [0, 1, 30 * 60_000, 86_400_000])
      expect(periodOf({ fromMs: now + laterMs, toMs: now }, granularity, now)).toEqual(refused);
    expect(periodOf({ fromMs: now + 1 }, granularity, now)).toEqual({
      refused: 'not_before_now',
      parameter: 'from',
    });
    expect(periodOf({ fromMs: now - 1, toMs: now }, granularity, now)).not.toHaveProperty('refused');
  });

  it('refuses a period of more buckets than an answer may have', () => {
    expect(periodOf({ fromMs: 0 }, 'minute', now)).toEqual({
      refused: 'too_many_buckets',
      parameter: 'from',
    });
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

  it('is as fine as the hours of the zone allow, of which a period of UTC may touch one more', () => {
    const toMs = at('2026-03-01T12:00:00Z');
    const asked = { fromMs: toMs - 10_080 * 3_600_000, toMs };
    const kolkata = zoneNamed('Asia/Kolkata') as Zone;
    expect(wholePeriodOf(asked, now, kolkata, 30)).toEqual({
      fromMs: at('2025-01-04T18:30:00Z'),
      toMs: at('2026-03-01T18:30:00Z'),
    });
    expect(wholePeriodOf({ ...asked, fromMs: asked.fromMs + 3_600_000 }, now, kolkata, 30)).toEqual({
      fromMs: at('2025-01-05T12:30:00Z'),
      toMs: at('2026-03-01T12:30:00Z'),
    });
  });

  it('without buckets is as long as asked, in whole days of the zone', () => {
    const asked = { fromMs: 0 };
    expect(wholePeriodOf(asked, now, utc, 30)).toEqual({ fromMs: 0, toMs: at('2026-03-02T00:00:00Z') });
    const tokyo = zoneNamed('Asia/Tokyo') as Zone;
    expect(wholePeriodOf(asked, now, tokyo, 30)).toEqual({ fromMs: 0, toMs: at('2026-03-01T15:00:00Z') });
  });

  it('without buckets asks the zone only about the days at its ends, of which each year takes milliseconds', () => {
    const tokyo = zoneNamed('Asia/Tokyo') as Zone;
    let longestMs = 0;
    const zone: Zone = {
      ...tokyo,
      offsetsIn: (fromMs, toMs) => {
        longestMs = Math.max(longestMs, toMs - fromMs);
        return tokyo.offsetsIn(fromMs, toMs);
      },
    };
    wholePeriodOf({ fromMs: 0, toMs: at('2100-01-01T00:00:00Z') }, now, zone, 30);
    expect(longestMs).toBeLessThan(30 * 86_400_000);
  });

  it('refuses times that ClickHouse cannot hold', () => {
    const last = at('9999-12-31T23:59:59Z');
    expect(periodOf({ fromMs: last - 1, toMs: last }, 'day', now)).toEqual({
      refused: 'out_of_range',
      parameter: 'to',
    });
    expect(periodOf({ fromMs: -36_000_000, toMs: 0 }, 'day', now)).toEqual({
      refused: 'out_of_range',
      parameter: 'from',
    });
  });
});
