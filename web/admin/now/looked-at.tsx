import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { usePlatformLinks } from '../../api/platform-links.ts';
import { classes } from '../../kit/classes.ts';
import type { Signals } from './signals.ts';
import { watchedOf } from './watched.ts';

/** What the page watches, with its figures also where nothing is wrong; a dash where nobody has answered. */
export const LookedAt = ({
  signals,
  books,
}: {
  signals: Signals | undefined;
  books: Parameters<typeof watchedOf>[1];
}) => {
  const watched = watchedOf(signals, books);
  return (
    <section aria-label="What is watched" className="mt-8">
      <h2 className="mb-3 font-semibold text-lg">What is watched</h2>
      <ul className="grid grid-cols-2 gap-3 md:grid-cols-3 xl:grid-cols-5">
        <Figure {...watched.stuck} to="/orders" search={{ stuck: 'true' }} />
        <Figure {...watched.letters} to="/dead-letters" />
        <Figure {...watched.books} to="/reconciliation" />
        <Figure {...watched.soldOut} to="/stock" />
        <Figure {...watched.down} href="/platform" />
      </ul>
      <Elsewhere />
    </section>
  );
};

const Figure = ({
  name,
  value,
  text,
  to,
  search,
  href,
}: {
  name: string;
  value: number | undefined;
  text: string;
  to?: string;
  search?: Record<string, string>;
  href?: string;
}) => {
  const content = (
    <>
      <span
        className={classes(
          'tabular block font-semibold text-2xl',
          value === undefined ? 'text-ink-soft' : value > 0 && 'text-bad',
        )}
      >
        {text}
      </span>
      <span className="text-ink-soft text-sm">{name}</span>
    </>
  );
  const look = 'block h-full rounded-xl border border-line bg-surface p-4 hover:border-line-strong';
  return (
    <li>
      {to === undefined ? (
        <a href={href} className={look}>
          {content}
        </a>
      ) : (
        <Link to={to} {...(search && { search })} className={look}>
          {content}
        </Link>
      )}
    </li>
  );
};

const Elsewhere = () => {
  const links = usePlatformLinks();
  const { answers } = links ?? {};
  const shown: readonly (readonly [string | null | undefined, ReactNode, (boolean | null | undefined)?])[] = [
    ['/platform', 'What runs'],
    [links?.zipkinUrl && `${links.zipkinUrl}/zipkin/`, 'Traces', answers?.zipkin],
    [links?.prometheusUrl, 'Metrics', answers?.prometheus],
    [links?.mailboxUrl, 'Mailbox', answers?.mailbox],
    ['/docs', 'API'],
    ['/', 'The shop'],
  ];
  return (
    <p className="mt-4 flex flex-wrap gap-x-5 gap-y-1 text-sm">
      <span className="text-ink-soft">Elsewhere:</span>
      {shown.map(
        ([href, name, does]) =>
          href &&
          (does === false ? (
            <span key={href} className="text-ink-soft">
              {name}: starting, or not running
            </span>
          ) : (
            <a key={href} href={href} className="text-action underline underline-offset-4">
              {name}
            </a>
          )),
      )}
    </p>
  );
};
