import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { api } from '../api/client.ts';
import type { Asked } from './asked.tsx';
import { bucketsMax } from './buckets.ts';
import type { Period } from './question.ts';

/** Orders in buckets, of all currencies altogether: visits have no currency, so all orders are what comes of them. */
export const useOrdersOfAll = (
  { question: { tz } }: Pick<Asked, 'question'>,
  { from, to, granularity }: Period,
  everyMs: number | false,
  isOn: boolean,
) =>
  useQuery({
    queryKey: ['orders of all', tz, from, to, granularity],
    queryFn: async () => {
      const { data } = await api.POST('/api/analytics/query', {
        body: { measures: ['orders'], granularity, from, to, tz, limit: bucketsMax },
      });
      return data as unknown as { items: { from: string; orders: number }[]; asOf: string; lagMs: number };
    },
    placeholderData: keepPreviousData,
    refetchInterval: everyMs,
    enabled: isOn,
  });
