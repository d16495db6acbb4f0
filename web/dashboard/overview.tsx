import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useMemo } from 'react';
import { api } from '../api/client.ts';
import type { components } from '../api/schema.d.ts';
import { Button } from '../kit/button.tsx';
import { classes } from '../kit/classes.ts';
import { Delta } from '../kit/delta.tsx';
import { Skeleton } from '../kit/skeleton.tsx';
import { Spark } from '../kit/spark.tsx';
import { type Columns, TimeSeries } from '../kit/time-series.tsx';
import { type Asked, useAsked } from './asked.tsx';
import { filled, isPartial, ratios, startsOf } from './buckets.ts';
import { compact, count, exact, percent } from './formats.ts';
import { comparedOrdersMin, NotEnough } from './not-enough.tsx';
import { useOrdersOfAll } from './orders.ts';
import { type Answer, useOwn } from './own-answer.ts';
import { Panel } from './panel.tsx';
import { into, type Metric, type Period } from './question.ts';
import {
  isCut,
  isNarrow as isNarrowed,
  type RevenueRow,
  useCurrencies,
  useNarrowTotals,
  useRevenue,
  useVisits,
} from './revenue.ts';

type Overview = components['schemas']['Overview'];

const quietEveryMs = 10_000;
/** Sums of buckets cost the server next to nothing, so a running period is followed closely. */
const moneyEveryMs = 1_000;

/** Whether the period still grows, and so has to be asked again. */
const isRunning = ({ to }: Pick<Period, 'to'>): boolean => Date.parse(to) > Date.now();

/** The totals of the period and of the one before. */
export const useOverview = (period: { from: string; to: string }, tz: string, isOn = true) =>
  useQuery({
    queryKey: ['overview', period.from, period.to, tz],
    queryFn: async () =>
      (
        await api.GET('/api/analytics/overview', {
          params: { query: { from: period.from, to: period.to, tz } },
        })
      ).data as Overview,
    placeholderData: keepPreviousData,
    refetchInterval: isRunning(period) ? quietEveryMs : false,
    enabled: isOn,
  });

const grownByOrders = new Set(['overview', 'revenue', 'orders of all', 'top products', 'categories']);

/** Asks for the money again when orders have landed: at most once a second, which is how often `landed` changes. */
export const useRefreshAsOrdersLand = (landed: number, period: Period): void => {
  const cache = useQueryClient();
  const runs = isRunning(period);
  useEffect(() => {
    if (landed === 0 || !runs) return;
    // The period before has no new orders, and its answers stay.
    const predicate = ({ queryKey }: { queryKey: readonly unknown[] }): boolean =>
      grownByOrders.has(String(queryKey[0])) && JSON.stringify(queryKey).includes(period.to);
    const again = (): void => {
      void cache.invalidateQueries({ predicate, refetchType: 'active' }, { cancelRefetch: false });
    };
    again();
    // What has landed is in the table of sales a moment after it is on the stream.
    const later = setTimeout(again, 900);
    return () => clearTimeout(later);
  }, [landed, runs, cache, period.to]);
};

const titles: Readonly<Record<Metric, string>> = {
  net: 'Net revenue',
  orders: 'Orders',
  conversion: 'Conversion',
  average: 'Average order',
  visits: 'Visits',
  refunds: 'Refunds',
};

const isMoney = (metric: Metric): boolean => metric === 'net' || metric === 'refunds' || metric === 'average';

/** Null is what nobody has answered, or what cannot be said. */
type Totals = Record<Metric, number | null>;

/**
 * Money is the sum of the buckets on the chart; of the whole shop the overview has the traffic as well. Where one of the
 * two has failed, the other's figures stand.
 */
const totalsOf = (
  overview: Overview | undefined,
  rows: readonly RevenueRow[] | undefined,
  isNarrow: boolean,
): Totals => {
  const sum = (of: (row: RevenueRow) => number): number | null =>
    rows?.reduce((total, row) => total + of(row), 0) ?? null;
  const orders = sum((row) => row.orders);
  return {
    net: sum((row) => row.net),
    orders,
    refunds: sum((row) => row.refunds),
    average: orders ? (sum((row) => row.gross) ?? 0) / orders : null,
    conversion: isNarrow ? null : (overview?.traffic.conversionRate ?? null),
    visits: isNarrow ? null : (overview?.traffic.visits ?? null),
  };
};

