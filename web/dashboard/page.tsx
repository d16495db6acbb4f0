import { memo, useEffect, useMemo, useState } from 'react';
import { logOut, useUser } from '../api/login.ts';
import { classes } from '../kit/classes.ts';
import { Dialog } from '../kit/dialog.tsx';
import { useNow } from '../kit/freshness.tsx';
import { CloseIcon } from '../kit/icons.tsx';
import { ThemeSwitch } from '../kit/theme.tsx';
import { timeFormats } from '../kit/time.ts';
import { PageTitle } from '../staff/page-title.tsx';
import { categoryPathWords } from '../words/words.ts';
import { type Asked, AskedProvider } from './asked.tsx';
import { useLiveFigures } from './live/live-figures.ts';
import { LiveStrip } from './live/live-strip.tsx';
import { OverviewPanels, useOverview, useRefreshAsOrdersLand } from './overview.tsx';
import { BasketPanel, RetentionPanel, RfmPanel } from './panels/buyers.tsx';
import { Categories, TopProducts } from './panels/goods.tsx';
import { AttributionPanel, FunnelPanel, SearchesPanel, StockOutsPanel } from './panels/traffic.tsx';
import {
  currencyChoices,
  homeZone,
  type Period,
  periodOf,
  previousOf,
  type Question,
  type Range,
} from './question.ts';
import { currenciesOf, useCurrencies } from './revenue.ts';
import { useQuestion } from './use-question.ts';

/** The short names are for phones, where all of them fit in one row. */
const rangeKeys: readonly { range: Range; name: string; short: string; key: string }[] = [
  { range: 'hour', name: 'Last hour', short: 'Hour', key: 'h' },
  { range: 'today', name: 'Today', short: 'Today', key: 'd' },
  { range: 'yesterday', name: 'Yesterday', short: 'Yesterday', key: 'y' },
  { range: '7d', name: '7 days', short: '7 d', key: 'w' },
  { range: '30d', name: '30 days', short: '30 d', key: 'm' },
  { range: '90d', name: '90 days', short: '90 d', key: 'q' },
];

/** The period moves on by whole buckets, so that it stays the same between them. */
const clockMs = 5_000;

export const DashboardPage = () => {
  const { question, ask } = useQuestion();
  const nowMs = useNow(clockMs);
  const [isTable, setTable] = useState(false);
  const [isHelp, setHelp] = useState(false);
  const text = JSON.stringify(periodOf(question, nowMs));
  const period = useMemo(() => JSON.parse(text) as Period, [text]);
  const previousText = JSON.stringify(previousOf(question, period, nowMs));
  const previous = useMemo(() => JSON.parse(previousText) as Asked['previous'], [previousText]);
  const overview = useOverview(period, question.tz);
  // Either answer has the currencies: where one fails, the other's figures are shown all the same.
  const ofRevenue = useCurrencies(question, period);
  const ofOverview = overview.data && currenciesOf(overview.data.items);
  const currencies = ofOverview ?? ofRevenue ?? [];
  const isQuiet = currencies.length === 0 && (ofOverview ?? ofRevenue) !== undefined;
  const lately = useOverview(periodOf({ ...question, range: '90d' }, nowMs), question.tz, isQuiet);
  // A period without sales has no currency of its own; the live figures beside it have one all the same.
  const currency = question.currency ?? currencies[0] ?? lately.data?.items[0]?.currency;
  const choices = currencyChoices(
    question,
    isQuiet && lately.data ? currenciesOf(lately.data.items) : currencies,
  );
  const figures = useLiveFigures(currency);
  useShortcuts(question, ask, setTable, setHelp);
  useRefreshAsOrdersLand(figures.landed, period);
  const asked = useMemo(
    (): Asked => ({ question, ask, period, previous, currency, isTable }),
    [question, ask, period, previous, currency, isTable],
  );
  return (
    <AskedProvider value={asked}>
      <Header {...{ question, ask, period, choices, currency }} />
      <main className="mx-auto flex max-w-[100rem] flex-col gap-4 p-4 lg:px-8 lg:pt-6">
        <PageTitle
          title={titleOf(question)}
          app="Dashboard"
          aside={<Filters question={question} ask={ask} />}
        >
          {spanWords(question, period, previous)}
        </PageTitle>
        <LiveStrip figures={figures} zone={question.tz} />
        <Panels />
        <p className="text-ink-soft text-xs">
          Live figures are of these minutes and may still grow; the others are complete to the time that each
          panel says. Press ? for the keys.
        </p>
      </main>
      <Help isOpen={isHelp} onClose={() => setHelp(false)} />
    </AskedProvider>
  );
};

