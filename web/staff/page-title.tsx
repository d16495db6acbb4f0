import { type ReactNode, useEffect, useRef } from 'react';

/** The heading of a view: names the tab and takes the focus when the view has changed. */
export const PageTitle = ({
  title,
  app,
  children,
  aside,
}: {
  title: string;
  app: string;
  children?: ReactNode;
  aside?: ReactNode;
}) => {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = title === app ? `${app} · Cartstream` : `${title} · ${app} · Cartstream`;
    heading.current?.focus({ preventScroll: true });
  }, [title, app]);
  return (
    <header className="mb-6 flex flex-wrap items-end justify-between gap-x-6 gap-y-3">
      <div className="min-w-0 [overflow-wrap:anywhere]">
        <h1 ref={heading} tabIndex={-1} className="font-display text-3xl">
          {title}
        </h1>
        {children && <div className="mt-1 text-ink-soft">{children}</div>}
      </div>
      {aside && <div className="flex flex-wrap items-center gap-3">{aside}</div>}
    </header>
  );
};
