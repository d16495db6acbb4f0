import { expect, it } from 'vitest';
import { bucketEdges, type LocalUnit, localUnits, type Zone, zoneNamed } from './zone.js';

const hourMs = 3_600_000;
const zone = (name: string): Zone => {
  const found = zoneNamed(name);
  if (found === undefined) throw new Error(`no zone ${name}`);
  return found;
};
const at = (text: string) => Date.parse(text);
const hoursOf = (edges: number[]) =>
  edges.slice(1).map((edge, index) => (edge - (edges[index] ?? 0)) / hourMs);

it('a day of London has 23 hours in March and 25 in October', () => {
  const london = zone('Europe/London');
  const days = (from: string, to: string) => hoursOf(bucketEdges(london, 'day', at(from), at(to)));
  expect(days('2011-03-26T12:00:00Z', '2011-03-28T12:00:00Z')).toEqual([24, 23, 24]);
  expect(days('2011-10-29T12:00:00Z', '2011-10-31T12:00:00Z')).toEqual([24, 25, 24]);
});

it.each([
  // The clocks go forward at midnight: the day begins at 01:00.
  ['America/Sao_Paulo', '2018-11-04T12:00:00Z', ['2018-11-04T03:00:00.000Z', '2018-11-05T02:00:00.000Z']],
  // Midnight comes twice: the day begins at the first.
  ['America/Havana', '2023-11-05T12:00:00Z', ['2023-11-05T04:00:00.000Z', '2023-11-06T05:00:00.000Z']],
  // The 30th of December was left out.
  ['Pacific/Apia', '2011-12-31T00:00:00Z', ['2011-12-30T10:00:00.000Z', '2011-12-31T10:00:00.000Z']],
  ['Asia/Kathmandu', '2026-01-05T00:00:00Z', ['2026-01-04T18:15:00.000Z', '2026-01-05T18:15:00.000Z']],
])('a day of %s about %s', (name, about, edges) => {
  const found = bucketEdges(zone(name), 'day', at(about), at(about) + 1);
  expect(found.map((ms) => new Date(ms).toISOString())).toEqual(edges);
});

it('is no zone', () => {
  for (const name of [
    '',
    ' ',
    'Mars/Olympus',
    '+02:00',
    'UTC+2',
    '../etc/passwd',
    "UTC'",
    'Europe/London ',
    'ＵＴＣ',
  ])
    expect(zoneNamed(name), name).toBeUndefined();
  expect(zoneNamed('e'.repeat(100_000))).toBeUndefined();
});

it('is one zone whatever the capitals', () => {
  expect(zoneNamed('europe/LONDON')?.name).toBe('Europe/London');
});

/** What a calendar on the wall shows at the instant. */
const labelOf = (name: string, unit: LocalUnit) => {
  const format = new Intl.DateTimeFormat('en-CA', { timeZone: name, dateStyle: 'short' });
  const clock = new Intl.DateTimeFormat('en-GB', { timeZone: name, minute: '2-digit', second: '2-digit' });
  const dateOf = (ms: number) => format.format(ms);
  return {
    isStart: (ms: number): boolean => {
      if (unit === 'hour') return clock.format(ms) === '00:00';
      const date = dateOf(ms);
      // A date that has been before, an hour ago, does not begin again when the clocks went back over midnight.
      if ([1, 3_600_000, 7_200_000].some((agoMs) => date <= dateOf(ms - agoMs))) return false;
      if (unit === 'day') return true;
      const monday = (text: string) => Math.floor((Date.parse(text) / 86_400_000 + 3) / 7);
      const key = unit === 'week' ? monday : (text: string) => text.slice(0, 7);
      return key(date) !== key(dateOf(ms - 1));
    },
  };
};

const odd = [
  'UTC',
  'Europe/London',
  'America/New_York',
  'America/St_Johns',
  'America/Havana',
  'Africa/Casablanca',
  'Africa/Cairo',
  'Asia/Beirut',
  'Asia/Kathmandu',
  'Australia/Lord_Howe',
  'Pacific/Apia',
  'Pacific/Chatham',
  'Antarctica/Troll',
  'Asia/Gaza',
];

it.each(odd)('buckets of %s begin where the clocks on the wall say, without a gap', (name) => {
  const random = generator(name.length * 7919);
  for (const unit of localUnits)
    for (let n = 0; n < 4; n += 1) {
      const fromMs = Date.UTC(1995) + Math.floor(random() * 35 * 365 * 24) * hourMs + 60_000 * 7;
      const spanMs = { hour: 60, day: 24 * 40, week: 24 * 90, month: 24 * 200 }[unit] * hourMs;
      const edges = bucketEdges(zone(name), unit, fromMs, fromMs + spanMs);
      const { isStart } = labelOf(name, unit);
      expect(edges[0]).toBeLessThanOrEqual(fromMs);
      expect(edges[1]).toBeGreaterThan(fromMs);
      expect(edges.at(-1)).toBeGreaterThanOrEqual(fromMs + spanMs);
      expect(edges.at(-2)).toBeLessThan(fromMs + spanMs);
      const [first = 0, last = 0] = [edges[0], edges.at(-1)];
      const expected: number[] = [];
      for (let ms = first; ms <= last; ms += 15 * 60_000) if (isStart(ms)) expected.push(ms);
      // The first edge is found by the label too, so nothing here is taken from the code under test.
      expect(edges, `${unit} from ${new Date(fromMs).toISOString()}`).toEqual(expected);
    }
});

/** Numbers from 0 to 1 that are the same at each run. */
const generator = (seed: number) => {
  let state = seed >>> 0 || 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
};
