/** What is computed from measured samples. */

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
};

/** Nearest-rank percentile of unsorted samples; `share` is 0 to 1. NaN of none. */
export const percentile = (samples: readonly number[], share: number): number =>
  [...samples].sort((a, b) => a - b)[Math.max(0, Math.ceil(samples.length * share) - 1)] ?? Number.NaN;

export type Spread = { median: number; lowest: number; highest: number };

export const spreadOf = (values: readonly number[]): Spread => ({
  median: values.length === 0 ? Number.NaN : median(values),
  lowest: Math.min(...values),
  highest: Math.max(...values),
});

/** The median, with the lowest and the highest in parentheses. */
export const shownSpread = ({ median: middle, lowest, highest }: Spread, digits: number): string =>
  `${middle.toFixed(digits)} (${lowest.toFixed(digits)}–${highest.toFixed(digits)})`;

/** The median of the ratios of values of the same round, so that what disturbs a round disturbs both sides. */
export const pairedRatio = (values: readonly number[], others: readonly number[]): Spread =>
  spreadOf(values.flatMap((value, round) => (others[round] ? [value / others[round]] : [])));

export type Point = { x: number; y: number };

/**
 * The slope of the line of least squares, in units of `y` for each unit of `x`; NaN where there are not two different
 * `x`.
 */
export const slopeOf = (points: readonly Point[]): number => {
  const meanX = points.reduce((sum, { x }) => sum + x, 0) / points.length;
  const meanY = points.reduce((sum, { y }) => sum + y, 0) / points.length;
  const spreadX = points.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0);
  if (!(spreadX > 0)) return Number.NaN;
  return points.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0) / spreadX;
};

/**
 * When the requests of an open loop are due, from its beginning: at equal distances for `durationMs`, whatever the
 * answers do.
 */
export const dueAtMs = (perSecond: number, durationMs: number): number[] =>
  Array.from({ length: Math.floor((perSecond * durationMs) / 1000) }, (_, n) => (n * 1000) / perSecond);
