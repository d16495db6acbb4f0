import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { api } from '../../api/client.ts';
import type { components } from '../../api/schema.d.ts';
import { BarList } from '../../kit/bar-list.tsx';
import { timeFormats } from '../../kit/time.ts';
import { plural } from '../../words/words.ts';
import { useAsked } from '../asked.tsx';
import { count, exact, percent } from '../formats.ts';
import { Panel } from '../panel.tsx';
import { periodOf } from '../question.ts';

type Schemas = components['schemas'];
const everyMs = 60_000;
const cohortsMax = 8;

/** Weeks by their first orders, and how many of their buyers came again. It looks further back than the period. */
export const RetentionPanel = () => {
  const { question, isTable } = useAsked();
  const retention = useQuery({
    queryKey: ['retention', question.tz],
    placeholderData: keepPreviousData,
    refetchInterval: everyMs,
    queryFn: async () =>
      (
        await api.GET('/api/analytics/retention', {
          params: { query: { tz: question.tz, granularity: 'week' } },
        })
      ).data as Schemas['Retention'],
  });
  const rows = retention.data?.items ?? [];
  const cohorts = [...new Set(rows.map(({ cohort }) => cohort))].sort().slice(-cohortsMax);
  const width = Math.min(12, Math.max(0, ...rows.map(({ period }) => period)) + 1);
  const { day } = timeFormats(question.tz);
  return (
    <Panel
      title="Retention by week"
      isOfWholeShop
      answer={retention}
      isTable={isTable}
      isEmpty={width < 2}
      empty={
        rows.length === 0
          ? 'No account has ordered yet.'
          : `Not enough yet: whether ${plural(rows[0]?.size ?? 0, { one: 'the first buyer', other: 'the first {count} buyers' })} came again shows from next week on.`
      }
      csv={() => ({
        columns: ['cohort', 'size', 'week', 'buyers', 'rate'],
        rows: rows.map((row) => [row.cohort, row.size, row.period, row.buyers, row.rate]),
      })}
    >
      <div className="overflow-x-auto">
        <table className="w-full border-separate border-spacing-0.5 text-xs">
          <caption className="sr-only">Share of each week’s new buyers who ordered again</caption>
          <thead>
            <tr className="text-ink-soft">
              <th scope="col" className="text-left font-normal">
                First order
              </th>
              <th scope="col" className="text-right font-normal">
                Buyers
              </th>
              {Array.from({ length: width }, (_, week) => week).map((week) => (
                <th key={week} scope="col" className="font-normal">
                  {week === 0 ? 'week 0' : `+${week}`}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {cohorts.map((cohort) => {
              const own = rows.filter((row) => row.cohort === cohort);
              return (
                <tr key={cohort}>
                  <th scope="row" className="whitespace-nowrap pr-2 text-left font-normal">
                    {day.format(new Date(cohort))}
                  </th>
                  <td className="tabular pr-2 text-right">{count(own[0]?.size ?? 0)}</td>
                  {Array.from({ length: width }, (_, week) => week).map((week) => {
                    const cell = own.find(({ period }) => period === week);
                    return (
                      <HeatCell
                        key={week}
                        rate={cell?.rate}
                        title={cell ? `${count(cell.buyers)} of ${count(cell.size)}` : ''}
                      />
                    );
                  })}
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </Panel>
  );
};

/** The share is written in the cell, so the shade says nothing that cannot be read. */
const HeatCell = ({ rate, title }: { rate: number | undefined; title: string }) => (
  <td className="relative h-8 min-w-11 text-center" title={title}>
    {rate !== undefined && (
      <>
        <svg aria-hidden="true" className="absolute inset-0 size-full">
          <rect width="100%" height="100%" rx="4" className="fill-sunken" />
          <rect
            width="100%"
            height="100%"
            rx="4"
            fillOpacity={Math.min(0.4, rate * 0.4)}
            className="fill-series-1"
          />
        </svg>
        <span className="tabular relative">{percent(rate)}</span>
      </>
    )}
  </td>
);

const segments: Readonly<Record<string, { name: string; what: string }>> = {
  champions: { name: 'Champions', what: 'bought lately, often, for much' },
  loyal: { name: 'Loyal', what: 'buy again and again' },
  potential_loyalists: { name: 'Becoming loyal', what: 'bought lately, more than once' },
  new: { name: 'New', what: 'their first order was lately' },
  promising: { name: 'Promising', what: 'new, for little so far' },
  need_attention: { name: 'Need attention', what: 'good, but quieter' },
  about_to_sleep: { name: 'About to sleep', what: 'seldom, and not this week' },
  cannot_lose: { name: 'Cannot lose', what: 'bought much, long ago' },
  at_risk: { name: 'At risk', what: 'bought often, long ago' },
  hibernating: { name: 'Hibernating', what: 'seldom, long ago' },
};

/** Days as a mean of many buyers, so that a fresh order is not "0 days ago". */
const lately = (days: number): string =>
  days < 1 ? 'today' : plural(Math.round(days), { one: '{count} day ago', other: '{count} days ago' });

/** The segments are fifths of all buyers: of fewer, a fifth says nothing. */
const buyersMin = 20;

/** Buyers by how lately, how often and for how much they bought; a tile’s shade is its share of the money. */
export const RfmPanel = () => {
  const asked = useAsked();
  const { question, isTable } = asked;
  const rfm = useQuery({
    queryKey: ['rfm', question.tz],
    placeholderData: keepPreviousData,
    refetchInterval: everyMs,
    queryFn: async () =>
      (await api.GET('/api/analytics/rfm', { params: { query: { tz: question.tz } } }))
        .data as Schemas['Rfm'],
  });
  const currency = asked.currency ?? rfm.data?.items[0]?.currency;
  const rows = (rfm.data?.items ?? []).filter((row) => row.currency === currency);
  const total = rows.reduce((sum, { net }) => sum + net, 0);
  const buyersOfAll = rows.reduce((sum, { buyers }) => sum + buyers, 0);
  return (
    <Panel
      title="Buyers by recency, frequency, value"
      isOfWholeShop
      answer={rfm}
      isTable={isTable}
      isEmpty={buyersOfAll < buyersMin}
      empty={
        buyersOfAll === 0
          ? 'No account has ordered yet.'
          : `Not enough yet: ${plural(buyersOfAll, { one: '{count} account has', other: '{count} accounts have' })} ordered, and from ${buyersMin} on they are sorted into segments.`
      }
      csv={() => ({
        columns: [
          'segment',
          'buyers',
          'orders',
          'net, minor units',
          'currency',
          'days since order',
          'orders a buyer',
        ],
        rows: rows.map((row) => [
          row.segment,
          row.buyers,
          row.orders,
          row.net,
          row.currency,
          row.daysSinceOrder,
          row.ordersPerBuyer,
        ]),
      })}
    >
      <ul className="grid grid-cols-2 gap-2 sm:grid-cols-3">
        {rows.map(({ segment, buyers, net, daysSinceOrder }) => (
          <li key={segment} className="relative overflow-hidden rounded-lg p-3 text-sm">
            <svg aria-hidden="true" className="absolute inset-0 size-full">
              <rect width="100%" height="100%" className="fill-sunken" />
              <rect
                width="100%"
                height="100%"
                fillOpacity={total === 0 ? 0 : Math.min(0.3, (net / total) * 0.5)}
                className="fill-series-1"
              />
            </svg>
            <div className="relative">
              <p className="font-semibold">{segments[segment]?.name ?? segment}</p>
              <p className="text-xs">{segments[segment]?.what}</p>
              <p className="tabular mt-1">
                {plural(buyers, { one: '{count} buyer', other: '{count} buyers' })} · {exact(net, currency)}
              </p>
              <p className="text-xs">last order {lately(daysSinceOrder)}</p>
            </div>
          </li>
        ))}
      </ul>
    </Panel>
  );
};

/** What a few orders hold together is chance. */
const ordersMin = 5;

/** Longer than most periods that are asked about, in which few orders have the same two products. */
const basketRange = '30d';

/** What goes with a product: of the one that is filtered by, or the best seller. */
export const BasketPanel = () => {
  const { question, period, ask, isTable } = useAsked();
  const best = useQuery({
    queryKey: ['best seller', period.from, period.to, question.tz],
    enabled: question.product === undefined,
    placeholderData: keepPreviousData,
    refetchInterval: everyMs,
    queryFn: async () =>
      (
        await api.GET('/api/analytics/top-products', {
          params: { query: { from: period.from, to: period.to, tz: question.tz, by: 'units', limit: 1 } },
        })
      ).data as Schemas['TopProducts'],
  });
  const productId = question.product ?? best.data?.items[0]?.productId;
  const isUnsold = productId === undefined && !best.isPending;
  const product = useQuery({
    queryKey: ['product name', productId],
    enabled: productId !== undefined,
    queryFn: async () =>
      (await api.GET('/api/products/{productId}', { params: { path: { productId: productId ?? '' } } })).data
        ?.name ?? productId,
  });
  const { from } = periodOf({ range: basketRange, tz: question.tz }, Date.now());
  const basket = useQuery({
    queryKey: ['basket', productId, from, question.tz],
    enabled: productId !== undefined,
    placeholderData: keepPreviousData,
    refetchInterval: everyMs,
    queryFn: async () =>
      (
        await api.GET('/api/analytics/basket', {
          params: { query: { productId: productId ?? '', from, tz: question.tz, ordersMin, limit: 20 } },
        })
      ).data as Schemas['Basket'],
  });
  const rows = basket.data?.items ?? [];
  return (
    <Panel
      title="Bought together"
      className="lg:col-span-2 2xl:col-span-1"
      answer={isUnsold ? best : basket}
      isTable={isTable}
      isEmpty={isUnsold || rows.length === 0}
      empty={
        isUnsold
          ? 'Nothing was sold in this period.'
          : `Not enough yet: nothing was bought together with ${product.data ?? 'it'} in ${ordersMin} orders.`
      }
      csv={() => ({
        columns: ['productId', 'name', 'orders', 'support', 'confidence', 'lift'],
        rows: rows.map((row) => [row.productId, row.name, row.orders, row.support, row.confidence, row.lift]),
      })}
    >
      <p className="mb-2 text-ink-soft text-sm">
        with <span className="font-medium text-ink">{product.data ?? 'the best seller'}</span>, in{' '}
        {plural(basket.data?.ordersOfProduct ?? 0, { one: '{count} order', other: '{count} orders' })} of the
        last 30 days
      </p>
      <BarList
        label="Bought together"
        rows={rows.slice(0, 7).map(({ productId: id, name, orders, lift, confidence }) => ({
          key: id,
          label: name,
          value: lift,
          text: `× ${lift.toPrecision(2)}`,
          aside: `${plural(orders, { one: '{count} order', other: '{count} orders' })}, ${percent(confidence)}`,
          onPick: () => ask({ product: id }),
        }))}
      />
    </Panel>
  );
};