/** Both end where a running period has come to; the buckets of a chart end only with the period. */
const beforeOf = (
  overview: Overview | undefined,
  rows: readonly RevenueRow[] | undefined,
  currency: string | undefined,
  isNarrow: boolean,
): Totals | undefined => {
  if (isNarrow) return rows && totalsOf(overview, rows, isNarrow);
  if (overview === undefined) return undefined;
  const own = overview.items.find((row) => row.currency === currency);
  return {
    net: own?.net ?? 0,
    orders: own?.orders ?? 0,
    refunds: own?.refunds ?? 0,
    average: own?.averageOrder ?? null,
    conversion: overview.traffic.conversionRate,
    visits: overview.traffic.visits,
  };
};

/** The answers that the tiles and the chart are made from, each of the question that is asked and no other. */
const useFigures = (asked: Asked) => {
  const { question, period, previous, currency } = asked;
  const { range, from, to, tz, category, product, compare } = question;
  const about = JSON.stringify([range, from, to, tz, category, product]);
  const isNarrow = isNarrowed(question);
  const everyMs = isRunning(period) ? quietEveryMs : false;
  const totalsThen = { from: previous.from, to: previous.totalsTo };
  const now = useOwn(useOverview(period, tz), about);
  const then = useOwn(useOverview(totalsThen, tz, compare), about);
  const revenue = useOwn(useRevenue(asked, period, isRunning(period) ? moneyEveryMs : false), about);
  const before = useOwn(useRevenue(asked, previous, false, compare), about);
  const narrowThen = useOwn(useNarrowTotals(asked, totalsThen, compare), about);
  const visits = useOwn(useVisits(asked, period, everyMs, !isNarrow), about);
  const visitsBefore = useOwn(useVisits(asked, previous, false, compare && !isNarrow), about);
  const sold = [
    ...(useCurrencies(question, period) ?? []),
    ...(then.data?.items ?? []).map((row) => row.currency),
  ];
  const isOfSeveral = !isNarrow && sold.some((each) => each !== currency);
  const ordersOfAll = useOwn(useOrdersOfAll(asked, period, everyMs, isOfSeveral), about);
  const ordersOfAllBefore = useOwn(useOrdersOfAll(asked, previous, false, isOfSeveral && compare), about);
  const orders = isOfSeveral ? ordersOfAll : revenue;
  const ordersBefore = isOfSeveral ? ordersOfAllBefore : before;
  return { now, then, narrowThen, revenue, before, visits, visitsBefore, orders, ordersBefore };
};

type InBuckets<Row> = Answer<{ items: Row[]; asOf: string; lagMs: number }>;

/** What the buckets of a period are made from. Visits and their orders are of all currencies. */
type Bucketed = {
  money: InBuckets<RevenueRow>;
  visits: InBuckets<{ from: string; visits: number }>;
  orders: InBuckets<{ from: string; orders: number }>;
};

/** The figure of each bucket; undefined while it is not answered. */
const valuesOf = (
  metric: Metric,
  starts: readonly number[],
  { money, visits, orders }: Bucketed,
): (number | null)[] | undefined => {
  const of = <Row extends { from: string }>({ data }: InBuckets<Row>, amountIn: (row: Row) => number) =>
    data && filled(starts, data.items, amountIn, Date.parse(data.asOf));
  const ratio = (values: ReturnType<typeof filled> | undefined, by: typeof values) =>
    values && by && ratios(values, by);
  const seen = of(visits, (row) => row.visits);
  if (metric === 'visits') return seen;
  if (metric === 'conversion')
    return ratio(
      of(orders, (row) => row.orders),
      seen,
    );
  if (metric === 'average')
    return ratio(
      of(money, (row) => row.gross),
      of(money, (row) => row.orders),
    );
  return of(money, (row) => row[metric]);
};

