import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { query } from '../../api/client.ts';
import { classes } from '../../kit/classes.ts';
import { useNow } from '../../kit/freshness.tsx';
import { AlertIcon, CheckIcon } from '../../kit/icons.tsx';
import { Skeleton } from '../../kit/skeleton.tsx';
import { formatDuration } from '../../kit/time.ts';
import { PageTitle } from '../../staff/page-title.tsx';
import { plural } from '../../words/words.ts';
import { FraudSignals } from './fraud-signals.tsx';
import { knowledgeOf } from './known.ts';
import { LookedAt } from './looked-at.tsx';
import { type Signals, useSignals } from './signals.ts';
import { isCapped } from './watched.ts';

type Wrong = {
  key: string;
  /** The worst first. */
  weight: number;
  tone: 'bad' | 'warn';
  text: string;
  since?: string | undefined;
  act: ReactNode;
};

const everyMs = 15_000;
const quietMs = 30_000;
/** The page is for what to look at first; the list of dead letters has every group. */
const groupsShownMax = 12;

/** What is wrong now, worst first; one green line when everything is known and nothing is wrong. */
export const NowPage = () => {
  const { signals, state } = useSignals();
  const stuck = query.useQuery(
    'get',
    '/api/ops/sagas',
    { params: { query: { stuck: 'true', limit: 10 } } },
    { refetchInterval: everyMs },
  );
  const books = query.useQuery(
    'get',
    '/api/ops/reconciliation',
    { params: { query: { limit: 20 } } },
    { refetchInterval: 60_000 },
  );
  const held = query.useQuery(
    'get',
    '/api/ops/consumers',
    { params: { query: { held: 'true' } } },
    { refetchInterval: everyMs },
  );
  const nowMs = useNow();
  const { isWhole, unanswered, awaited } = knowledgeOf(signals, state, {
    'stuck orders': stuck,
    reconciliation: books,
    'what makes no progress': held,
  });
  const wrong = [...wrongOf(signals), ...booksWrong(books.data), ...heldWrong(held.data?.items ?? [])].sort(
    (a, b) => b.weight - a.weight,
  );
  return (
    <>
      <PageTitle
        title="What is wrong now"
        app="Admin"
        aside={<StreamMark state={state} asOf={signals?.asOf} />}
      >
        Worst first. A line stays until it is right again.
      </PageTitle>
      {signals === undefined ? (
        <div className="flex flex-col gap-3">
          <Skeleton className="h-16 w-full" />
          <Skeleton className="h-16 w-full" />
        </div>
      ) : wrong.length === 0 && !isWhole ? (
        <p className="flex items-center gap-3 rounded-xl border border-line-strong bg-sunken p-5">
          <AlertIcon className="shrink-0 text-ink-soft" /> Nothing wrong is known, but not everything has
          answered: {[...unanswered, ...awaited.map((name) => `${name} (being asked)`)].join(', ')}.
        </p>
      ) : wrong.length === 0 ? (
        <p className="flex items-center gap-3 rounded-xl border border-good bg-good-wash p-5 text-good">
          <CheckIcon /> Nothing is wrong: every order comes to its end, no event is parked, and the books
          agree.
        </p>
      ) : (
        <ul className="flex flex-col gap-3">
          {wrong.map(({ key, tone, text, since, act }) => (
            <li
              key={key}
              className={classes(
                'flex flex-wrap items-center gap-x-4 gap-y-2 rounded-xl border-l-4 p-4',
                tone === 'bad' ? 'border-bad bg-bad-wash' : 'border-warn bg-warn-wash',
              )}
            >
              <AlertIcon className={classes('shrink-0', tone === 'bad' ? 'text-bad' : 'text-warn')} />
              <span className="min-w-52 flex-1 font-medium">{text}</span>
              {since && (
                <span className="text-ink-soft text-sm" title={since}>
                  for {formatDuration(Math.max(0, nowMs - Date.parse(since)))}
                </span>
              )}
              {act}
            </li>
          ))}
        </ul>
      )}
      <StuckOrders items={stuck.data?.items ?? []} />
      <FraudSignals signals={signals} />
      <LookedAt signals={signals} books={books.data} />
      {(wrong.length > 0 || signals === undefined) && <Unanswered parts={unanswered} />}
    </>
  );
};

const link = (to: string, text: string, search?: Record<string, string>): ReactNode => (
  <Link
    to={to}
    {...(search && { search })}
    className="inline-flex min-h-11 items-center font-semibold text-action underline underline-offset-4"
  >
    {text}
  </Link>
);

