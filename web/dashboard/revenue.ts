import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { api } from '../api/client.ts';
import type { Asked } from './asked.tsx';
import { ofProducts, underCategory } from './filters.ts';
import type { Period, Question } from './question.ts';

/** The money of a period in buckets, of one currency. */
export type RevenueRow = { from: string; orders: number; gross: number; refunds: number; net: number };
export type Revenue = Answered<RevenueRow>;

/** `truncated` is true where there are more rows than one answer holds: then no sum of these is the whole. */
type Answered<Row> = { items: Row[]; asOf: string; lagMs: number; truncated?: boolean };

/** As many as the API gives in one answer: each bucket has a row for each currency. */
const rowsMax = 10_000;

type RevenueOfAll = Answered<RevenueRow & { currency: string }>;

export const isNarrow = ({ category, product }: Question): boolean =>
  category !== undefined || product !== undefined;

/** Of one category or product; altogether where no granularity is given. */
const readNarrow = async (
  { tz, category, product }: Question,
  { from, to, granularity }: Pick<Period, 'from' | 'to'> & Partial<Pick<Period, 'granularity'>>,
): Promise<RevenueOfAll> => {
  const { data } = await api.POST('/api/analytics/query', {
    body: {
      measures: ['orders', 'gross', 'refunds', 'net'],
      dimensions: ['currency'],
      filters: [...underCategory(category), ...(product === undefined ? [] : ofProducts([product]))],
      ...(granularity === undefined ? {} : { granularity }),
      from,
      to,
      tz,
      limit: rowsMax,
    },
  });
  return data as unknown as RevenueOfAll;
};

/** The narrower question is for the model; the whole shop has a quicker answer. */
export const readRevenue = async (question: Question, period: Period): Promise<RevenueOfAll> => {
  if (isNarrow(question)) return await readNarrow(question, period);
  const { from, to, granularity } = period;
  const { data } = await api.GET('/api/analytics/revenue', {
    params: { query: { from, to, tz: question.tz, granularity } },
  });
  return data as RevenueOfAll;
};

const asking = (question: Question, period: Period) => ({
  queryKey: [
    'revenue',
    question.tz,
    question.category,
    question.product,
    period.from,
    period.to,
    period.granularity,
  ],
  queryFn: () => readRevenue(question, period),
  placeholderData: keepPreviousData<RevenueOfAll>,
});

export const useRevenue = (
  { question, currency }: Asked,
  period: Period,
  everyMs: number | false,
  isOn = true,
) =>
  useQuery({
    ...asking(question, period),
    select: (found): Revenue => ({ ...found, items: found.items.filter((row) => row.currency === currency) }),
    refetchInterval: everyMs,
    enabled: isOn,
  });

/** The money of one category or product altogether: a time may end within a bucket, of which buckets would have all. */
export const useNarrowTotals = (
  { question, currency }: Asked,
  { from, to }: { from: string; to: string },
  isOn: boolean,
) =>
  useQuery({
    queryKey: ['narrow totals', question.tz, question.category, question.product, from, to],
    queryFn: () => readNarrow(question, { from, to }),
    select: ({ items }) => items.filter((row) => row.currency === currency),
    placeholderData: keepPreviousData<RevenueOfAll>,
    enabled: isOn && isNarrow(question),
  });

/** The currencies of a period, most orders first; undefined while nobody has said. */
export const useCurrencies = (question: Question, period: Period): readonly string[] | undefined =>
  useQuery({ ...asking(question, period), select: ({ items }) => currenciesOf(items) }).data;

/** The currencies of some rows, most orders first. */
export const currenciesOf = (rows: readonly { currency: string; orders: number }[]): string[] => {
  const orders = new Map<string, number>();
  for (const row of rows) orders.set(row.currency, (orders.get(row.currency) ?? 0) + row.orders);
  return [...orders].sort(([, a], [, b]) => b - a).map(([currency]) => currency);
};

/** Whether rows are missing in one of the answers. */
export const isCut = (...answers: readonly ({ truncated?: boolean } | undefined)[]): boolean =>
  answers.some((answer) => answer?.truncated === true);

/** Visits in buckets, for what only activity can say. */
export const readVisits = async (
  { tz }: Question,
  { from, to, granularity }: Period,
): Promise<Answered<{ from: string; visits: number }>> => {
  const { data } = await api.POST('/api/analytics/query', {
    body: { measures: ['visits'], granularity, from, to, tz, limit: rowsMax },
  });
  return data as unknown as Answered<{ from: string; visits: number }>;
};

export const useVisits = ({ question }: Asked, period: Period, everyMs: number | false, isOn: boolean) =>
  useQuery({
    queryKey: ['visits', question.tz, period.from, period.to, period.granularity],
    queryFn: () => readVisits(question, period),
    placeholderData: keepPreviousData,
    refetchInterval: everyMs,
    enabled: isOn,
  });
