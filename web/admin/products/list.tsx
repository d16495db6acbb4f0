import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { api, query } from '../../api/client.ts';
import { useUser } from '../../api/login.ts';
import type { components } from '../../api/schema.d.ts';
import { buttonClasses } from '../../kit/button.tsx';
import { DataTable } from '../../kit/data-table.tsx';
import { SelectField } from '../../kit/field.tsx';
import { Price } from '../../money/price.tsx';
import { PageTitle } from '../../staff/page-title.tsx';
import { categoryPathWords } from '../../words/words.ts';
import { Paged } from '../paged.tsx';
import { type Page, usePages } from '../pages.ts';
import { SearchForm } from '../search-form.tsx';

type Product = components['schemas']['Product'];

const orders = {
  newest: 'Newest first',
  price: 'Cheapest first',
  '-price': 'Dearest first',
  rating: 'Best rated first',
  popularity: 'Most bought first',
} as const;
type Order = keyof typeof orders;

/** The catalogue as it is sold; a search goes the way of the shop's own. */
export const ProductsPage = () => {
  const asked = useSearch({ from: '/products' });
  const { q, category } = asked;
  const sort = asked.sort !== undefined && asked.sort in orders ? (asked.sort as Order) : undefined;
  const user = useUser();
  const categories = query.useQuery('get', '/api/categories', {}, { staleTime: 10 * 60_000 });
  const navigate = useNavigate();
  const read = async (cursor: string | undefined): Promise<Page<Product> | undefined> => {
    const page = { limit: 50, ...(cursor && { cursor }), ...(category && { category }) };
    return q === undefined
      ? (await api.GET('/api/products', { params: { query: { ...page, sort: sort ?? 'newest' } } })).data
      : ((await api.GET('/api/products/search', { params: { query: { ...page, q, ...(sort && { sort }) } } }))
          .data as Page<Product>);
  };
  const list = usePages<Product>(['products', q, category, sort], read);
  const ask = (change: { q?: string; category?: string; sort?: string }): void => {
    const all = Object.entries({ ...asked, ...change }).filter(([, value]) => value !== '');
    void navigate({ to: '/products', search: Object.fromEntries(all) });
  };
  return (
    <>
      <PageTitle
        title="Products"
        app="Admin"
        aside={
          user?.roles.includes('admin') && (
            <Link to="/products/new" className={buttonClasses('secondary')}>
              New product
            </Link>
          )
        }
      >
        {q === undefined ? `${orders[sort ?? 'newest']}.` : `Found for “${q}”`}
      </PageTitle>
      <div className="mb-4 flex flex-wrap items-end gap-x-4 gap-y-2">
        <SearchForm found={q} maxLength={100} className="w-full" onSearch={(words) => ask({ q: words })} />
        <SelectField
          label="Category"
          required
          value={category ?? ''}
          onChange={(event) => ask({ category: event.target.value })}
        >
          <option value="">All</option>
          {categories.data?.items.map(({ path, name }) => (
            <option key={path} value={path}>
              {name}
            </option>
          ))}
        </SelectField>
        <SelectField
          label="Order"
          required
          value={sort ?? ''}
          onChange={(event) => ask({ sort: event.target.value })}
        >
          <option value="">{q === undefined ? orders.newest : 'Best match first'}</option>
          {Object.entries(orders)
            .filter(([key]) => q !== undefined || key !== 'newest')
            .map(([key, name]) => (
              <option key={key} value={key}>
                {name}
              </option>
            ))}
        </SelectField>
      </div>
      <Paged list={list}>
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
      </Paged>
    </>
  );
};
