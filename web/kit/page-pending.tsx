import { Loading, Skeleton } from './skeleton.tsx';

/** Stands where a page will, while its script is on the way: whoever has pressed a link sees that it was taken. */
export const PagePending = () => (
  <div className="mx-auto w-full max-w-7xl px-4 pt-6 sm:px-6">
    <Loading what="the page">
      <Skeleton className="mb-6 h-10 w-64" />
      <Skeleton className="h-[70dvh]" />
    </Loading>
  </div>
);

/** Nothing is shown before that: most scripts are there by then. */
export const pendingMs = 300;
