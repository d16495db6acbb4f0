export const granularities = ['minute', 'hour', 'day'] as const;

export type Granularity = (typeof granularities)[number];

/** Milliseconds since the epoch; `fromMs` inclusive, `toMs` exclusive. */
export type Period = { fromMs: number; toMs: number };

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

export const bucketMs: Record<Granularity, number> = { minute: minuteMs, hour: hourMs, day: dayMs };

/** What is shown when the caller names no start. */
const defaultSpanMs: Record<Granularity, number> = { minute: hourMs, hour: dayMs, day: 30 * dayMs };

/** Most buckets an answer may have: a week of minutes, more than a year of hours. */
export const bucketsMax = 10_080;

/** Times outside of these are refused: ClickHouse's `DateTime` holds 1970 to 2106. */
export const earliestMs = 0;
export const latestMs = Date.parse('2100-01-01T00:00:00Z');

export type PeriodRefusal = 'not_before_to' | 'too_many_buckets' | 'out_of_range';

/**
 * The whole buckets that the asked times touch: `from` is rounded down, `to` up. Days and hours are UTC. `nowMs` is the
 * end when none is asked for.
 */
export const periodOf = (
  asked: { fromMs?: number | undefined; toMs?: number | undefined },
  granularity: Granularity,
  nowMs: number,
): Period | { refused: PeriodRefusal } => {
  const size = bucketMs[granularity];
  const toMs = Math.ceil((asked.toMs ?? nowMs) / size) * size;
  const fromMs =
    Math.floor((asked.fromMs ?? (asked.toMs ?? nowMs) - defaultSpanMs[granularity]) / size) * size;
  if (fromMs < earliestMs || toMs > latestMs) return { refused: 'out_of_range' };
  if (fromMs >= toMs) return { refused: 'not_before_to' };
  if ((toMs - fromMs) / size > bucketsMax) return { refused: 'too_many_buckets' };
  return { fromMs, toMs };
};

/** The finest granularity of which the asked times touch `bucketsMax` buckets at most; days where none is. */
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
