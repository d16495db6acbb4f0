import { describe, expect, it } from 'vitest';
import { startsOf } from './buckets.ts';
import { currencyChoices, into, periodOf, previousOf, questionIn, searchOf, startOfDay } from './question.ts';

const london = 'Europe/London';
const at = (time: string): number => Date.parse(time);

describe('the question of the dashboard', () => {
  it('is the same after its address was read again', () => {
    for (const search of [
      { tz: london },
      { range: '7d', metric: 'orders', compare: 'no', tz: 'UTC' },
      { range: 'custom', from: '2026-01-01T00:00:00.000Z', to: '2026-01-02T00:00:00.000Z', tz: 'Asia/Tokyo' },
      { tz: london, category: 'home/lighting', product: 'p', currency: 'EUR' },
    ]) {
      const question = questionIn(search, london);
      expect(searchOf(question)).toEqual(search);
      // Also for who is at home elsewhere.
      expect(questionIn(searchOf(question), 'Asia/Tokyo')).toEqual(question);
    }
  });

  it('takes dates for instants, which is what the API takes', () => {
    const { from, to } = questionIn({ range: 'custom', from: '2026-01-01', to: '2026-01-02T01:00+01:00' });
    expect([from, to]).toEqual(['2026-01-01T00:00:00.000Z', '2026-01-02T00:00:00.000Z']);
  });

  it('leaves out what is not understood', () => {
    const search = { range: 'ever', tz: 'Mars/Base', metric: 7, from: 'x', to: 'y', currency: 'euro' };
    expect(questionIn(search, london)).toEqual({ range: 'today', tz: london, compare: true, metric: 'net' });
    expect(questionIn({ range: 'custom', from: '2026-02-01', to: '2026-01-01' }, london).range).toBe('today');
  });
});

describe('days of a zone', () => {
  it('begin at its midnight, also around the changes of its clocks', () => {
    expect(startOfDay(at('2026-03-29T12:00:00Z'), london)).toBe(at('2026-03-29T00:00:00Z'));
    expect(startOfDay(at('2026-03-30T12:00:00Z'), london)).toBe(at('2026-03-29T23:00:00Z'));
    expect(startOfDay(at('2026-10-25T12:00:00Z'), london)).toBe(at('2026-10-24T23:00:00Z'));
    expect(startOfDay(at('2026-10-26T12:00:00Z'), london)).toBe(at('2026-10-26T00:00:00Z'));
    expect(startOfDay(at('2026-06-01T20:00:00Z'), 'Asia/Tokyo')).toBe(at('2026-06-01T15:00:00Z'));
  });

  it('begin with their first hour where the clocks skip midnight', () => {
    const santiago = 'America/Santiago';
    const began = at('2026-09-06T04:00:00Z');
    expect(startOfDay(at('2026-09-06T15:00:00Z'), santiago)).toBe(began);
    expect(startOfDay(at('2026-09-07T15:00:00Z'), santiago, 1)).toBe(began);
    expect(startOfDay(at('2026-09-05T15:00:00Z'), santiago, -1)).toBe(began);
  });

  it.each([
    ['minute', ['2026-03-01T10:05:00Z', '2026-03-01T10:06:00Z']],
    ['hour', ['2026-03-01T09:30:00Z']],
    ['day', ['2026-02-28T18:30:00Z']],
  ] as const)(
    'and their parts begin where the API cuts them, wherever a period begins: %s',
    (granularity, starts) => {
      const period = { from: '2026-03-01T10:05:06Z', to: '2026-03-01T10:06:01Z', granularity };
      expect(startsOf(period, 'Asia/Kolkata')).toEqual(starts.map(at));
    },
  );

  it('have 23 and 25 hours where the clocks change', () => {
    const hours = (day: string) => {
      const from = startOfDay(at(day), london);
      const to = startOfDay(at(day), london, -1);
      const period = {
        from: new Date(from).toISOString(),
        to: new Date(to).toISOString(),
        granularity: 'hour' as const,
      };
      return startsOf(period, london).length;
    };
    expect(hours('2026-03-29T12:00:00Z')).toBe(23);
    expect(hours('2026-10-25T12:00:00Z')).toBe(25);
    expect(hours('2026-07-01T12:00:00Z')).toBe(24);
  });

  it('are cut into buckets without a gap, also over the change of a clock', () => {
    const question = questionIn({ range: '7d' }, london);
    const period = periodOf(question, at('2026-03-31T10:00:00Z'));
    expect(startsOf(period, london).map((ms) => new Date(ms).toISOString().slice(5, 13))).toEqual([
      '03-25T00',
      '03-26T00',
      '03-27T00',
      '03-28T00',
      '03-29T00',
      '03-29T23',
      '03-30T23',
    ]);
  });
});

describe('the period before', () => {
  it('of a running day has the same hours', () => {
    const question = questionIn({}, london);
    const nowMs = at('2026-06-02T14:20:30Z');
    const before = previousOf(question, periodOf(question, nowMs), nowMs);
    expect(before).toEqual({
      from: '2026-05-31T23:00:00.000Z',
      to: '2026-06-01T15:00:00.000Z',
      granularity: 'hour',
      totalsTo: '2026-06-01T14:20:00.000Z',
    });
  });

  it('of an hour is the hour before', () => {
    const question = questionIn({ range: 'hour' }, london);
    const nowMs = at('2026-06-02T14:20:30Z');
    const before = previousOf(question, periodOf(question, nowMs), nowMs);
    expect([before.from, before.to]).toEqual(['2026-06-02T12:21:00.000Z', '2026-06-02T13:21:00.000Z']);
  });
});

it('opens a day as its hours and an hour as its minutes', () => {
  const question = questionIn({ range: '30d' }, london);
  const day = into(question, at('2026-03-29T00:00:00Z'), 'day');
  expect([day.from, day.to]).toEqual(['2026-03-29T00:00:00.000Z', '2026-03-29T23:00:00.000Z']);
  expect(periodOf(day, 0).granularity).toBe('hour');
  const hour = into(day, at('2026-03-29T10:00:00Z'), 'hour');
  expect(periodOf(hour, 0)).toMatchObject({ from: '2026-03-29T10:00:00.000Z', granularity: 'minute' });
});

it('the chosen currency can be left for that of the period, also where the period has only one', () => {
  expect(currencyChoices({ currency: 'EUR' }, ['GBP'])).toEqual(['GBP', 'EUR']);
  expect(currencyChoices({ currency: 'GBP' }, ['GBP', 'EUR'])).toEqual(['GBP', 'EUR']);
  expect(currencyChoices({}, ['GBP'])).toEqual(['GBP']);
});
