import {
  type Difference,
  differenceBetween,
  differenceFromNone,
  type Estimate,
  meanOf,
  meanWithin,
  type Sums,
  shareProbability,
} from '#platform/statistics/always-valid';
import {
  type Arm,
  bucketInSql,
  bucketsOf,
  codeOf,
  type Experiment,
  type ExperimentMetric,
  experimentMetrics,
} from '#schemas/experiments';
import { teamInSql } from '#schemas/interleaving';
import { labelInSql } from '#schemas/recommendation-label';
import type { Period } from './period.js';
import { isInTime, periodParams, type Query, reachEnd } from './question.js';

/** What became of the visitors of one arm. */
export type ArmCounts = {
  arm: number;
  visitors: number;
  lists: number;
  shown: number;
  clicks: number;
  clicked: number;
  additions: number;
  added: number;
  orders: number;
  ordered: number;
  units: number;
  returned: number;
  /** By currency, each at the same index: how many visitors spent in it, what they spent, and the sum of the squares. */
  currencies: string[];
  buyers: number[];
  amounts: number[];
  squares: number[];
};

/** In sum over all looks and comparisons, at most this share of experiments without a difference reports one. */
export const alpha = 0.05;
/** Before that, an arm is too small for intervals that rest on averages. */
const visitorsMin = 100;
const eventsMin = 10;
const unequalAt = 0.001;

const label = labelInSql('recommendation_id');

/** Who was shown a list of the experiment, in which arm, and since when. */
const visitorsOf = (unit: string): string => `visitors AS (
    SELECT unit, arm, min(at) AS since, count() AS shown, uniqExact(list) AS lists
    FROM (
      SELECT ${unit} AS unit, toUInt8(${label.arm}) AS arm, occurred_at AS at, recommendation_id AS list
      FROM shopper_activity
      WHERE type = 'recommendation_shown' AND ${isInTime('occurred_at')}
        AND ${label.experiment} = {code:UInt16} AND unit != ''
    )
    WHERE ${bucketInSql('unit')} >= arrayElement({froms:Array(UInt16)}, arm + 1)
      AND ${bucketInSql('unit')} < arrayElement({tos:Array(UInt16)}, arm + 1)
    GROUP BY unit, arm
  )`;

const inReach = isInTime('occurred_at', reachEnd);
const ofVisitor = 'e.at >= v.since AND e.at <= v.since + toIntervalMillisecond({windowMs:UInt64})';
const unitOf = ({ unit }: Experiment): string => (unit === 'visit' ? 'visit_id' : "ifNull(user_id, '')");
const paramsOf = (experiment: Experiment, period: Period, windowMs: number) => ({
  ...periodParams(period),
  windowMs,
  experimentId: experiment.id,
  code: codeOf(experiment.id),
  froms: bucketsOf(experiment).map(({ from }) => from),
  tos: bucketsOf(experiment).map(({ to }) => to),
});

/** Of whose arm visitors clicked more products, where lists mix those of both arms. */
export type TeamCounts = { visitors: number; first: number; second: number };

export const teamsQuery = (experiment: Experiment, period: Period, windowMs: number): Query => ({
  sql: `
  WITH ${visitorsOf(unitOf(experiment))},
  clicks AS (
    SELECT unit, countIf(team = 0) AS firsts, countIf(team = 1) AS seconds
    FROM visitors AS v
    INNER JOIN (
      SELECT ${unitOf(experiment)} AS unit, occurred_at AS at,
        ${teamInSql("ifNull(recommendation_id, '')", 'toUInt32(ifNull(position, 0))')} AS team
      FROM shopper_activity
      WHERE ${inReach} AND unit IN (SELECT unit FROM visitors) AND type = 'recommendation_clicked'
        AND position IS NOT NULL AND ${label.experiment} = {code:UInt16}
    ) AS e USING (unit)
    WHERE ${ofVisitor}
    GROUP BY unit
  )
  SELECT count() AS visitors, countIf(firsts > seconds) AS first, countIf(seconds > firsts) AS second
  FROM visitors LEFT JOIN clicks USING (unit)`,
  params: paramsOf(experiment, period, windowMs),
});

/**
 * A row for each arm. A visitor counts from the first list of the experiment that he was shown, for the arm that his hash
 * gives him. An order is the visitor's when it was placed in the visit (`X-Visit-Id`), or, where accounts are compared, by
 * the account, within the window from the first list.
 */
