import { Link } from '@tanstack/react-router';
import { api } from '../../api/client.ts';
import type { components } from '../../api/schema.d.ts';
import { DataTable } from '../../kit/data-table.tsx';
import { ProblemPanel } from '../../kit/problem-panel.tsx';
import { When } from '../../kit/when.tsx';
import { PageTitle } from '../../staff/page-title.tsx';
import { useProductNames } from '../../staff/product-names.ts';
import { More } from '../more.tsx';
import { usePages } from '../pages.ts';

type Stock = components['schemas']['Stock'];

/** What runs low; a product opens its movements. */
export const StockPage = () => {
  const list = usePages<Stock>(
    ['stock alerts'],
    async (cursor) =>
      (
        await api.GET('/api/inventory/alerts', {
          params: { query: { limit: 50, ...(cursor && { cursor }) } },
        })
      ).data,
    { isFresh: true },
  );
  const ids = list.rows.map(({ productId }) => productId).slice(0, 100);
  const names = useProductNames(ids);
  return (
    <>
      <PageTitle title="Stock" app="Admin">
        Products at their threshold or below.
      </PageTitle>
      {list.error && <ProblemPanel error={list.error} onRetry={list.refresh} />}
      <DataTable
        caption="Products that run low"
        rows={list.rows}
        rowKey={({ productId }) => productId}
        isLoading={list.isLoading}
        empty="Nothing runs low."
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
                {names?.get(productId) ?? productId}
              </Link>
            ),
          },
          {
            key: 'available',
            head: 'Available',
            isNumber: true,
            cell: ({ available }) => (
              <span className={available <= 0 ? 'font-semibold text-bad' : 'text-warn'}>
                {available <= 0 ? 'sold out' : available}
              </span>
            ),
          },
          { key: 'onHand', head: 'On hand', isNumber: true, isSecondary: true, cell: ({ onHand }) => onHand },
          {
            key: 'reserved',
            head: 'Reserved',
            isNumber: true,
            isSecondary: true,
            cell: ({ reserved }) => reserved,
          },
          {
            key: 'threshold',
            head: 'Low at',
            isNumber: true,
            cell: ({ lowStockThreshold }) => lowStockThreshold,
          },
          {
            key: 'changed',
            head: 'Changed',
            isSecondary: true,
            cell: ({ updatedAt }) => <When time={updatedAt} />,
          },
        ]}
      />
      <More list={list} />
    </>
  );
};
