import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { api } from '../api/client.ts';
import type { Asked } from './asked.tsx';
import type { Period, Question } from './question.ts';

/** The money of a period in buckets, of one currency. */
export type RevenueRow = { from: string; orders: number; gross: number; refunds: number; net: number };
export type Revenue = { items: RevenueRow[]; asOf: string; lagMs: number };

const rowsMax = 1_000;

type RevenueOfAll = Omit<Revenue, 'items'> & { items: (RevenueRow & { currency: string })[] };

export const isNarrow = ({ category, product }: Question): boolean =>
  category !== undefined || product !== undefined;

const filtersOf = ({ category, product }: Question) => [
  ...(category === undefined
    ? []
    : [{ dimension: 'category' as const, operator: 'under' as const, values: [category] }]),
  ...(product === undefined
    ? []
    : [{ dimension: 'productId' as const, operator: 'equals' as const, values: [product] }]),
];

/** The narrower question, of one category or product, is for the model; the whole shop has a quicker answer. */
const readRevenue = async (question: Question, period: Period): Promise<RevenueOfAll> => {
  const { tz } = question;
  const { from, to, granularity } = period;
  if (!isNarrow(question)) {
    const { data } = await api.GET('/api/analytics/revenue', {
      params: { query: { from, to, tz, granularity } },
    });
    return data as RevenueOfAll;
  }
  const { data } = await api.POST('/api/analytics/query', {
    body: {
      measures: ['orders', 'gross', 'refunds', 'net'],
      dimensions: ['currency'],
      filters: filtersOf(question),
      granularity,
      from,
      to,
      tz,
      limit: rowsMax,
    },
  });
  return data as unknown as RevenueOfAll;
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
    queryFn: async () => {
      const { data } = await api.POST('/api/analytics/query', {
        body: {
          measures: ['orders', 'gross', 'refunds', 'net'],
          dimensions: ['currency'],
          filters: filtersOf(question),
          from,
          to,
          tz: question.tz,
          limit: rowsMax,
        },
      });
      return data as unknown as RevenueOfAll;
    },
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

/** Visits in buckets, for what only activity can say. */
export const useVisits = ({ question }: Asked, period: Period, everyMs: number | false, isOn: boolean) =>
  useQuery({
    queryKey: ['visits', question.tz, period.from, period.to, period.granularity],
    queryFn: async () => {
      const { data } = await api.POST('/api/analytics/query', {
        body: {
          measures: ['visits'],
          granularity: period.granularity,
          from: period.from,
          to: period.to,
          tz: question.tz,
          limit: rowsMax,
        },
      });
      return data as unknown as {
        items: { from: string; visits: number }[];
        asOf: string;
        lagMs: number;
      };
    },
    placeholderData: keepPreviousData,
    refetchInterval: everyMs,
    enabled: isOn,
  });