export const armsQuery = (experiment: Experiment, period: Period, windowMs: number): Query => {
  const isByVisit = experiment.unit === 'visit';
  const unit = unitOf(experiment);
  const orders = isByVisit
    ? `SELECT JSONExtractString(payload, 'visitId') AS unit, key AS order_id, min(occurred_at) AS at
        FROM domain_events WHERE topic = 'orders' AND type = 'OrderPlaced' AND ${inReach} AND unit IN (SELECT unit FROM visitors)
        GROUP BY unit, order_id`
    : `SELECT ifNull(user_id, '') AS unit, order_id, min(occurred_at) AS at
        FROM sales WHERE kind = 'sale' AND ${inReach} AND unit IN (SELECT unit FROM visitors) GROUP BY unit, order_id`;
  return {
    sql: `
  WITH ${visitorsOf(unit)},
  events AS (
    SELECT unit, countIf(e.type = 'recommendation_clicked') AS clicks, countIf(e.type = 'product_added') AS additions
    FROM visitors AS v
    INNER JOIN (
      SELECT ${unit} AS unit, type, occurred_at AS at FROM shopper_activity
      WHERE ${inReach} AND unit IN (SELECT unit FROM visitors)
        AND (type = 'product_added' OR (type = 'recommendation_clicked' AND ${label.experiment} = {code:UInt16}))
    ) AS e USING (unit)
    WHERE ${ofVisitor}
    GROUP BY unit
  ),
  lines AS (
    SELECT order_id, toString(currency) AS currency, sumIf(quantity, kind = 'sale') AS units,
      -sumIf(quantity, kind = 'refund') AS returned, sumIf(amount_minor, kind = 'sale') AS amount
    FROM sales WHERE order_id IN (SELECT order_id FROM orders)
    GROUP BY order_id, currency HAVING units > 0
  ),
  orders AS (
    SELECT e.unit AS unit, e.order_id AS order_id FROM (${orders}) AS e
    INNER JOIN visitors AS v USING (unit) WHERE ${ofVisitor}
  ),
  bought AS (
    SELECT unit, uniqExact(order_id) AS orders, sum(units) AS units, sum(returned) AS returned,
      sumMap(map(currency, toInt64(amount))) AS spent
    FROM orders INNER JOIN lines USING (order_id) GROUP BY unit
  )
  SELECT arm, count() AS visitors, sum(v.lists) AS lists, sum(v.shown) AS shown,
    sum(events.clicks) AS clicks, countIf(events.clicks > 0) AS clicked,
    sum(events.additions) AS additions, countIf(events.additions > 0) AS added,
    sum(bought.orders) AS orders, countIf(bought.orders > 0) AS ordered,
    sum(bought.units) AS units, sum(bought.returned) AS returned,
    mapKeys(sumMap(bought.spent) AS spent) AS currencies, mapValues(spent) AS amounts,
    mapValues(sumMap(mapApply((k, x) -> (k, toUInt64(1)), bought.spent))) AS buyers,
    mapValues(sumMap(mapApply((k, x) -> (k, toFloat64(x) * x), bought.spent))) AS squares
  FROM visitors AS v
  LEFT JOIN events USING (unit)
  LEFT JOIN bought USING (unit)
  GROUP BY arm ORDER BY arm`,
    params: paramsOf(experiment, period, windowMs),
  };
};

const noCounts = (arm: number): ArmCounts => ({
  arm,
  visitors: 0,
  lists: 0,
  shown: 0,
  clicks: 0,
  clicked: 0,
  additions: 0,
  added: 0,
  orders: 0,
  ordered: 0,
  units: 0,
  returned: 0,
  currencies: [],
  buyers: [],
  amounts: [],
  squares: [],
});

/** The currency in which most visitors of all arms spent; others are not compared. */
const currencyOf = (arms: readonly ArmCounts[]): string | null => {
  const buyers = new Map<string, number>();
  for (const { currencies, buyers: counts } of arms)
    for (const [nth, currency] of currencies.entries())
      buyers.set(currency, (buyers.get(currency) ?? 0) + (counts[nth] ?? 0));
  return [...buyers].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))[0]?.[0] ?? null;
};

const sumsOf = (counts: ArmCounts, metric: ExperimentMetric, currency: string | null): Sums => {
  const { visitors } = counts;
  if (metric !== 'revenue') return { visitors, sum: counts[metric], squares: counts[metric] };
  const nth = currency === null ? -1 : counts.currencies.indexOf(currency);
  return { visitors, sum: counts.amounts[nth] ?? 0, squares: counts.squares[nth] ?? 0 };
};

type Measured = { metric: ExperimentMetric; mean: Estimate | null; againstFirst: Difference | null };

export type ArmResult = Arm &
  Omit<ArmCounts, 'currencies' | 'buyers' | 'amounts' | 'squares'> & {
    revenue: { amountMinor: number; currency: string }[];
    measured: Measured[];
  };

/** How many visitors clicked more products of the one arm, and of the other. */
export type Preference = {
  first: number;
  second: number;
  /** Visitors who prefer the second arm less those who prefer the first, as a share of all. */
  difference: (Estimate & { pValue: number }) | null;
};

export type ExperimentResult = {
  /** Null where each visitor sees one arm. */
  preference: Preference | null;
  currency: string | null;
  arms: ArmResult[];
  /** How probable it is that chance alone divides the visitors as they are. */
  shareProbability: number;
  verdict: string;
};

