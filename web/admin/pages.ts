import { useInfiniteQuery } from '@tanstack/react-query';

export type Page<Row> = { items: Row[]; next: string | null };

const refreshMs = 15_000;

/** A list that grows by pages. `key` names the question; another key is another list. */
export const usePages = <Row>(
  key: readonly unknown[],
  read: (cursor: string | undefined) => Promise<Page<Row> | undefined>,
  { isFresh = false }: { isFresh?: boolean } = {},
) => {
  const pages = useInfiniteQuery({
    queryKey: ['pages', ...key],
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam }) => (await read(pageParam)) ?? { items: [], next: null },
    getNextPageParam: ({ next }) => next ?? undefined,
    placeholderData: (before) => before,
    ...(isFresh ? { refetchInterval: refreshMs } : {}),
  });
  return {
    rows: pages.data?.pages.flatMap(({ items }) => items) ?? [],
    isLoading: pages.isPending,
    isDimmed: pages.isPlaceholderData,
    error: pages.error,
    hasMore: pages.hasNextPage,
    isLoadingMore: pages.isFetchingNextPage,
    more: () => void pages.fetchNextPage(),
    refresh: () => void pages.refetch(),
  };
};
