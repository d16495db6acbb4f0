import { classes } from './classes.ts';

/** A box of the size of what will stand there; the size comes by class. */
export const Skeleton = ({ className }: { className?: string }) => (
  <div aria-hidden="true" className={classes('skeleton', className)} />
);

/** Lines of text that are on their way. */
export const SkeletonText = ({ lines = 3 }: { lines?: number }) => (
  <div aria-hidden="true" className="flex flex-col gap-2.5">
    {Array.from({ length: lines }, (_, line) => (
      // biome-ignore lint/suspicious/noArrayIndexKey: the lines have no other identity and never move.
      <div key={line} className={classes('skeleton h-4', line === lines - 1 ? 'w-3/5' : 'w-full')} />
    ))}
  </div>
);

/** Says to screen readers that a region loads; the skeletons themselves are hidden from them. */
export const Loading = ({ what, children }: { what: string; children: React.ReactNode }) => (
  <div aria-busy="true">
    <span className="sr-only">Loading {what}…</span>
    {children}
  </div>
);
