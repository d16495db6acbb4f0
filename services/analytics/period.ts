export const granularities = ['minute', 'hour', 'day'] as const;

export type Granularity = (typeof granularities)[number];

/** Milliseconds since the epoch; `fromMs` inclusive, `toMs` exclusive. */
export type Period = { fromMs: number; toMs: number };

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

export const bucketMs: Record<Granularity, number> = { minute: minuteMs, hour: hourMs, day: dayMs };

/** The length of the period when the caller gives no start. */
const defaultSpanMs: Record<Granularity, number> = { minute: hourMs, hour: dayMs, day: 30 * dayMs };

/** The most buckets of an answer: a week of minutes, more than a year of hours. */
export const bucketsMax = 10_080;

/** Times outside of these are refused: ClickHouse's `DateTime` holds 1970 to 2106. */
export const earliestMs = 0;
export const latestMs = Date.parse('2100-01-01T00:00:00Z');

export type PeriodRefusal = 'not_before_to' | 'not_before_now' | 'too_many_buckets' | 'out_of_range';

export type RefusedPeriod = { refused: PeriodRefusal; parameter: 'from' | 'to' };

/**
 * The whole buckets that the requested times touch: `from` is rounded down, `to` up. Days and hours are UTC. `nowMs` is
 * the end if the request has none. `from` has to be before `to` before they are rounded.
 */
export const periodOf = (
  asked: { fromMs?: number | undefined; toMs?: number | undefined },
  granularity: Granularity,
  nowMs: number,
): Period | RefusedPeriod => {
  const size = bucketMs[granularity];
  const endMs = asked.toMs ?? nowMs;
  const startMs = asked.fromMs ?? endMs - defaultSpanMs[granularity];
  if (isOutOfRange(asked.toMs)) return { refused: 'out_of_range', parameter: 'to' };
  if (isOutOfRange(asked.fromMs)) return { refused: 'out_of_range', parameter: 'from' };
  if (startMs >= endMs)
    return { refused: asked.toMs === undefined ? 'not_before_now' : 'not_before_to', parameter: 'from' };
  const toMs = Math.min(Math.ceil(endMs / size) * size, latestMs);
  const fromMs = Math.max(Math.floor(startMs / size) * size, earliestMs);
  if ((toMs - fromMs) / size > bucketsMax) return { refused: 'too_many_buckets', parameter: 'from' };
  return { fromMs, toMs };
};

const isOutOfRange = (ms: number | undefined): boolean =>
  ms !== undefined && (ms < earliestMs || ms > latestMs);

/** The finest granularity with which the requested times touch at most `bucketsMax` buckets; days if there is none. */
export const finestFor = (
  asked: { fromMs?: number | undefined; toMs?: number | undefined },
  nowMs: number,
): Granularity =>
  granularities.find((granularity) => {
    const period = periodOf(asked, granularity, nowMs);
    return !('refused' in period && period.refused === 'too_many_buckets');
  }) ?? 'day';

/** ClickHouse's text form of an instant, in seconds. */
export const clickHouseSecond = (ms: number): string =>
  new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
