import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { api } from '../../api/client.ts';
import type { components } from '../../api/schema.d.ts';
import { BarList } from '../../kit/bar-list.tsx';
import { plural } from '../../words/words.ts';
import { type Asked, paramsOf, useAsked } from '../asked.tsx';
import { count, exact, percent } from '../formats.ts';
import { Panel } from '../panel.tsx';
import { amountIn, type Recommended, totalOf } from './attributed.ts';

type Schemas = components['schemas'];
const everyMs = 20_000;
const shownMax = 8;

const stepNames: Readonly<Record<string, string>> = {
  product_viewed: 'Saw a product',
  product_added: 'Put one into the cart',
  checkout_started: 'Began to pay',
  order_confirmed: 'Bought',
  products_searched: 'Searched',
  product_removed: 'Took one out',
  recommendation_shown: 'Saw a recommendation',
  recommendation_clicked: 'Followed one',
};

/** How far visits come, and at which step the others leave. */
export const FunnelPanel = () => {
  const asked = useAsked();
  const funnel = useQuery({
    queryKey: ['funnel', paramsOf(asked)],
    placeholderData: keepPreviousData,
    refetchInterval: everyMs,
    queryFn: async () =>
      (await api.GET('/api/analytics/funnel', { params: { query: paramsOf(asked) } }))
        .data as Schemas['Funnel'],
  });
  const steps = funnel.data?.items ?? [];
  const first = steps[0]?.visits ?? 0;
  return (
    <Panel
      title="Funnel"
      isOfWholeShop
      answer={funnel}
      isTable={asked.isTable}
      isEmpty={first === 0}
      empty="No visit in this period."
      csv={() => ({
        columns: ['step', 'type', 'visits', 'of first', 'of previous'],
        rows: steps.map(({ step, type, visits, ofFirst, ofPrevious }) => [
          step,
          type,
          visits,
          ofFirst,
          ofPrevious,
        ]),
      })}
    >
      <ol className="flex flex-col gap-3">
        {steps.map(({ step, type, visits, ofFirst, ofPrevious }) => (
          <li key={step}>
            <div className="flex items-baseline justify-between gap-3 text-sm">
              <span>{stepNames[type] ?? type}</span>
              <span className="tabular">
                <span className="font-semibold">{count(visits)}</span>{' '}
                <span className="text-ink-soft">{percent(ofFirst)}</span>
              </span>
            </div>
            <svg aria-hidden="true" className="mt-1 h-5 w-full">
              <rect width="100%" height="100%" rx="4" className="fill-sunken" />
              <rect width={`${(ofFirst ?? 0) * 100}%`} height="100%" rx="4" className="fill-series-1" />
            </svg>
            {step > 1 && ofPrevious !== null && (
              <p className="mt-0.5 text-ink-soft text-xs">{percent(1 - ofPrevious)} left at this step</p>
            )}
          </li>
        ))}
      </ol>
      <p className="mt-4 text-ink-soft text-xs">
        Of the visits in which somebody saw a product, with the orders that belong to a visit: those that
        guests send without one do not. Conversion, above, is all orders by all visits.
      </p>
    </Panel>
  );
};

const searchesTitle = 'Searches after which nobody opened a product';

/** Words that led to no product: what the shop does not have, or does not call so. */
export const SearchesPanel = () => {
  const asked = useAsked();
  const searches = useQuery({
    queryKey: ['searches', paramsOf(asked)],
    placeholderData: keepPreviousData,
    refetchInterval: everyMs,
    queryFn: async () =>
      (
        await api.GET('/api/analytics/searches', {
          params: { query: { ...paramsOf(asked), by: 'unanswered', limit: 50 } },
        })
      ).data as Schemas['Searches'],
  });
  const rows = (searches.data?.items ?? [])
    .map((row) => ({ ...row, unanswered: row.searches - row.answered }))
    .filter(({ unanswered }) => unanswered > 0);
  return (
    <Panel
      title={searchesTitle}
      isOfWholeShop
      answer={searches}
      isTable={asked.isTable}
      isEmpty={rows.length === 0}
      empty={
        searches.data?.searches
          ? `${plural(searches.data.searches, { one: 'The only search', other: 'Every one of {count} searches' })} led to a product.`
          : 'Nobody searched in this period.'
      }
      csv={() => ({
        columns: [
          'term',
          'searches',
          'unanswered',
          'found nothing',
          'results known',
          'visits',
          'click-through rate',
        ],
        rows: rows.map((row) => [
          row.term,
          row.searches,
          row.unanswered,
          row.withoutResult,
          row.resultsKnown,
          row.visits,
          row.clickThroughRate,
        ]),
      })}
    >
      <p className="mb-2 text-ink-soft text-sm">
        What was found was nothing, or nothing that was wanted. Searches without a product, of all with these
        words:
      </p>
      <BarList
        label={searchesTitle}
        rows={rows.slice(0, shownMax).map(({ term, unanswered, searches: all, visits, withoutResult }) => ({
          key: term,
          label: `“${term}”`,
          value: unanswered,
          text: `${count(unanswered)} of ${count(all)}`,
          aside: [
            ...(withoutResult > 0 ? [`${count(withoutResult)} found nothing`] : []),
            plural(visits, { one: '{count} visit', other: '{count} visits' }),
          ].join(' · '),
        }))}
      />
    </Panel>
  );
};

