import { bucketEdges, type LocalUnit, type Zone, zoneNamed } from './zone.js';

export const granularities = ['minute', 'hour', 'day'] as const;

export type Granularity = (typeof granularities)[number];

/** The granularities of which the calendar of a zone decides where they begin. */
export type CalendarGranularity = Granularity | 'week' | 'month';

/**
 * Milliseconds since the epoch; `fromMs` inclusive, `toMs` exclusive. `startsMs` has the start of each bucket where those
 * are not simply the whole minutes, hours or days of UTC.
 */
export type Period = { fromMs: number; toMs: number; startsMs?: readonly number[] };

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;

export const bucketMs: Record<Granularity, number> = { minute: minuteMs, hour: hourMs, day: dayMs };

/** The length of the period when the caller gives no start. */
const defaultSpanMs: Record<CalendarGranularity, number> = {
  minute: hourMs,
  hour: dayMs,
  day: 30 * dayMs,
  week: 12 * 7 * dayMs,
  month: 365 * dayMs,
};

/** About as long as a bucket is, for a first look at how many there would be. */
const shortestMs: Record<LocalUnit, number> = {
  hour: hourMs / 2,
  day: 22 * hourMs,
  week: 6 * dayMs,
  month: 27 * dayMs,
};

/** The most buckets of an answer: a week of minutes, more than a year of hours. */
export const bucketsMax = 10_080;

/** Times outside of these are refused: ClickHouse's `DateTime` holds 1970 to 2106. */
const earliestMs = 0;
export const latestMs = Date.parse('2100-01-01T00:00:00Z');

export type PeriodRefusal = 'not_before_to' | 'not_before_now' | 'too_many_buckets' | 'out_of_range';

export type RefusedPeriod = { refused: PeriodRefusal; parameter: 'from' | 'to' };

export type AskedPeriod = { fromMs?: number | undefined; toMs?: number | undefined };

export const utc = zoneNamed('UTC') as Zone;

/**
 * The whole buckets that the requested times touch: `from` is rounded down, `to` up; days and hours are those of the zone.
 * `nowMs` is the end if the request has none. `from` has to be before `to` before they are rounded.
 */
export const periodOf = (
  asked: AskedPeriod,
  granularity: CalendarGranularity,
  nowMs: number,
  zone: Zone = utc,
): Period | RefusedPeriod => {
  const endMs = asked.toMs ?? nowMs;
  const startMs = asked.fromMs ?? Math.max(earliestMs, endMs - defaultSpanMs[granularity]);
  if (isOutOfRange(asked.toMs)) return { refused: 'out_of_range', parameter: 'to' };
  if (isOutOfRange(asked.fromMs)) return { refused: 'out_of_range', parameter: 'from' };
  if (startMs >= endMs)
    return { refused: asked.toMs === undefined ? 'not_before_now' : 'not_before_to', parameter: 'from' };
  const isTooLong = { refused: 'too_many_buckets', parameter: 'from' } as const;
  if (granularity === 'minute' || (zone.name === utc.name && isUtcGranularity(granularity))) {
    const period = roundedTo(bucketMs[granularity], startMs, endMs);
    return (period.toMs - period.fromMs) / bucketMs[granularity] > bucketsMax ? isTooLong : period;
  }
  if ((endMs - startMs) / shortestMs[granularity] > 2 * bucketsMax) return isTooLong;
  const edges = bucketEdges(zone, granularity, startMs, endMs);
  const period = periodWithin(edges, granularity);
  return edges.length - 1 > bucketsMax ? isTooLong : period;
};

const isUtcGranularity = (granularity: CalendarGranularity): granularity is Granularity =>
  (granularities as readonly string[]).includes(granularity);

const roundedTo = (sizeMs: number, startMs: number, endMs: number): Period => ({
  fromMs: Math.max(Math.floor(startMs / sizeMs) * sizeMs, earliestMs),
  toMs: Math.min(Math.ceil(endMs / sizeMs) * sizeMs, latestMs),
});

/** The period from the first to the last of the edges, with the starts between if they are not those of UTC. */
const periodWithin = (edges: readonly number[], granularity: CalendarGranularity): Period => {
  const starts = edges.slice(0, -1).map((startMs) => Math.max(startMs, earliestMs));
  const [fromMs = 0, toMs = 0] = [starts[0], Math.min(edges.at(-1) ?? 0, latestMs)];
  const isAsUtc =
    isUtcGranularity(granularity) &&
    edges.every((edgeMs, index) => edgeMs === (edges[0] ?? 0) + index * bucketMs[granularity]) &&
    fromMs % bucketMs[granularity] === 0;
  return isAsUtc ? { fromMs, toMs } : { fromMs, toMs, startsMs: starts };
};