export const OverviewPanels = () => {
  const asked = useAsked();
  const { question, period, previous, currency, ask } = asked;
  const isNarrow = isNarrowed(question);
  const { now, then, narrowThen, revenue, before, visits, visitsBefore, orders, ordersBefore } =
    useFigures(asked);
  const totals = totalsOf(now.data, revenue.data?.items, isNarrow);
  const totalsThen = question.compare ? beforeOf(then.data, narrowThen.data, currency, isNarrow) : undefined;
  const starts = useMemo(() => startsOf(period, question.tz), [period, question.tz]);
  const startsThen = useMemo(() => startsOf(previous, question.tz), [previous, question.tz]);
  const metrics = (Object.keys(titles) as Metric[]).filter(
    (metric) => !(isNarrow && (metric === 'conversion' || metric === 'visits')),
  );
  const chosen = metrics.includes(question.metric) ? question.metric : 'net';
  // A conversion is as old as its money, and waits for whichever is missing.
  const missing = [visits, orders].find(({ data }) => data === undefined);
  const ofChart =
    chosen === 'visits' ? visits : chosen === 'conversion' && missing !== undefined ? missing : revenue;
  const running = { money: revenue, visits, orders };
  const earlier = { money: before, visits: visitsBefore, orders: ordersBefore };
  return (
    <>
      <div className="grid grid-cols-2 gap-3 md:grid-cols-3 xl:grid-cols-6">
        {metrics.map((metric) => (
          <Tile
            key={metric}
            metric={metric}
            isChosen={metric === chosen}
            totals={(isOfVisits(metric) ? now : revenue).isPending ? undefined : totals}
            before={totalsThen}
            currency={currency}
            spark={valuesOf(metric, starts, running) ?? []}
            isSoFar={isRunning(period)}
            onPick={() => ask({ metric })}
          />
        ))}
      </div>
      {!isNarrow && now.data === undefined && now.error !== null && (
        <p
          role="alert"
          className="flex flex-wrap items-center gap-x-3 rounded-xl border border-line bg-bad-wash px-4 py-2 text-sm"
        >
          Visits and conversion were not answered.
          <Button look="quiet" size="small" onClick={() => void now.refetch()}>
            Try again
          </Button>
        </p>
      )}
      {isCut(revenue.data, before.data, visits.data, visitsBefore.data) && <SomeAreMissing />}
      <MetricChart
        metric={chosen}
        answer={ofChart}
        starts={starts}
        values={valuesOf(chosen, starts, running)}
        before={question.compare ? unlessNothing(valuesOf(chosen, startsThen, earlier)) : undefined}
      />
    </>
  );
};

const SomeAreMissing = () => (
  <p role="alert" className="rounded-xl border border-line bg-warn-wash px-4 py-2 text-sm">
    This time has more figures than one answer holds, so some are missing here and in the totals. Choose a
    shorter time.
  </p>
);

/** A line of nothing but zeros is no comparison. */
const unlessNothing = (values: (number | null)[] | undefined) =>
  values?.some((value) => value !== null && value !== 0) ? values : undefined;

const figureOf = (metric: Metric, totals: Totals | undefined, currency: string | undefined): string => {
  if (totals === undefined) return '–';
  const value = totals[metric];
  if (value === null) return '–';
  if (metric === 'conversion') return percent(value);
  return isMoney(metric) ? exact(value, currency) : count(value);
};

/** Below these a single order moves the percentage by more than the business does. */
const comparedVisitsMin = 100;

const isOfVisits = (metric: Metric): boolean => metric === 'visits' || metric === 'conversion';

const isEnough = (metric: Metric, now: Totals | undefined, before: Totals | undefined): boolean => {
  if (!isOfVisits(metric)) return (before?.orders ?? 0) >= comparedOrdersMin;
  const visits = metric === 'conversion' ? [now?.visits, before?.visits] : [before?.visits];
  return visits.every((each) => (each ?? 0) >= comparedVisitsMin);
};

const Tile = ({
  metric,
  isChosen,
  totals,
  before,
  currency,
  spark,
  isSoFar,
  onPick,
}: {
  metric: Metric;
  isChosen: boolean;
  totals: Totals | undefined;
  before: Totals | undefined;
  currency: string | undefined;
  spark: readonly (number | null)[];
  isSoFar: boolean;
  onPick(): void;
}) => {
  const [now, then] = [totals?.[metric], before?.[metric]];
  return (
    <button
      type="button"
      aria-pressed={isChosen}
      onClick={onPick}
      className={classes(
        'flex min-h-32 min-w-0 flex-col rounded-xl border bg-surface p-4 text-left hover:border-line-strong',
        isChosen ? 'border-action ring-1 ring-action' : 'border-line',
      )}
    >
      <span className="text-ink-soft text-sm">
        {titles[metric]}
        {isSoFar && <span className="text-xs"> so far</span>}
      </span>
      {totals === undefined ? (
        <Skeleton className="mt-1 h-8 w-24" />
      ) : (
        <span className="tabular font-semibold text-2xl" data-testid={`tile-${metric}`}>
          {figureOf(metric, totals, currency)}
        </span>
      )}
      <span className="flex min-h-5 flex-wrap items-baseline gap-x-2">
        {now != null &&
          before !== undefined &&
          !(isMoney(metric) && currency === undefined) &&
          (then != null && isEnough(metric, totals, before) ? (
            <>
              <Delta
                now={now}
                before={then}
                unit={metric === 'conversion' ? 'points' : 'percent'}
                isRiseGood={metric !== 'refunds'}
              />
              <span className="tabular text-ink-soft text-xs">from {figureOf(metric, before, currency)}</span>
            </>
          ) : (
            <NotEnough>
              {isOfVisits(metric)
                ? `Changes are shown from ${comparedVisitsMin} visits on.`
                : `Changes are shown from ${comparedOrdersMin} orders in the period before on.`}
            </NotEnough>
          ))}
      </span>
      <Spark values={spark} className="mt-auto h-7 w-full" />
    </button>
  );
};

