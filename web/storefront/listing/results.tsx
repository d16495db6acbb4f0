import type { InfiniteData, UseInfiniteQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Button } from '../../kit/button.tsx';
import { classes } from '../../kit/classes.ts';
import { ProblemPanel } from '../../kit/problem-panel.tsx';
import { Loading } from '../../kit/skeleton.tsx';
import { plural } from '../../words/words.ts';
import { GridSkeleton, gridClasses, ProductCard } from '../catalogue/product-card.tsx';
import type { Product } from '../catalogue/products.ts';

type Page = { items: Product[]; next: string | null };

/**
 * The products found, page after page. The results of the question before stay, dimmed, until the next ones are there,
 * so that a filter never empties the page.
 */
export const Results = ({
  answer,
  empty,
}: {
  answer: UseInfiniteQueryResult<InfiniteData<Page>>;
  empty: ReactNode;
}) => {
  if (answer.isError && answer.data === undefined)
    return <ProblemPanel error={answer.error} onRetry={() => void answer.refetch()} />;
  if (answer.data === undefined)
    return (
      <Loading what="products">
        <GridSkeleton />
      </Loading>
    );
  const products = answer.data.pages.flatMap(({ items }) => items);
  if (products.length === 0) return empty;
  return (
    <div aria-busy={answer.isPlaceholderData || undefined}>
      <ul className={classes(gridClasses, 'transition-opacity', answer.isPlaceholderData && 'opacity-50')}>
        {products.map((product) => (
          <li key={product.id}>
            <ProductCard product={product} />
          </li>
        ))}
      </ul>
      {answer.hasNextPage && (
        <div className="mt-10 flex flex-col items-center gap-2">
          <p role="status" className="text-ink-soft text-sm">
            {plural(products.length, { one: '{count} product', other: '{count} products' })} shown
          </p>
          <Button
            look="secondary"
            size="large"
            isBusy={answer.isFetchingNextPage}
            onClick={() => void answer.fetchNextPage()}
          >
            Show more
          </Button>
        </div>
      )}
      {answer.isFetchNextPageError && (
        <div className="mt-6">
          <ProblemPanel error={answer.error} onRetry={() => void answer.fetchNextPage()} isSmall />
        </div>
      )}
    </div>
  );
};