const titleOf = ({ range }: Question): string =>
  rangeKeys.find((each) => each.range === range)?.name ?? 'Chosen time';

/** What the figures are of, and beside what they stand. */
const spanWords = ({ compare, tz }: Question, { from, to }: Period, previous: Period): string => {
  const { moment } = timeFormats(tz);
  const end = Date.parse(to) > Date.now() ? 'now' : moment.format(new Date(to));
  const beside = compare ? `, beside the same time from ${moment.format(new Date(previous.from))}` : '';
  return `${moment.format(new Date(from))} to ${end}, ${tz}${beside}`;
};

/** Drawn again for another question or an answer, and not with the live figures every second. */
const Panels = memo(() => (
  <>
    <OverviewPanels />
    <div className="grid grid-cols-[minmax(0,1fr)] gap-4 lg:grid-cols-2 2xl:grid-cols-3">
      <TopProducts />
      <Categories />
      <FunnelPanel />
      <AttributionPanel />
      <SearchesPanel />
      <StockOutsPanel />
      <RetentionPanel />
      <RfmPanel />
      <BasketPanel />
    </div>
  </>
));

const Header = ({
  question,
  ask,
  choices,
  currency,
}: {
  question: Question;
  ask: Asked['ask'];
  period: Period;
  /** The currencies that can be chosen. */
  choices: readonly string[];
  currency: string | undefined;
}) => {
  const user = useUser();
  return (
    <header className="sticky top-0 z-10 flex flex-wrap items-center gap-x-4 gap-y-2 border-line border-b bg-surface px-4 py-2 lg:px-8">
      <a href="/dashboard" className="whitespace-nowrap font-display text-xl">
        Cartstream <span className="text-ink-soft max-sm:sr-only">dashboard</span>
      </a>
      <nav
        aria-label="Period"
        className="order-last flex w-full gap-1 overflow-x-auto lg:order-none lg:w-auto"
      >
        {rangeKeys.map(({ range, name, short, key }) => (
          <button
            key={range}
            type="button"
            aria-pressed={question.range === range}
            aria-keyshortcuts={key}
            title={`${name} (${key.toUpperCase()})`}
            onClick={() => ask({ range, from: undefined, to: undefined })}
            className={classes(
              'min-h-10 whitespace-nowrap rounded-lg px-2 text-sm sm:px-3',
              question.range === range ? 'bg-action-wash font-semibold text-action' : 'hover:bg-sunken',
            )}
          >
            <span className="sm:hidden">{short}</span>
            <span className="max-sm:hidden">{name}</span>
          </button>
        ))}
      </nav>
      <label className="inline-flex min-h-10 items-center gap-2 whitespace-nowrap text-sm">
        <input
          type="checkbox"
          checked={question.compare}
          onChange={(event) => ask({ compare: event.target.checked })}
          className="size-4"
        />
        Compare
      </label>
      <ZoneSelect zone={question.tz} onChange={(tz) => ask({ tz })} />
      {choices.length > 1 && (
        <select
          aria-label="Currency"
          value={currency}
          onChange={(event) => ask({ currency: event.target.value })}
          className="min-h-10 rounded-lg border border-line-strong bg-surface px-2 text-sm"
        >
          {choices.map((code) => (
            <option key={code}>{code}</option>
          ))}
        </select>
      )}
      <div className="ml-auto flex items-center">
        <a href="/" className="rounded-lg px-3 py-2.5 text-sm hover:bg-sunken">
          Shop
        </a>
        {user?.roles.includes('admin') && (
          <a href="/admin" className="rounded-lg px-3 py-2.5 text-sm hover:bg-sunken">
            Admin
          </a>
        )}
        <ThemeSwitch />
        <button
          type="button"
          onClick={() => void logOut()}
          className="min-h-10 whitespace-nowrap rounded-lg px-3 text-sm hover:bg-sunken"
        >
          Log out
        </button>
      </div>
    </header>
  );
};

