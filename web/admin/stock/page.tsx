import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { api } from '../../api/client.ts';
import type { components } from '../../api/schema.d.ts';
import { Button } from '../../kit/button.tsx';
import { DataTable } from '../../kit/data-table.tsx';
import { When } from '../../kit/when.tsx';
import { PageTitle } from '../../staff/page-title.tsx';
import { useProductNames } from '../../staff/product-names.ts';
import { Paged } from '../paged.tsx';
import { type Page, usePages } from '../pages.ts';
import { SearchForm } from '../search-form.tsx';

type Stock = components['schemas']['Stock'];

const foundMax = 20;

/** The stock of the products that a search of the shop finds. */
const searched = async (q: string): Promise<Page<Stock>> => {
  const { data } = await api.GET('/api/products/search', { params: { query: { q, limit: foundMax } } });
  const items = await Promise.all(
    (data?.items ?? []).map(
      async ({ id }) =>
        (await api.GET('/api/inventory/{productId}', { params: { path: { productId: id } } })).data,
    ),
  );
  return { items: items.filter((stock) => stock !== undefined), next: null };
};

const read = async (
  { q, low }: { q?: string; low?: string },
  cursor: string | undefined,
): Promise<Page<Stock> | undefined> => {
  const page = { params: { query: { limit: 50, ...(cursor && { cursor }) } } };
  if (q !== undefined) {
    const { items, next } = await searched(q);
    return { items: items.filter((stock) => low === undefined || isLow(stock)), next };
  }
  return (
    await (low === undefined ? api.GET('/api/inventory', page) : api.GET('/api/inventory/alerts', page))
  ).data;
};

const figure = (pieces: number): string => pieces.toLocaleString('en-GB');

const isLow = ({ available, lowStockThreshold }: Stock): boolean => available <= lowStockThreshold;

/** All stock, what runs low, or what is searched for; a product opens its movements. */
export const StockPage = () => {
  const asked = useSearch({ from: '/stock' });
  const { q, low } = asked;
  const navigate = useNavigate();
  const list = usePages<Stock>(['stock', q, low], (cursor) => read(asked, cursor), { isFresh: true });
  const names = useProductNames(list.rows.map(({ productId }) => productId).slice(0, 100));
  const search = (words: string): void =>
    void navigate({ to: '/stock', search: { ...(words && { q: words }), ...(low && { low }) } });
  return (
    <>
      <PageTitle title="Stock" app="Admin">
        {low ? 'Products at their threshold or below' : 'Every product'}
        {q && `, found for “${q}”`}.
      </PageTitle>
      <div className="mb-4 flex flex-wrap items-end gap-x-4 gap-y-2">
        <SearchForm found={q} maxLength={100} className="w-full" onSearch={search} />
        <Button
          look={low ? 'primary' : 'secondary'}
          aria-pressed={low !== undefined}
          onClick={() =>
            void navigate({ to: '/stock', search: { ...(q && { q }), ...(!low && { low: 'yes' }) } })
          }
        >
          Low only
        </Button>
      </div>
      <Paged list={list}>
        <DataTable
          caption={low ? 'Products that run low' : 'Stock'}
          rows={list.rows}
          rowKey={({ productId }) => productId}
          isLoading={list.isLoading}
          isDimmed={list.isDimmed}
          empty={
            low ? 'Nothing of this runs low.' : q ? 'No product answers to that.' : 'There is no product yet.'
          }
          columns={[
            {
              key: 'product',
              head: 'Product',
              cell: ({ productId }) => (
                <Link
                  to="/products/$id"
                  params={{ id: productId }}
                  className="font-medium text-action hover:underline"
                >
                  {names?.get(productId) ?? `…${productId.slice(-8)}`}
                </Link>
              ),
            },
            {
              key: 'available',
              head: 'Available',
              isNumber: true,
              cell: (stock) => (
                <span
                  className={
                    stock.available <= 0 ? 'font-semibold text-bad' : isLow(stock) ? 'text-warn' : undefined
                  }
                >
                  {stock.available <= 0 ? 'sold out' : figure(stock.available)}
                </span>
              ),
            },
            {
              key: 'onHand',
              head: 'On hand',
              isNumber: true,
              isSecondary: true,
              cell: ({ onHand }) => figure(onHand),
            },
            {
              key: 'reserved',
              head: 'Reserved',
              isNumber: true,
              isSecondary: true,
              cell: ({ reserved }) => figure(reserved),
            },
            {
              key: 'threshold',
              head: 'Low at',
              isNumber: true,
              cell: ({ lowStockThreshold }) => figure(lowStockThreshold),
            },
            {
              key: 'changed',
              head: 'Changed',
              isSecondary: true,
              cell: ({ updatedAt }) => <When time={updatedAt} />,
            },
          ]}
        />
      </Paged>
    </>
  );
};
