import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { Link, useSearch } from '@tanstack/react-router';
import { useEffect, useRef } from 'react';
import { api } from '../../api/client.ts';
import type { paths } from '../../api/schema.d.ts';
import { note } from '../../api/shopper-activity.ts';
import { buttonClasses } from '../../kit/button.tsx';
import { Empty } from '../../kit/empty.tsx';
import { Skeleton } from '../../kit/skeleton.tsx';
import { categoryWords, plural } from '../../words/words.ts';
import {
  Chips,
  type Choice,
  FilterGroup,
  FilterRail,
  priceChoice,
  priceWordsBeside,
  SortChoice,
} from '../listing/controls.tsx';
import { type Filters, filtersOf, type PriceWords, ratingWords, withFilter } from '../listing/filters.ts';
import { Results } from '../listing/results.tsx';
import { Shelf } from '../recommendations/shelf.tsx';
import { Page } from '../shell/page.tsx';

type Found = paths['/api/products/search']['get']['responses'][200]['content']['application/json'];

const pageSize = 24;

const useSearchAnswer = (filters: Filters) =>
  useInfiniteQuery({
    queryKey: ['get', '/api/products/search', filters],
    enabled: filters.q !== undefined,
    initialPageParam: undefined as string | undefined,
    placeholderData: keepPreviousData,
    queryFn: async ({ pageParam, signal }): Promise<Found> => {
      const { q = '', ...rest } = filters;
      const { data } = await api.GET('/api/products/search', {
        params: { query: { q, limit: pageSize, ...rest, ...(pageParam ? { cursor: pageParam } : {}) } },
        signal,
      });
      if (data === undefined) throw new Error('no products');
      return data;
    },
    getNextPageParam: ({ next }) => next ?? undefined,
  });

export const SearchPage = () => {
  const filters = filtersOf(useSearch({ strict: false }));
  const { q } = filters;
  const answer = useSearchAnswer(filters);
  const found = answer.data?.pages[0];
  const results = found?.total;
  const price = priceWordsBeside(found?.items);
  const isAnswered = answer.isSuccess && !answer.isPlaceholderData;
  // Nothing can be sorted, and no filter is in the way that could be taken off.
  const isFruitless = isAnswered && found?.total === 0 && Object.keys(filters).length === 1;
  const noted = useRef<string>(undefined);
  useEffect(() => {
    // Filters and further pages are the same search.
    if (q === undefined || !isAnswered || results === undefined || noted.current === q) return;
    noted.current = q;
    note({ type: 'products_searched', query: q, results });
  }, [q, isAnswered, results]);
  if (q === undefined)
    return (
      <Page title="Search" isTitleHidden>
        <Empty title="What are you looking for?">
          Type a thing, a colour or an occasion into the field above.
        </Empty>
      </Page>
    );
  return (
    <Page title={`“${q}”`} head={!isFruitless && <SortChoice filters={filters} standard="relevance" />}>
      {!isFruitless && <Summary found={found} q={q} />}
      {isFruitless ? (
        <NothingFound q={q} filters={filters} />
      ) : (
        <div className="lg:grid lg:grid-cols-[15rem_minmax(0,1fr)] lg:gap-10">
          <FilterRail shown={found ? `Show ${found.total}` : 'Show the products'}>
            {found ? (
              <Facets facets={found.facets} filters={filters} price={price} />
            ) : (
              <Skeleton className="h-64" />
            )}
          </FilterRail>
          <div>
            <Chips filters={filters} price={price} />
            <Results answer={answer} empty={<NothingFound q={q} filters={filters} />} />
          </div>
        </div>
      )}
    </Page>
  );
};

/** What was found, and what was really searched where the words were mistyped. */
const Summary = ({ found, q }: { found: Found | undefined; q: string }) => (
  <p role="status" className="-mt-4 mb-6 min-h-6 text-ink-soft">
    {found?.corrected ? (
      <>
        Showing results for <strong className="font-semibold text-ink">{found.corrected}</strong>, since
        nothing is called “{q}”.{' '}
      </>
    ) : null}
    {found && plural(found.total, { one: '{count} product found.', other: '{count} products found.' })}
  </p>
);

const Facets = ({
  facets,
  filters,
  price,
}: {
  facets: Found['facets'];
  filters: Filters;
  price: PriceWords;
}) => (
  <>
    <FilterGroup
      title="Category"
      choices={facets.category.slice(0, 8).map(({ value, count }): Choice => {
        const isChosen = filters.category === value;
        return {
          key: value,
          text: categoryWords(value),
          count,
          isChosen,
          search: withFilter(filters, { category: isChosen ? undefined : value }),
        };
      })}
    />
    <FilterGroup
      title="Price"
      choices={facets.price.map(({ from, to, count }) => ({
        ...priceChoice(filters, { minPrice: from, ...(to === null ? {} : { maxPrice: to }) }, price),
        count,
      }))}
    />
    <FilterGroup
      title="Rating"
      choices={facets.rating
        .filter(({ from, count }) => from >= 3 && count > 0)
        .map(({ from, count }): Choice => {
          const isChosen = filters.minRating === from;
          return {
            key: String(from),
            text: ratingWords(from),
            count,
            isChosen,
            search: withFilter(filters, { minRating: isChosen ? undefined : from }),
          };
        })}
    />
    <FilterGroup
      title="Availability"
      choices={[
        {
          key: 'in-stock',
          text: 'In stock only',
          isChosen: filters.inStock !== undefined,
          search: withFilter(filters, { inStock: filters.inStock ? undefined : 'true' }),
        },
      ]}
    />
  </>
);

const NothingFound = ({ q, filters }: { q: string; filters: Filters }) => {
  const isFiltered = Object.keys(filters).some((name) => name !== 'q' && name !== 'sort');
  return (
    <>
      <Empty
        title="Nothing found"
        act={
          isFiltered ? (
            <Link to="/search" search={{ q }} className={buttonClasses()}>
              Search “{q}” without filters
            </Link>
          ) : (
            <Link to="/products" className={buttonClasses()}>
              See everything
            </Link>
          )
        }
      >
        No product fits “{q}”{isFiltered ? ' with these filters' : ''}. A shorter or more general word often
        helps.
      </Empty>
      <Shelf title="What others look at" question={{ scenario: 'trending' }} />
    </>
  );
};
