import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { api } from '../../api/client.ts';
import type { components } from '../../api/schema.d.ts';
import { Button } from '../../kit/button.tsx';
import { DataTable } from '../../kit/data-table.tsx';
import { TextField } from '../../kit/field.tsx';
import { ProblemPanel } from '../../kit/problem-panel.tsx';
import { Price } from '../../money/price.tsx';
import { PageTitle } from '../../staff/page-title.tsx';
import { categoryPathWords } from '../../words/words.ts';
import { More } from '../more.tsx';
import { type Page, usePages } from '../pages.ts';

type Product = components['schemas']['Product'];

/** The catalogue as it is sold; a search goes the way of the shop's own. */
export const ProductsPage = () => {
  const { q } = useSearch({ from: '/products' });
  const navigate = useNavigate();
  const [text, setText] = useState(q ?? '');
  const list = usePages<Product>(['products', q], async (cursor): Promise<Page<Product> | undefined> => {
    const page = { limit: 50, ...(cursor && { cursor }) };
    return q === undefined
      ? (await api.GET('/api/products', { params: { query: { ...page, sort: 'newest' } } })).data
      : ((await api.GET('/api/products/search', { params: { query: { ...page, q } } }))
          .data as Page<Product>);
  });
  const search = (event: FormEvent): void => {
    event.preventDefault();
    void navigate({ to: '/products', search: text.trim() === '' ? {} : { q: text.trim() } });
  };
  return (
    <>
      <PageTitle title="Products" app="Admin">
        {q === undefined ? 'Newest first.' : `Found for “${q}”`}
      </PageTitle>
      <form onSubmit={search} className="mb-4 flex max-w-md items-end gap-2">
        <TextField
          label="Search"
          type="search"
          value={text}
          maxLength={100}
          onChange={(event) => setText(event.target.value)}
          className="flex-1"
        />
        <Button type="submit" look="secondary">
          Search
        </Button>
      </form>
      {list.error && <ProblemPanel error={list.error} onRetry={list.refresh} />}
      <DataTable
        caption="Products"
        rows={list.rows}
        rowKey={({ id }) => id}
        isLoading={list.isLoading}
        isDimmed={list.isDimmed}
        empty="No product answers to that."
        columns={[
          {
            key: 'name',
            head: 'Name',
            cell: ({ id, name }) => (
              <Link to="/products/$id" params={{ id }} className="font-medium text-action hover:underline">
                {name}
              </Link>
            ),
          },
          {
            key: 'category',
            head: 'Category',
            isSecondary: true,
            cell: ({ category }) => categoryPathWords(category),
          },
          { key: 'price', head: 'Price', isNumber: true, cell: ({ price }) => <Price money={price} /> },
          {
            key: 'available',
            head: 'Available',
            isNumber: true,
            cell: ({ available }) => (
              <span className={available <= 0 ? 'font-semibold text-bad' : ''}>
                {available.toLocaleString('en-GB')}
              </span>
            ),
          },
          {
            key: 'rating',
            head: 'Rating',
            isNumber: true,
            isSecondary: true,
            cell: ({ rating }) =>
              rating.count === 0 ? '–' : `${rating.average.toFixed(1)} (${rating.count})`,
          },
          {
            key: 'state',
            head: 'State',
            isSecondary: true,
            cell: ({ active, featured }) =>
              `${active ? 'for sale' : 'hidden'}${featured ? ', featured' : ''}`,
          },
        ]}
      />
      <More list={list} />
    </>
  );
};
