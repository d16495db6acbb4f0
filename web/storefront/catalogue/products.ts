import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { api, query } from '../../api/client.ts';
import type { components } from '../../api/schema.d.ts';

export type Product = components['schemas']['Product'];

/** The query of one product; shelves and lists fill it, so that a page opens with what the shelf has shown. */
export const productQuery = (productId: string) =>
  query.queryOptions('get', '/api/products/{productId}', { params: { path: { productId } } });

/**
 * Products in the order of the ids, in one request; those that are not for sale are left out. With `keepsPrevious` those of
 * the ids before stay until the answer is there.
 */
export const useProducts = (ids: readonly string[] | undefined, { keepsPrevious = false } = {}) => {
  const client = useQueryClient();
  const asked = useQuery<Product[]>({
    queryKey: ['get', '/api/products', 'by-ids', ids],
    enabled: ids !== undefined && ids.length > 0,
    queryFn: async ({ signal }) => {
      const { data } = await api.GET('/api/products', {
        params: { query: { ids: (ids ?? []).join(','), limit: 100 } },
        signal,
      });
      const found = new Map(data?.items.map((product) => [product.id, product]));
      return (ids ?? []).flatMap((id) => found.get(id) ?? []);
    },
    staleTime: 60_000,
    placeholderData: (before) => (keepsPrevious ? before : undefined),
  });
  const { data } = asked;
  useEffect(() => {
    for (const product of data ?? []) {
      const { queryKey } = productQuery(product.id);
      if (client.getQueryData(queryKey) === undefined)
        client.setQueryData(queryKey, product, { updatedAt: Date.now() - 25_000 });
    }
  }, [data, client]);
  return asked;
};

const lowStockMax = 9;

export type StockWords = { text: string; tone: 'good' | 'warn' | 'out' };

/** Stock in words: a number only where it matters to the buyer. */
export const stockWords = (available: number | null | undefined): StockWords => {
  if (available === null || available === undefined)
    return { text: 'Availability is being checked', tone: 'warn' };
  if (available <= 0) return { text: 'Sold out', tone: 'out' };
  if (available <= lowStockMax) return { text: `Only ${available} left`, tone: 'warn' };
  return { text: 'In stock', tone: 'good' };
};