const useAttribution = (asked: Asked, by: 'product' | 'position', limit: number) =>
  useQuery({
    queryKey: ['attribution', by, paramsOf(asked)],
    placeholderData: keepPreviousData,
    refetchInterval: everyMs,
    queryFn: async () =>
      (await api.GET('/api/analytics/attribution', { params: { query: { ...paramsOf(asked), by, limit } } }))
        .data as Schemas['Attribution'],
  });

/** What recommendations have sold. */
export const AttributionPanel = () => {
  const asked = useAsked();
  const credit = useAttribution(asked, 'product', 50);
  // The products are the first fifty. The places in a list are few, and the shop's pages send one with each showing and
  // click, so that their sums are of all products.
  const places = useAttribution(asked, 'position', 100);
  const moneyOf = (row: Recommended): number => amountIn(row, asked.currency);
  const rows = credit.data?.items ?? [];
  const all = places.data && totalOf(places.data.items, asked.currency);
  const orMore = places.data?.truncated ? '+' : '';
  return (
    <Panel
      title="Sold by recommendations"
      isOfWholeShop
      answer={{ ...credit, isPlaceholderData: credit.isPlaceholderData || places.isPlaceholderData }}
      isTable={asked.isTable}
      isEmpty={rows.length === 0}
      empty="No recommendation was seen in this period."
      csv={() => ({
        columns: [
          'productId',
          'name',
          'shown',
          'clicked',
          'added',
          'orders',
          `revenue, minor units ${asked.currency ?? ''}`,
        ],
        rows: rows.map((row) => [
          row.productId,
          row.name,
          row.shown,
          row.clicked,
          row.added,
          row.orders,
          moneyOf(row),
        ]),
      })}
    >
      <dl className="mb-3 grid grid-cols-3 gap-3 text-sm">
        <Figure name="Revenue" text={all ? exact(all.amountMinor, asked.currency) + orMore : '–'} />
        <Figure name="Clicked" text={percent(all?.clickThroughRate)} />
        <Figure name="Shown" text={all ? count(all.shown) + orMore : '–'} />
      </dl>
      <BarList
        label="Recommended products"
        rows={[...rows]
          .sort((a, b) => moneyOf(b) - moneyOf(a) || b.clicked - a.clicked)
          .slice(0, 6)
          .map((row) => ({
            key: row.productId ?? '',
            label: row.name ?? row.productId ?? '',
            value: moneyOf(row),
            text: exact(moneyOf(row), asked.currency),
            aside: `${count(row.clicked)} of ${count(row.shown)} clicked`,
          }))}
      />
    </Panel>
  );
};

const Figure = ({ name, text }: { name: string; text: string }) => (
  <div>
    <dt className="text-ink-soft text-xs">{name}</dt>
    <dd className="tabular font-semibold text-lg">{text}</dd>
  </div>
);

/** Orders that ended because something was not there, and what they would have paid. */
export const StockOutsPanel = () => {
  const asked = useAsked();
  const outs = useQuery({
    queryKey: ['stock-outs', paramsOf(asked), asked.currency],
    placeholderData: keepPreviousData,
    refetchInterval: everyMs,
    queryFn: async () =>
      (
        await api.GET('/api/analytics/stock-outs', {
          params: {
            query: {
              ...paramsOf(asked),
              limit: 50,
              ...(asked.currency === undefined ? {} : { currency: asked.currency }),
            },
          },
        })
      ).data as Schemas['StockOuts'],
  });
  const rows = outs.data?.items ?? [];
  return (
    <Panel
      title="Lost by stock-outs"
      isOfWholeShop
      answer={outs}
      isTable={asked.isTable}
      isEmpty={rows.length === 0}
      empty="Nobody wanted what was not there."
      csv={() => ({
        columns: [
          'productId',
          'name',
          'orders',
          'requested',
          'missing',
          'lost, minor units',
          'currency',
          'last',
        ],
        rows: rows.map((row) => [
          row.productId,
          row.name,
          row.orders,
          row.requested,
          row.missing,
          row.lostMinor,
          row.currency,
          row.lastAt,
        ]),
      })}
    >
      <BarList
        label="Lost by stock-outs"
        rows={rows.slice(0, shownMax).map((row) => ({
          key: row.productId,
          label: row.name || row.productId,
          value: row.lostMinor,
          text: row.currency === null ? `${row.missing} missing` : exact(row.lostMinor, row.currency),
          aside: plural(row.orders, { one: '{count} order', other: '{count} orders' }),
        }))}
      />
    </Panel>
  );
};
