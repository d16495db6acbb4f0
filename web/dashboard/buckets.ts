import type { components } from '../api/schema.d.ts';
import { type Granularity, type Period, startOfDay, startOfHour } from './question.ts';

export type RevenueRow = components['schemas']['Revenue']['items'][number];

const stepMs: Readonly<Record<'minute' | 'hour', number>> = { minute: 60_000, hour: 3_600_000 };
export const bucketsMax = 2_000;

/**
 * The starts of all buckets that a period touches, as the API cuts them: whole minutes, and hours and days of the zone. It
 * leaves out those in which nothing happened.
 */
export const startsOf = ({ from, to, granularity }: Period, tz: string): number[] => {
  const [fromMs, toMs] = [Date.parse(from), Date.parse(to)];
  const starts: number[] = [];
  for (let atMs = startIn[granularity](fromMs, tz); atMs < toMs && starts.length < bucketsMax; ) {
    starts.push(atMs);
    atMs = granularity === 'day' ? startOfDay(atMs + 12 * 3_600_000, tz, -1) : atMs + stepMs[granularity];
  }
  return starts;
};

const startIn: Readonly<Record<Granularity, (atMs: number, tz: string) => number>> = {
  minute: (atMs) => Math.floor(atMs / stepMs.minute) * stepMs.minute,
  hour: startOfHour,
  day: startOfDay,
};

/** The value of each bucket up to `asOf`: 0 where nothing happened, null where that is not known yet. */
export const filled = <Row extends { from: string }>(
  starts: readonly number[],
  rows: readonly Row[],
  amountIn: (row: Row) => number,
  asOfMs: number,
): (number | null)[] => {
  const byStart = new Map(rows.map((row) => [Date.parse(row.from), row]));
  return starts.map((start) => {
    const row = byStart.get(start);
    if (row !== undefined) return amountIn(row);
    return start < asOfMs ? 0 : null;
  });
};

/** One figure by another in each bucket: null where there is nothing to divide by, or one of them is not known yet. */
export const ratios = (
  values: readonly (number | null)[],
  by: readonly (number | null)[],
): (number | null)[] =>
  values.map((value, place) => {
    const divisor = by[place];
    return value === null || !divisor ? null : value / divisor;
  });

/** Whether the last bucket that has a figure is still growing. */
export const isPartial = (starts: readonly number[], asOfMs: number, period: Period): boolean => {
  const last = starts.filter((start) => start <= asOfMs).at(-1);
  return last !== undefined && asOfMs < Date.parse(period.to) && asOfMs < last + lengthOf(period.granularity);
};

const lengthOf = (granularity: Granularity): number =>
  granularity === 'day' ? 86_400_000 : stepMs[granularity];