const usualZones = [
  'UTC',
  'Europe/London',
  'Europe/Berlin',
  'America/New_York',
  'America/Los_Angeles',
  'Asia/Tokyo',
  'Australia/Sydney',
];

const ZoneSelect = ({ zone, onChange }: { zone: string; onChange(zone: string): void }) => (
  <select
    aria-label="Time zone"
    value={zone}
    onChange={(event) => onChange(event.target.value)}
    className="min-h-10 max-w-44 rounded-lg border border-line-strong bg-surface px-2 text-sm"
  >
    {[...new Set([zone, homeZone(), ...usualZones])].map((name) => (
      <option key={name}>{name}</option>
    ))}
  </select>
);

/** What narrows the question, each with a way out of it. */
const Filters = ({ question, ask }: { question: Question; ask: Asked['ask'] }) => {
  const { range, from, to, category, product, tz } = question;
  const { moment } = timeFormats(tz);
  const chips = [
    ...(range === 'custom' && from && to
      ? [
          {
            text: `${moment.format(new Date(from))} to ${moment.format(new Date(to))}`,
            out: { range: 'today' as const, from: undefined, to: undefined },
          },
        ]
      : []),
    ...(category ? [{ text: `in ${categoryPathWords(category)}`, out: { category: undefined } }] : []),
    ...(product ? [{ text: 'one product', out: { product: undefined } }] : []),
  ];
  return chips.map(({ text, out }) => (
    <button
      key={text}
      type="button"
      onClick={() => ask(out)}
      className="inline-flex min-h-9 items-center gap-2 rounded-full border border-action bg-action-wash px-3 text-action text-sm"
    >
      {text}
      <CloseIcon size={14} />
      <span className="sr-only">, remove</span>
    </button>
  ));
};

const keysShown = [
  ...rangeKeys.map(({ key, name }) => [key.toUpperCase(), name] as const),
  ['X', 'Compare with the period before'],
  ['T', 'Tables instead of drawings'],
  ['Esc', 'Clear what narrows the question'],
  ['?', 'These keys'],
] as const;

const Help = ({ isOpen, onClose }: { isOpen: boolean; onClose(): void }) => (
  <Dialog isOpen={isOpen} onClose={onClose} title="Keys">
    <dl className="grid grid-cols-[4rem_1fr] gap-y-2">
      {keysShown.map(([key, what]) => (
        <div key={key} className="contents">
          <dt>
            <kbd className="rounded border border-line-strong px-2 py-0.5 font-mono text-sm">{key}</kbd>
          </dt>
          <dd>{what}</dd>
        </div>
      ))}
    </dl>
  </Dialog>
);

/** One letter each; off while somebody types or a dialog is open. */
const useShortcuts = (
  question: Question,
  ask: Asked['ask'],
  setTable: (change: (is: boolean) => boolean) => void,
  setHelp: (is: boolean) => void,
): void => {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const target = event.target as HTMLElement;
      if (
        event.metaKey ||
        event.ctrlKey ||
        event.altKey ||
        target.closest?.('input:not([type="checkbox"]), textarea, select, dialog')
      )
        return;
      const range = rangeKeys.find(({ key }) => key === event.key.toLowerCase());
      if (range) ask({ range: range.range, from: undefined, to: undefined });
      else if (event.key === 'x') ask({ compare: !question.compare });
      else if (event.key === 't') setTable((is) => !is);
      else if (event.key === '?') setHelp(true);
      else if (event.key === 'Escape')
        ask({
          category: undefined,
          product: undefined,
          ...(question.range === 'custom' ? { range: 'today' as const, from: undefined, to: undefined } : {}),
        });
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [question, ask, setTable, setHelp]);
};
