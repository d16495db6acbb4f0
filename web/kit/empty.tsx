import type { ReactNode } from 'react';

/** Nothing is here: one sentence about why, and the next step. */
export const Empty = ({ title, children, act }: { title: string; children?: ReactNode; act?: ReactNode }) => (
  <div className="rise-in mx-auto flex max-w-md flex-col items-center gap-3 px-4 py-14 text-center">
    <p className="font-display text-2xl">{title}</p>
    {children && <div className="text-ink-soft">{children}</div>}
    {act && <div className="mt-2 flex flex-wrap justify-center gap-3">{act}</div>}
  </div>
);
