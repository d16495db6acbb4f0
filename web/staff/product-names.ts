import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { api } from '../api/client.ts';

/** The names of at most 100 products, by id; undefined until they are read. Asks nothing where no id is given. */
export const useProductNames = (ids: readonly string[]): ReadonlyMap<string, string> | undefined =>
  useQuery({
    queryKey: ['names', ids.join()],
    enabled: ids.length > 0,
    // A list that loses a row keeps the names of the others while the shorter one is read.
    placeholderData: keepPreviousData,
    queryFn: async () => {
      const { data } = await api.GET('/api/products', { params: { query: { ids: ids.join(), limit: 100 } } });
      return new Map(data?.items.map(({ id, name }) => [id, name]));
    },
  }).data;
