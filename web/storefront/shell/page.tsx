import { type ReactNode, useEffect, useRef } from 'react';
import { classes } from '../../kit/classes.ts';

/** Becomes true with the first page, whose heading does not take the focus: the visitor has just opened the shop. */
let isOpened = false;

/**
 * One page: its title in the window and as the one `h1`, which takes the focus after a change of page, so that screen
 * readers read it and the keyboard goes on from there.
 */
export const Page = ({
  title,
  isTitleHidden = false,
  head,
  isNarrow = false,
  children,
}: {
  title: string;
  isTitleHidden?: boolean;
  /** Beside the title. */
  head?: ReactNode;
  isNarrow?: boolean;
  children: ReactNode;
}) => {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = title === 'Cartstream' ? title : `${title} · Cartstream`;
  }, [title]);
  useEffect(() => {
    if (isOpened) heading.current?.focus({ preventScroll: true });
    isOpened = true;
  }, []);
  return (
    <div className={classes('mx-auto w-full px-4 pt-6 pb-16 sm:px-6', isNarrow ? 'max-w-3xl' : 'max-w-7xl')}>
      <div className={classes('flex flex-wrap items-end justify-between gap-4', !isTitleHidden && 'mb-6')}>
        <h1
          ref={heading}
          tabIndex={-1}
          className={isTitleHidden ? 'sr-only' : 'font-display text-3xl leading-tight sm:text-4xl'}
        >
          {title}
        </h1>
        {head}
      </div>
      {children}
    </div>
  );
};
