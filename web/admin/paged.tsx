import type { ReactNode } from 'react';
import { Button } from '../kit/button.tsx';
import { ProblemPanel } from '../kit/problem-panel.tsx';

type List = {
  rows: readonly unknown[];
  error: unknown;
  hasMore: boolean;
  isLoadingMore: boolean;
  more(): void;
  refresh(): void;
};

/** A list that grows by pages: what has failed, the rows that are known all the same, and the way to more of them. */
export const Paged = ({ list, children }: { list: List; children: ReactNode }) => (
  <>
    {list.error !== null && (
      <div className="mb-4">
        <ProblemPanel error={list.error} onRetry={list.refresh} />
      </div>
    )}
    {/* A list that was not answered is not an empty one. */}
    {(list.error === null || list.rows.length > 0) && children}
    {list.hasMore && (
      <p className="mt-4 text-center">
        <Button look="secondary" isBusy={list.isLoadingMore} onClick={list.more}>
          Load more
        </Button>
      </p>
    )}
  </>
);