const wrongOf = (signals: Signals | undefined): Wrong[] => {
  if (signals === undefined) return [];
  const { servicesDown, servicesSlow, servicesDegraded, stuckOrders, deadLetters, lowStock } = signals;
  return [
    ...servicesDown.map((name) =>
      servicesSlow.includes(name)
        ? {
            key: `slow ${name}`,
            weight: 65,
            tone: 'warn' as const,
            text: `${name} is slow to answer: it has not said in time how it is`,
            act: null,
          }
        : { key: `down ${name}`, weight: 100, tone: 'bad' as const, text: `${name} is down`, act: null },
    ),
    ...(stuckOrders && stuckOrders.count > 0
      ? [
          {
            key: 'stuck',
            weight: 90,
            tone: 'bad' as const,
            text: `${stuckOrders.count}${isCapped(stuckOrders) ? ' or more' : ''} ${stuckOrders.count === 1 ? 'order is' : 'orders are'} stuck`,
            since: stuckOrders.oldestSince ?? undefined,
            act: link('/orders', 'See them', { stuck: 'true' }),
          },
        ]
      : []),
    ...(deadLetters?.groups ?? []).slice(0, groupsShownMax).map(({ topic, group, reason, waiting }) => ({
      key: `letters ${topic} ${group} ${reason}`,
      weight: 80,
      tone: 'bad' as const,
      text: `${waiting} ${waiting === 1 ? 'event' : 'events'} of ${topic} could not be handled by ${group}: ${reason.replaceAll('_', ' ')}`,
      act: link('/dead-letters', 'Look and replay', { topic, group, reason }),
    })),
    ...((deadLetters?.groups.length ?? 0) > groupsShownMax
      ? [
          {
            key: 'more letters',
            weight: 79,
            tone: 'bad' as const,
            text: `Smaller groups of events that could not be handled, ${(deadLetters?.groups ?? []).slice(groupsShownMax).reduce((sum, { waiting }) => sum + waiting, 0)} altogether`,
            act: link('/dead-letters', 'See all'),
          },
        ]
      : []),
    ...servicesDegraded.map((name) => ({
      key: `degraded ${name}`,
      weight: 60,
      tone: 'warn' as const,
      text: `${name} works without something it uses`,
      act: null,
    })),
    ...(lowStock && lowStock.outOfStock > 0
      ? [
          {
            key: 'stock',
            weight: 20,
            tone: 'warn' as const,
            text: soldOutSentence(lowStock),
            act: link('/stock', 'See the stock', { low: 'yes' }),
          },
        ]
      : []),
  ];
};

const soldOutSentence = (lowStock: NonNullable<Signals['lowStock']>): string => {
  const { outOfStock, count } = lowStock;
  const orMore = isCapped(lowStock) ? ' or more' : '';
  const products = outOfStock === 1 && orMore === '' ? 'product is' : 'products are';
  return `${outOfStock}${orMore} ${products} sold out, ${count}${orMore} run low`;
};

const booksWrong = (
  books: { items: readonly { oracle: string }[]; next: string | null } | undefined,
): Wrong[] =>
  books === undefined || books.items.length === 0
    ? []
    : [
        {
          key: 'books',
          weight: 85,
          tone: 'bad',
          text: `The books differ in ${plural(books.items.length, { one: '{count} place', other: `{count}${books.next === null ? '' : ' or more'} places` })} (${[...new Set(books.items.map(({ oracle }) => oracle))].join(', ')})`,
          act: link('/reconciliation', 'Compare'),
        },
      ];

const heldWrong = (
  items: readonly {
    service: string;
    group: string;
    topic: string | null;
    lag: number;
    heldForMs: number;
    heldSince: string | null;
    reason: string | null;
  }[],
): Wrong[] =>
  items
    .filter(({ heldForMs, topic }) => heldForMs > quietMs || topic === null)
    .slice(0, 5)
    .map(({ service, group, topic, lag, heldSince, reason }, at) => ({
      key: `held ${service} ${group} ${topic} ${at}`,
      weight: 70,
      tone: 'warn',
      text: `${service} makes no progress${topic === null ? '' : ` on ${topic}, ${plural(lag, { one: '{count} event', other: '{count} events' })} behind`}${reason === null ? '' : `: ${reason}`}`,
      since: heldSince ?? undefined,
      act: null,
    }));

const StreamMark = ({ state, asOf }: { state: string; asOf: string | undefined }) => {
  const nowMs = useNow();
  const isLive = state === 'open';
  return (
    <span
      className={classes('inline-flex items-center gap-1.5 text-sm', isLive ? 'text-ink-soft' : 'text-bad')}
    >
      <span aria-hidden="true" className={classes('size-2 rounded-full bg-current', isLive && 'text-good')} />
      {isLive
        ? 'watching live'
        : asOf === undefined
          ? 'connecting'
          : `cut off, last news ${formatDuration(nowMs - Date.parse(asOf))} ago`}
    </span>
  );
};

const StuckOrders = ({
  items,
}: {
  items: readonly { orderId: string; sentence: string; status: string }[];
}) =>
  items.length === 0 ? null : (
    <section aria-label="Stuck orders" className="mt-8">
      <h2 className="mb-3 font-semibold text-lg">Stuck longest</h2>
      <ul className="divide-y divide-line rounded-xl border border-line bg-surface">
        {items.map(({ orderId, sentence, status }) => (
          <li key={orderId}>
            <Link
              to="/orders/$id"
              params={{ id: orderId }}
              className="flex flex-wrap items-baseline gap-x-4 px-4 py-3 text-sm hover:bg-sunken"
            >
              <span className="font-mono font-semibold">{orderId.slice(-8)}</span>
              <span className="text-ink-soft">{status}</span>
              <span className="min-w-0 flex-1">{sentence}</span>
              <span className="font-semibold text-action">Open</span>
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );

/** A part that nobody answers for is not a part where nothing is wrong. */
const Unanswered = ({ parts }: { parts: readonly string[] }) =>
  parts.length === 0 ? null : (
    <p className="mt-6 text-ink-soft text-sm">Not known at the moment: {parts.join(', ')}.</p>
  );
