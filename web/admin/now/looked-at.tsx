import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { usePlatformLinks } from '../../api/platform-links.ts';
import { classes } from '../../kit/classes.ts';
import type { Signals } from './signals.ts';

/** What the page watches, with its figures also where nothing is wrong; a dash where nobody has answered. */
export const LookedAt = ({
  signals,
  differences,
}: {
  signals: Signals | undefined;
  differences: number | undefined;
}) => {
  const { stuckOrders, deadLetters, lowStock } = signals ?? {};
  const down = signals?.servicesDown.filter((name) => !signals.servicesSlow.includes(name));
  return (
    <section aria-label="What is watched" className="mt-8">
      <h2 className="mb-3 font-semibold text-lg">What is watched</h2>
      <ul className="grid grid-cols-2 gap-3 md:grid-cols-3 xl:grid-cols-5">
        <Figure name="Orders stuck" value={stuckOrders?.count} to="/orders" search={{ stuck: 'true' }} />
        <Figure name="Dead letters waiting" value={deadLetters?.waiting} to="/dead-letters" />
        <Figure name="Differences in the books" value={differences} to="/reconciliation" />
        <Figure name="Products sold out" value={lowStock?.outOfStock} to="/stock" />
        <Figure name="Services down" value={down?.length} href="/platform" />
      </ul>
      <Elsewhere />
    </section>
  );
};

const Figure = ({
  name,
  value,
  to,
  search,
  href,
}: {
  name: string;
  value: number | undefined;
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
        {value ?? '–'}
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