const MetricChart = ({
  metric,
  answer,
  starts,
  values,
  before,
}: {
  metric: Metric;
  answer: Parameters<typeof Panel>[0]['answer'];
  starts: readonly number[];
  values: (number | null)[] | undefined;
  before: (number | null)[] | undefined;
}) => {
  const { question, period, currency, ask, isTable } = useAsked();
  const format = (value: number): string =>
    isMoney(metric) ? exact(value, currency) : metric === 'conversion' ? percent(value) : count(value);
  const formatAxis = (value: number): string =>
    isMoney(metric) ? compact(value, currency) : metric === 'conversion' ? percent(value) : count(value);
  const asOfMs = Date.parse(answer.data?.asOf ?? '');
  const partial = !Number.isNaN(asOfMs) && isPartial(starts, asOfMs, period);
  const growingAt = partial ? starts.findLastIndex((ms) => ms <= asOfMs) : undefined;
  const columns = useMemo((): Columns => {
    const times = starts.map((ms) => ms / 1000);
    const now = values ?? starts.map(() => null);
    // The bucket that still grows is joined by a line of its own.
    const whole = growingAt === undefined ? now : now.map((value, at) => (at >= growingAt ? null : value));
    const growing = now.map((value, at) =>
      growingAt !== undefined && at >= growingAt - 1 && at <= growingAt ? value : null,
    );
    return [
      times,
      ...(before === undefined ? [] : [starts.map((_, at) => before[at] ?? null)]),
      whole,
      growing,
    ];
  }, [starts, values, before, growingAt]);
  const title = titles[metric];
  const series = [
    ...(before === undefined ? [] : [{ name: 'before', colour: 'series-before', look: 'before' as const }]),
    { name: title, colour: 'series-1', look: 'line' as const },
    { name: 'so far', colour: 'series-1', look: 'growing' as const },
  ];
  return (
    <Panel
      title={`${title} by ${period.granularity}`}
      answer={answer}
      isTable={isTable}
      isEmpty={
        values !== undefined && unlessNothing(values) === undefined && unlessNothing(before) === undefined
      }
      empty={
        asOfMs > (starts[0] ?? 0)
          ? 'Nothing in this period.'
          : 'Not known yet: the figures are complete only to a time before this period.'
      }
      aside={
        <span className="text-ink-soft text-xs">
          {question.tz}
          {before !== undefined && ' · dotted: the period before'}
          {partial && ' · dashed: so far'}
        </span>
      }
      csv={() => ({
        columns: [
          `from (UTC)`,
          'zone',
          isMoney(metric) ? `${title}, minor units ${currency ?? ''}` : title,
          ...(before === undefined ? [] : ['before']),
        ],
        rows: starts.map((ms, at) => [
          new Date(ms).toISOString(),
          question.tz,
          values?.[at] ?? null,
          ...(before === undefined ? [] : [before[at] ?? null]),
        ]),
      })}
    >
      <TimeSeries
        columns={columns}
        series={series}
        height={280}
        zone={question.tz}
        format={format}
        formatAxis={formatAxis}
        incompleteFrom={
          growingAt === undefined || growingAt === 0 ? undefined : (starts[growingAt - 1] as number) / 1000
        }
        summary={`${title} by ${period.granularity}, ${starts.length} points.`}
        onPick={(fromS) => {
          if (period.granularity !== 'minute') ask(into(question, fromS * 1000, period.granularity));
        }}
      />
    </Panel>
  );
};
