import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { Link, useParams, useSearch } from '@tanstack/react-router';
import { api } from '../../api/client.ts';
import { buttonClasses } from '../../kit/button.tsx';
import { Empty } from '../../kit/empty.tsx';
import { categoryWords } from '../../words/words.ts';
import { type CategoryNode, useCategories, wayTo } from '../catalogue/categories.ts';
import { Way } from '../catalogue/way.tsx';
import { Page } from '../shell/page.tsx';
import { Chips, FilterGroup, FilterRail, priceChoice, priceWordsBeside, SortChoice } from './controls.tsx';
import { type Filters, filtersOf, type PriceRange, withFilter } from './filters.ts';
import { Results } from './results.tsx';

const pageSize = 24;

const useList = (category: string | undefined, filters: Filters) =>
  useInfiniteQuery({
    queryKey: ['get', '/api/products', category, filters],
    initialPageParam: undefined as string | undefined,
    placeholderData: keepPreviousData,
    queryFn: async ({ pageParam, signal }) => {
      const { minPrice, maxPrice, brand, sort = 'popularity' } = filters;
      const { data } = await api.GET('/api/products', {
        params: {
          query: {
            limit: pageSize,
            sort: sort === 'relevance' ? 'popularity' : sort,
            ...(category ? { category } : {}),
            ...(brand ? { brand } : {}),
            ...(minPrice === undefined ? {} : { minPrice }),
            ...(maxPrice === undefined ? {} : { maxPrice }),
            ...(pageParam ? { cursor: pageParam } : {}),
          },
        },
        signal,
      });
      if (data === undefined) throw new Error('no products');
      return data;
    },
    getNextPageParam: ({ next }) => next ?? undefined,
  });

/** What a list is narrowed by, as its address says; a search can do more. */
const useListFilters = (): Filters => {
  const { category, brand, minPrice, maxPrice, sort } = filtersOf(useSearch({ strict: false }));
  return filtersOf({ category, brand, minPrice, maxPrice, sort });
};

export const CategoryPage = () => {
  const { _splat: path = '' } = useParams({ strict: false });
  const filters = withFilter(useListFilters(), { category: undefined });
  const { data: tree } = useCategories();
  const way = tree ? wayTo(tree.items, path) : [];
  const here = way.at(-1)?.path === path ? way.at(-1) : undefined;
  return (
    <Listing
      key={path}
      title={here?.name ?? categoryWords(path)}
      way={way.slice(0, -1)}
      category={path}
      filters={filters}
      below={here?.children ?? []}
      siblings={way.at(-2)?.children ?? []}
    />
  );
};

export const EverythingPage = () => {
  const filters = useListFilters();
  const { data: tree } = useCategories();
  return (
    <Listing
      title="Everything in the shop"
      way={[]}
      category={filters.category}
      filters={filters}
      below={tree?.items ?? []}
      siblings={[]}
    />
  );
};

const Listing = ({
  title,
  way,
  category,
  filters,
  below,
  siblings,
}: {
  title: string;
  way: readonly CategoryNode[];
  category: string | undefined;
  filters: Filters;
  below: readonly CategoryNode[];
  siblings: readonly CategoryNode[];
}) => {
  const answer = useList(category, filters);
  const price = priceWordsBeside(answer.data?.pages[0]?.items);
  return (
    <Page title={title} head={<SortChoice filters={filters} standard="popularity" />}>
      {way.length > 0 && <Way to={way} className="-mt-4 mb-6" />}
      <div className="lg:grid lg:grid-cols-[15rem_minmax(0,1fr)] lg:gap-10">
        <FilterRail shown="Show the products">
          <CategoryLinks
            title={below.length > 0 ? 'Within' : 'Beside'}
            nodes={below.length > 0 ? below : siblings}
          />
          <FilterGroup title="Price" choices={priceSteps.map((step) => priceChoice(filters, step, price))} />
        </FilterRail>
        <div>
          <Chips filters={filters} price={price} />
          <Results answer={answer} empty={<NothingHere filters={filters} />} />
        </div>
      </div>
    </Page>
  );
};

const CategoryLinks = ({ title, nodes }: { title: string; nodes: readonly CategoryNode[] }) => {
  if (nodes.length === 0) return null;
  return (
    <section className="mb-6">
      <h2 className="mb-1 font-semibold text-sm">{title}</h2>
      <ul>
        {nodes.map(({ path, name }) => (
          <li key={path}>
            <Link
              to="/categories/$"
              params={{ _splat: path }}
              activeProps={{ className: 'bg-action-wash font-semibold text-action' }}
              className="flex min-h-9 items-center rounded-md px-2 py-1 text-[0.9375rem] hover:bg-sunken"
            >
              {name}
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
};

/** Fixed steps, so that a choice does not move the others. */
const priceSteps: readonly PriceRange[] = [
  { maxPrice: 200 },
  { minPrice: 200, maxPrice: 500 },
  { minPrice: 500, maxPrice: 1000 },
  { minPrice: 1000 },
];

const NothingHere = ({ filters }: { filters: Filters }) => (
  <Empty
    title="Nothing on this shelf"
    act={
      Object.keys(filters).length > 0 ? (
        <Link to="." search={{}} className={buttonClasses()}>
          Take the filters away
        </Link>
      ) : (
        <Link to="/products" className={buttonClasses()}>
          See everything
        </Link>
      )
    }
  >
    {Object.keys(filters).length > 0
      ? 'No product here fits all of the filters.'
      : 'There is no product in this category just now.'}
  </Empty>
);
