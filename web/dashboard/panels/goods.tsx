import { keepPreviousData, useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { api } from '../../api/client.ts';
import type { components } from '../../api/schema.d.ts';
import { BarList } from '../../kit/bar-list.tsx';
import { Delta } from '../../kit/delta.tsx';
import { categoryPathWords, plural } from '../../words/words.ts';
import { type Asked, paramsOf, useAsked } from '../asked.tsx';
import { inCurrency, ofProducts, underCategory } from '../filters.ts';
import { exact } from '../formats.ts';
import { comparedOrdersMin } from '../not-enough.tsx';
import { Panel } from '../panel.tsx';

type Rows = { items: Record<string, string | number | null>[]; asOf: string; lagMs: number };
const everyMs = 15_000;
const shownMax = 10;

/** What sells, with the period before; a row filters everything by its product. */
export const TopProducts = () => {
  const asked = useAsked();
  const { question, ask, isTable } = asked;
  const top = useQuery({
    queryKey: ['top products', paramsOf(asked), question.category, asked.currency],
    placeholderData: keepPreviousData,
    refetchInterval: everyMs,
    queryFn: async (): Promise<components['schemas']['TopProducts']> => {
      const { from, to, tz } = paramsOf(asked);
      if (question.category === undefined)
        return (
          await api.GET('/api/analytics/top-products', {
            params: {
              query: {
                from,
                to,
                tz,
                limit: 50,
                ...(asked.currency === undefined ? {} : { currency: asked.currency }),
              },
            },
          })
        ).data as components['schemas']['TopProducts'];
      const { data } = await api.POST('/api/analytics/query', {
        body: {
          measures: ['net', 'units'],
          dimensions: ['productId', 'productName', 'currency'],
          filters: [...underCategory(question.category), ...inCurrency(asked.currency)],
          order: [{ by: 'net', direction: 'desc' }],
          from,
          to,
          tz,
          limit: 50,
        },
      });
      const { items, ...rest } = data as unknown as Rows;
      return { ...rest, items: items.map((row) => ({ ...row, name: row.productName })) } as never;
    },
  });
  const currency = asked.currency ?? top.data?.items[0]?.currency;
  const rows = top.data?.items.filter((row) => row.currency === currency) ?? [];
  const shown = rows.slice(0, shownMax);
  const before = useSalesBefore(
    shown.map(({ productId }) => productId),
    currency,
    asked,
  );
  return (
    <Panel
      title="Top products"
      answer={top}
      isTable={isTable}
      isEmpty={rows.length === 0}
      empty="Nothing was sold in this period."
      csv={() => ({
        columns: ['productId', 'name', 'units', 'net, minor units', 'currency'],
        rows: rows.map(({ productId, name, units, net, currency: of }) => [productId, name, units, net, of]),
      })}
    >
      <BarList
        label="Top products"
        rows={shown.map(({ productId, name, net, units }) => ({
          key: productId,
          label: name,
          value: net,
          text: exact(net, currency),
          aside: soldOf({ net, units }, before?.get(productId)),
          onPick: () => ask({ product: question.product === productId ? undefined : productId }),
        }))}
      />
    </Panel>
  );
};

type Sold = { net: number; units: number };

/** The change, or where too little was sold before, how much is now. */
const soldOf = (now: Sold, before: Sold | undefined): ReactNode =>
  before !== undefined && before.units >= comparedOrdersMin ? (
    <Delta now={now.net} before={before.net} />
  ) : (
    `${now.units} sold`
  );

/** What these products sold in the same part of the period before, as far as the running one has come. */
const useSalesBefore = (
  productIds: readonly string[],
  currency: string | undefined,
  { question, previous }: Pick<Asked, 'question' | 'previous'>,
): ReadonlyMap<string, Sold> | undefined => {
  const { from, totalsTo: to } = previous;
  const { tz, category } = question;
  // The order of the ids is no other question.
  const ids = [...productIds].sort();
  const { data } = useQuery({
    queryKey: ['products before', currency, category, tz, from, to, ids],
    enabled: question.compare && ids.length > 0,
    // Of the same currency and category: of others the figures would be compared with these.
    placeholderData: (last, asked) =>
      asked?.queryKey[1] === currency && asked?.queryKey[2] === category ? last : undefined,
    queryFn: async (): Promise<ReadonlyMap<string, Sold>> => {
      const { data } = await api.POST('/api/analytics/query', {
        body: {
          measures: ['net', 'units'],
          dimensions: ['productId'],
          filters: [...ofProducts(ids), ...underCategory(category), ...inCurrency(currency)],
          from,
          to,
          tz,
          limit: shownMax,
        },
      });
      const { items } = data as unknown as { items: (Sold & { productId: string })[] };
      return new Map(items.map((row) => [row.productId, row]));
    },
  });
  return question.compare ? data : undefined;
};

/** The change, or where too few orders were before, how many there are now. */
const asideOf = (row: Rows['items'][number], before: Rows['items'][number] | undefined): ReactNode =>
  before !== undefined && Number(before.orders) >= comparedOrdersMin ? (
    <Delta now={Number(row.net)} before={Number(before.net)} />
  ) : (
    plural(Number(row.orders), { one: '{count} order', other: '{count} orders' })
  );

const currencyOf = (row: Rows['items'][number] | undefined): string | undefined =>
  row && String(row.currency);

/** Revenue by category; a row filters everything by it. */
export const Categories = () => {
  const asked = useAsked();
  const { question, previous, ask, isTable } = asked;
  const read = async (from: string, to: string): Promise<Rows> => {
    const { data } = await api.POST('/api/analytics/query', {
      body: {
        measures: ['net', 'units', 'orders'],
        dimensions: [question.category === undefined ? 'topCategory' : 'category', 'currency'],
        filters: [...underCategory(question.category), ...inCurrency(asked.currency)],
        order: [{ by: 'net', direction: 'desc' }],
        from,
        to,
        tz: question.tz,
        limit: 50,
      },
    });
    return data as unknown as Rows;
  };
  const { from, to } = paramsOf(asked);
  const now = useQuery({
    queryKey: ['categories', from, to, question.tz, question.category, asked.currency],
    queryFn: () => read(from, to),
    placeholderData: keepPreviousData,
    refetchInterval: everyMs,
  });
  const then = useQuery({
    queryKey: [
      'categories',
      previous.from,
      previous.totalsTo,
      question.tz,
      question.category,
      asked.currency,
    ],
    queryFn: () => read(previous.from, previous.totalsTo),
    enabled: question.compare,
    placeholderData: keepPreviousData,
  });
  const nameOf = (row: Rows['items'][number]): string => String(row.topCategory ?? row.category ?? '');
  const currency = asked.currency ?? currencyOf(now.data?.items[0]);
  const rows = now.data?.items.filter((row) => row.currency === currency) ?? [];
  const before = new Map(
    then.data?.items.filter((row) => row.currency === currency).map((row) => [nameOf(row), row]),
  );
  return (
    <Panel
      title="Revenue by category"
      answer={now}
      isTable={isTable}
      isEmpty={rows.length === 0}
      empty="Nothing was sold in this period."
      csv={() => ({
        columns: ['category', 'net, minor units', 'units', 'orders', 'currency'],
        rows: rows.map((row) => [
          nameOf(row),
          Number(row.net),
          Number(row.units),
          Number(row.orders),
          String(row.currency),
        ]),
      })}
    >
      <BarList
        label="Revenue by category"
        rows={rows.slice(0, shownMax).map((row) => ({
          key: nameOf(row),
          label: nameOf(row) === '' ? 'No category' : categoryPathWords(nameOf(row)),
          value: Number(row.net),
          text: exact(Number(row.net), currency),
          aside: asideOf(row, question.compare ? before.get(nameOf(row)) : undefined),
          onPick: () => ask({ category: nameOf(row) }),
        }))}
      />
    </Panel>
  );
};