const isOutOfRange = (ms: number | undefined): boolean =>
  ms !== undefined && (ms < earliestMs || ms > latestMs);

/** The finest granularity with which the requested times touch at most `bucketsMax` buckets of the zone; days if there is none. */
export const finestFor = (asked: AskedPeriod, nowMs: number, zone: Zone = utc): Granularity =>
  granularities.find((granularity) => {
    const period = periodOf(asked, granularity, nowMs, zone);
    return !('refused' in period && period.refused === 'too_many_buckets');
  }) ?? 'day';

/**
 * The period of an answer that has no buckets: whole minutes up to a week, whole hours up to 60 weeks, else whole days, of
 * the zone, so that the same question soon after is the same. Without `from` it begins `daysAsDefault` days before its end.
 */
export const wholePeriodOf = (
  asked: AskedPeriod,
  nowMs: number,
  zone: Zone,
  daysAsDefault: number,
): Period | RefusedPeriod => {
  const endMs = asked.toMs ?? nowMs;
  // One minute less, so that the period of a week has at most `bucketsMax` minutes after both ends are rounded.
  const fromMs = asked.fromMs ?? Math.max(earliestMs, endMs - daysAsDefault * dayMs + minuteMs);
  const whole = { fromMs, toMs: asked.toMs };
  const period = periodOf(whole, finestFor(whole, nowMs, zone), nowMs, zone);
  if (!('refused' in period)) return { fromMs: period.fromMs, toMs: period.toMs };
  // However many days it has: no answer has a row for each.
  return period.refused === 'too_many_buckets' ? wholeDaysOf(fromMs, endMs, zone) : period;
};

/** Only the days at both ends are looked for: those of a century take some hundred milliseconds. */
const wholeDaysOf = (fromMs: number, toMs: number, zone: Zone): Period => ({
  fromMs: Math.max(bucketEdges(zone, 'day', fromMs, fromMs + 1)[0] ?? fromMs, earliestMs),
  toMs: Math.min(bucketEdges(zone, 'day', toMs - 1, toMs).at(-1) ?? toMs, latestMs),
});

/** The coarsest granularity of UTC by which all of these instants begin. */
export const coarsestOf = (instants: readonly number[]): Granularity =>
  ([...granularities].reverse() as Granularity[]).find((granularity) =>
    instants.every((ms) => ms % bucketMs[granularity] === 0),
  ) ?? 'minute';

/**
 * The period just before, of as many buckets. Days of a zone go back by the calendar: the month before has no hour more or
 * less where the clocks changed. It may begin later than it should where that would be before 1970.
 */
export const periodBefore = (period: Period, granularity: CalendarGranularity, zone: Zone): Period => {
  const { fromMs, toMs, startsMs } = period;
  const lengthMs = toMs - fromMs;
  if (startsMs === undefined && (granularity === 'minute' || zone.name === utc.name))
    return { fromMs: Math.max(earliestMs, fromMs - lengthMs), toMs: fromMs };
  if (granularity === 'minute') return { fromMs: Math.max(earliestMs, fromMs - lengthMs), toMs: fromMs };
  const count = bucketEdges(zone, granularity, fromMs, toMs).length - 1;
  const slackMs = 2 * dayMs + count * (granularity === 'month' ? 4 * dayMs : 0);
  const lowMs = Math.max(earliestMs, fromMs - lengthMs - slackMs);
  if (lowMs >= fromMs) return { fromMs, toMs: fromMs };
  const edges = bucketEdges(zone, granularity, lowMs, fromMs);
  return periodWithin(edges.slice(-count - 1), granularity);
};

/** The period just before one without buckets: as many days of the zone if it is of whole days, else as long. */
export const wholePeriodBefore = (period: Period, zone: Zone): Period => {
  const { fromMs, toMs } = period;
  const asLong = { fromMs: Math.max(earliestMs, fromMs - (toMs - fromMs)), toMs: fromMs };
  if (asLong.fromMs === earliestMs) return asLong;
  const days = wholeDaysOf(fromMs, toMs, zone);
  return days.fromMs === fromMs && days.toMs === toMs ? periodBefore(period, 'day', zone) : asLong;
};

/** The start of each bucket of the period. */
export const startsOf = ({ fromMs, toMs, startsMs }: Period, granularity: Granularity): readonly number[] => {
  const sizeMs = bucketMs[granularity];
  return (
    startsMs ?? Array.from({ length: Math.ceil((toMs - fromMs) / sizeMs) }, (_, n) => fromMs + n * sizeMs)
  );
};

/** ClickHouse's text form of an instant, in seconds. */
export const clickHouseSecond = (ms: number): string =>
  new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
