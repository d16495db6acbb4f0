/**
 * Intervals and p-values that hold at every look, so that an experiment may be watched and ended at any time: the mixture
 * sequential probability ratio test with a normal prior (Robbins 1970; Johari, Koomen, Pekelis and Walsh, "Always valid
 * inference", Operations Research 2022), with variances that are estimated (asymptotic confidence sequences:
 * Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, Annals of Statistics 2024). For an estimate d of variance V and the
 * prior N(0, t^2) of the effect:
 *
 *     ratio L = sqrt(V / (V + t^2)) exp(t^2 d^2 / (2 V (V + t^2))),   p = min(1, 1 / L)
 *     interval = d -+ sqrt(V (V + t^2) / t^2 (2 ln(1 / alpha) + ln((V + t^2) / V)))
 *
 * The probability that the interval of no effect ever leaves out 0 is at most alpha, however often somebody looks. The
 * price: it is about half as wide again as an interval for one look.
 */

/** What is known of a number that each visitor has: how many visitors, the sum, and the sum of squares. */
export type Sums = { visitors: number; sum: number; squares: number };

export type Estimate = { value: number; low: number; high: number };
export type Difference = Estimate & {
  /** The difference as a share of the mean that it is compared with; null where that is 0. */
  lift: number | null;
  pValue: number;
};

/** Effects of about a tenth of a standard deviation are found with the fewest visitors. */
const priorInDeviations = 0.1;

export const meanOf = ({ visitors, sum }: Sums): number => (visitors === 0 ? 0 : sum / visitors);

const varianceOf = (sums: Sums): number => {
  const { visitors, squares } = sums;
  if (visitors < 2) return 0;
  return Math.max(0, (squares - visitors * meanOf(sums) ** 2) / (visitors - 1));
};

const halfWidth = (variance: number, prior: number, alpha: number): number =>
  Math.sqrt(
    ((variance * (variance + prior)) / prior) *
      (2 * Math.log(1 / alpha) + Math.log((variance + prior) / variance)),
  );

/** The mean with its interval; null before two different visitors were seen. */
export const meanWithin = (sums: Sums, alpha: number): Estimate | null => {
  const variance = varianceOf(sums);
  if (variance === 0) return null;
  const value = meanOf(sums);
  const half = halfWidth(variance / sums.visitors, variance * priorInDeviations ** 2, alpha);
  return { value, low: value - half, high: value + half };
};

/** By how much the mean of `of` is above that of `control`; null while one of them has no two different visitors. */
export const differenceBetween = (control: Sums, of: Sums, alpha: number): Difference | null => {
  const [a, b] = [varianceOf(control), varianceOf(of)];
  if (control.visitors < 2 || of.visitors < 2 || a + b === 0) return null;
  const variance = a / control.visitors + b / of.visitors;
  const prior = ((a + b) / 2) * priorInDeviations ** 2;
  const value = meanOf(of) - meanOf(control);
  const half = halfWidth(variance, prior, alpha);
  return {
    value,
    low: value - half,
    high: value + half,
    lift: meanOf(control) === 0 ? null : value / meanOf(control),
    pValue: pValueOf(value, variance, prior),
  };
};

/** How far a mean is from 0, which it is where there is no effect; null before two different visitors were seen. */
export const differenceFromNone = (sums: Sums, alpha: number): (Estimate & { pValue: number }) | null => {
  const found = meanWithin(sums, alpha);
  if (found === null) return null;
  const deviation = varianceOf(sums);
  const [variance, prior] = [deviation / sums.visitors, deviation * priorInDeviations ** 2];
  return { ...found, pValue: pValueOf(found.value, variance, prior) };
};

const pValueOf = (value: number, variance: number, prior: number): number =>
  Math.min(
    1,
    Math.exp(
      Math.log((variance + prior) / variance) / 2 -
        (prior * value ** 2) / (2 * variance * (variance + prior)),
    ),
  );

/**
 * The probability that chance alone divides the visitors as unequally as this, or more: Pearson's chi-squared, by the
 * approximation of Wilson and Hilferty (1931). 1 with fewer than two arms.
 */
export const shareProbability = (visitors: readonly number[], shares: readonly number[]): number => {
  const taking = visitors.flatMap((count, arm) =>
    (shares[arm] ?? 0) > 0 ? [{ count, share: shares[arm] as number }] : [],
  );
  const all = taking.reduce((sum, { count }) => sum + count, 0);
  const whole = taking.reduce((sum, { share }) => sum + share, 0);
  const freedom = taking.length - 1;
  if (freedom < 1 || all === 0) return 1;
  const distance = taking.reduce((sum, { count, share }) => {
    const expected = (all * share) / whole;
    return sum + (count - expected) ** 2 / expected;
  }, 0);
  const spread = 2 / (9 * freedom);
  return upperTail((Math.cbrt(distance / freedom) - (1 - spread)) / Math.sqrt(spread));
};

/** P(Z > z) of the standard normal (Abramowitz and Stegun 26.2.17; the error is below 1e-7). */
const upperTail = (z: number): number => {
  if (z < 0) return 1 - upperTail(-z);
  const t = 1 / (1 + 0.2316419 * z);
  const series =
    t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * series;
};