export const resultOf = (
  experiment: Experiment,
  rows: readonly ArmCounts[],
  teams: TeamCounts | null = null,
): ExperimentResult => {
  const counts = experiment.arms.map((_, arm) => rows.find((row) => row.arm === arm) ?? noCounts(arm));
  const currency = currencyOf(counts);
  const [first] = counts;
  const perComparison = alpha / (counts.length - 1);
  const arms = counts.map((of, nth): ArmResult => {
    const { currencies, buyers: _, amounts, squares: __, ...plain } = of;
    const measured = experimentMetrics.map((metric): Measured => {
      const sums = sumsOf(of, metric, currency);
      const control = sumsOf(first ?? of, metric, currency);
      return {
        metric,
        mean: meanWithin(sums, alpha),
        againstFirst: nth === 0 ? null : differenceBetween(control, sums, perComparison),
      };
    });
    const revenue = currencies.map((code, at) => ({ amountMinor: amounts[at] ?? 0, currency: code }));
    return { ...(experiment.arms[nth] as Arm), ...plain, revenue, measured };
  });
  const probability = shareProbability(
    counts.map(({ visitors }) => visitors),
    experiment.arms.map(({ percent }) => percent),
  );
  const preference = teams === null ? null : preferenceOf(teams);
  return {
    preference,
    currency,
    arms,
    shareProbability: probability,
    verdict:
      preference === null
        ? verdictOf(experiment, { arms, counts, currency, probability })
        : verdictOfPreference(experiment, preference),
  };
};

const preferenceOf = ({ visitors, first, second }: TeamCounts): Preference => ({
  first,
  second,
  // A visitor counts once, however much he clicks.
  difference: differenceFromNone({ visitors, sum: second - first, squares: first + second }, alpha),
});

const verdictOfPreference = (
  { arms: [first, second], unit }: Experiment,
  { first: firsts, second: seconds, difference }: Preference,
): string => {
  if (difference === null || firsts + seconds < 2 * eventsMin)
    return `Too early to say: at least ${2 * eventsMin} ${unit}s must have clicked more of one arm than of the other.`;
  const counted = `${seconds} ${unit}s clicked more products of “${second?.name}”, ${firsts} more of “${first?.name}”`;
  if (difference.low > 0) return `“${second?.name}” is preferred: ${counted}.`;
  if (difference.high < 0) return `“${first?.name}” is preferred: ${counted}.`;
  return `No preference is proven: ${counted}.`;
};

const does: Record<ExperimentMetric, string> = {
  clicked: 'visitors who click on a recommendation',
  added: 'visitors who put something in the cart',
  ordered: 'visitors who order',
  revenue: 'revenue per visitor',
};

type Weighed = {
  arms: readonly ArmResult[];
  counts: readonly ArmCounts[];
  currency: string | null;
  probability: number;
};

/** What the figures say so far, in a sentence or two. */
const verdictOf = (
  { metric, unit }: Experiment,
  { arms, counts, currency, probability }: Weighed,
): string => {
  const what = does[metric];
  const [first, ...others] = arms;
  if (first === undefined) return 'There are no arms.';
  if (probability < unequalAt)
    return `Do not trust these figures: the arms did not receive their shares of the ${unit}s, which chance does once in ${Math.round(1 / Math.max(probability, 1e-12))} times.`;
  const isEarly = counts.some((of) => {
    const happened = metric === 'revenue' ? of.ordered : of[metric];
    return of.visitors > 0 && (of.visitors < visitorsMin || happened < eventsMin);
  });
  if (isEarly || counts.filter(({ visitors }) => visitors > 0).length < 2)
    return `Too early to say: each arm needs at least ${visitorsMin} ${unit}s and ${eventsMin} to whom it happened.`;
  const sentences = others.flatMap((arm) => {
    const difference = arm.measured.find((of) => of.metric === metric)?.againstFirst;
    if (difference == null) return [];
    const { low, high, lift } = difference;
    const control = meanOf(sumsOf(counts[0] as ArmCounts, metric, currency));
    const share = (value: number) => `${signed(Math.round((1000 * value) / control) / 10)} %`;
    const range = control === 0 ? '' : ` (${share(low)} to ${share(high)})`;
    const by = lift === null ? '' : ` by ${share(lift * control)}`;
    if (low > 0) return [`“${arm.name}” has more ${what} than “${first.name}”${by}${range}.`];
    if (high < 0) return [`“${arm.name}” has fewer ${what} than “${first.name}”${by}${range}.`];
    return [`No difference between “${arm.name}” and “${first.name}” is proven in ${what}${range}.`];
  });
  return sentences.join(' ');
};

const signed = (percent: number): string =>
  `${percent > 0 ? '+' : percent < 0 ? '−' : ''}${Math.abs(percent)}`;
