import { randomInt, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scratchClickHouse } from '#platform/testing/scratch-clickhouse';
import { termOf } from '#schemas/search-term';
import { costLimits, openQuestions, rawQueries } from './clickhouse-calls.js';
import {
  type Activity,
  type AskedApp,
  askedApp,
  type EndedVisit,
  type ProductHour,
  type SaleLine,
} from './testing/asked-app.js';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const nowMs = Date.UTC(2026, 10, 20, 12, 34, 56);
const startMs = nowMs - 60 * dayMs;
const pick = <T>(of: readonly T[]): T => of[randomInt(of.length)] as T;

const products: { productId: string; name: string; category: string }[] = [
  'home/lighting',
  'home/lighting/lamps',
  'homeware',
  'home',
  'garden/tools',
].map((category, n) => ({ productId: randomUUID(), name: `Prodüct ${n} 'quoted'`, category }));
const users = Array.from({ length: 20 }, () => randomUUID());

const sales: SaleLine[] = Array.from({ length: 400 }, () => {
  const order = {
    orderId: randomUUID(),
    userId: randomInt(4) ? pick(users) : null,
    currency: pick(['EUR', 'GBP', 'JPY']),
    atMs: startMs + randomInt(nowMs - startMs),
  };
  return Array.from({ length: randomInt(1, 4) }, (_, line) => {
    const { productId, category } = products[
      (line + randomInt(3)) % products.length
    ] as (typeof products)[number];
    const quantity = randomInt(1, 6);
    const sale: SaleLine = {
      ...order,
      line,
      productId,
      category,
      quantity,
      amountMinor: quantity * 299,
      kind: 'sale',
    };
    const atMs = order.atMs + randomInt(5 * dayMs);
    return randomInt(5)
      ? [sale]
      : [sale, { ...sale, kind: 'refund' as const, quantity: -1, amountMinor: -299, atMs }];
  }).flat();
}).flat();

const activity: Activity[] = Array.from({ length: 900 }, (_, n) => {
  const type = pick(['product_viewed', 'product_added', 'products_searched', 'checkout_started']);
  return {
    type,
    visitId: `visit-${n % 150}`,
    userId: n % 3 ? pick(users) : null,
    productId: type.startsWith('product_') ? pick(products).productId : null,
    query:
      type === 'products_searched' ? pick(['Lamp', 'ＬＡＭＰ', 'TEA pot', ' tea  POT ', 'ünïcödé ☂']) : null,
    position: type === 'product_viewed' ? randomInt(9) : null,
    results: type === 'products_searched' ? pick([null, 0, 7]) : null,
    device: pick([null, 'mobile', 'desktop']),
    atMs: startMs + randomInt(nowMs - startMs),
  };
});

const endedVisits: EndedVisit[] = Array.from({ length: 600 }, (_, n) => {
  const startedMs = startMs + randomInt(nowMs - startMs);
  const orders = randomInt(3) ? 0 : randomInt(1, 3);
  const seen = () => (randomInt(4) ? pick(products).productId : null);
  return {
    visitId: `visit-${n}`,
    userId: randomInt(3) ? pick(users) : null,
    device: pick([null, 'mobile', 'desktop', 'tablet']),
    startedMs,
    entryProductId: seen(),
    exitProductId: seen(),
    actions: randomInt(1, 4),
    orders,
    isAbandoned: orders === 0 && randomInt(2) === 0,
    atMs: startedMs + randomInt(3_600_000),
  };
});

const nothingSold = { lines: 0, units: 0, grossMinor: 0, returnedUnits: 0, refundedMinor: 0 };
const productHours: ProductHour[] = Array.from({ length: 600 }, (): ProductHour => {
  const of = { productId: pick(products).productId, atMs: startMs + randomInt(nowMs - startMs) };
  const noPrice = { lowestPriceMinor: null, highestPriceMinor: null };
  const seen = { views: randomInt(50), adds: randomInt(9), removes: randomInt(3) };
  if (randomInt(2)) return { ...of, currency: null, ...seen, ...nothingSold, ...noPrice };
  const sold = { ...of, currency: pick(['EUR', 'GBP', 'JPY']), views: 0, adds: 0, removes: 0 };
  const returned = { returnedUnits: randomInt(3), refundedMinor: randomInt(900) };
  if (randomInt(4) === 0) return { ...sold, ...nothingSold, ...returned, ...noPrice };
  const [units, price] = [randomInt(1, 9), randomInt(100, 400)];
  return {
    ...sold,
    ...{ lines: randomInt(1, units + 1), units, grossMinor: units * price + randomInt(50) },
    ...returned,
    ...{ lowestPriceMinor: price, highestPriceMinor: price + randomInt(50) },
  };
});

let shop: AskedApp;
beforeAll(async () => {
  shop = await askedApp(nowMs);
  await shop.insertSales(sales);
  await shop.insertActivity(activity);
  await shop.insertProducts(products);
  await shop.insertVisits(endedVisits);
  await shop.insertProductHours(productHours);
});
afterAll(() => shop.drop());

type Cell = string | number | null;
type Facts<T> = {
  measures: Record<string, (of: readonly T[]) => Cell>;
  dimensions: Record<string, (one: T, zone: string) => Cell>;
};
const distinct = (of: readonly unknown[]) => new Set(of.filter((one) => one !== null)).size;
const sold = (of: readonly SaleLine[]) => of.filter(({ kind }) => kind === 'sale');
const amount = (of: readonly SaleLine[]) => of.reduce((sum, { amountMinor }) => sum + amountMinor, 0);
const pieces = (of: readonly SaleLine[]) => of.reduce((sum, { quantity }) => sum + quantity, 0);
const productOf = (id: unknown) => products.find(({ productId }) => productId === id);
const calendars = new Map<string, Intl.DateTimeFormat>();
const partsAt = (zone: string, atMs: number) => {
  const calendar =
    calendars.get(zone) ??
    new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      timeZoneName: 'longOffset',
    });
  calendars.set(zone, calendar);
  const shown = calendar.format(atMs);
  const [day, month, year, hour] = shown.match(/\d+/g) as [string, string, string, string];
  const date = `${year}-${month}-${day}`;
  // An hour that comes twice, because the clocks went back, has two offsets.
  return { date, hour: Number(hour), keys: { day: date, hour: shown, month: date.slice(0, 7) } };
};
const keyIn = (zone: string, unit: string | undefined, atMs: number): string | undefined =>
  (partsAt(zone, atMs).keys as Record<string, string>)[unit ?? ''];
const hourOf = (atMs: number, zone: string) => partsAt(zone, atMs).hour;
const weekdayOf = (atMs: number, zone: string) => new Date(partsAt(zone, atMs).date).getUTCDay() || 7;

/** Rounded half up. */
const rounded = (amount: number, by: number): Cell => (by === 0 ? null : Math.floor(amount / by + 0.5));
const totalOf = <T>(of: readonly T[], value: (one: T) => number): number =>
  of.reduce((sum, one) => sum + value(one), 0);
const extreme = (of: readonly (number | null)[], pickOf: (...of: number[]) => number): Cell => {
  const known = of.filter((one) => one !== null);
  return known.length === 0 ? null : pickOf(...known);
};
const clockOf = {
  hourOfDay: ({ atMs }: { atMs: number }, zone: string) => hourOf(atMs, zone),
  weekday: ({ atMs }: { atMs: number }, zone: string) => weekdayOf(atMs, zone),
};

const facts: {
  sales: Facts<SaleLine>;
  activity: Facts<Activity>;
  visits: Facts<EndedVisit>;
  performance: Facts<ProductHour>;
} = {
  sales: {
    measures: {
      orders: (of) => distinct(sold(of).map(({ orderId }) => orderId)),
      lines: (of) => sold(of).length,
      units: pieces,
      unitsSold: (of) => pieces(sold(of)),
      unitsReturned: (of) => pieces(sold(of)) - pieces(of),
      gross: (of) => amount(sold(of)),
      refunds: (of) => amount(sold(of)) - amount(of),
      net: amount,
      averageOrder: (of) => {
        const orders = distinct(sold(of).map(({ orderId }) => orderId));
        return orders === 0 ? null : Math.round(amount(sold(of)) / orders);
      },
      buyers: (of) => distinct(sold(of).map(({ userId }) => userId)),
      productsSold: (of) => distinct(sold(of).map(({ productId }) => productId)),
    },
    dimensions: {
      currency: ({ currency }) => currency,
      productId: ({ productId }) => productId,
      productName: ({ productId }) => productOf(productId)?.name ?? '',
      category: ({ category }) => category ?? '',
      topCategory: ({ category }) => category?.split('/')[0] ?? '',
      buyerType: ({ userId }) => (userId === null ? 'guest' : 'account'),
      ...clockOf,
    },
  },
  activity: {
    measures: {
      events: (of) => of.length,
      visits: (of) => distinct(of.map(({ visitId }) => visitId)),
      visitors: (of) => distinct(of.map(({ userId }) => userId)),
      productsSeen: (of) => distinct(of.map(({ productId }) => productId)),
      views: (of) => of.filter(({ type }) => type === 'product_viewed').length,
      searches: (of) => of.filter(({ type }) => type === 'products_searched').length,
      searchesWithoutResult: (of) => of.filter(({ results }) => results === 0).length,
    },
    dimensions: {
      productId: ({ productId }) => productId ?? null,
      productName: ({ productId }) => productOf(productId)?.name ?? '',
      category: ({ productId }) => productOf(productId)?.category ?? '',
      type: ({ type }) => type,
      term: ({ query }) => (query == null ? null : termOf(query)),
      visitorType: ({ userId }) => (userId === null ? 'anonymous' : 'account'),
      position: ({ position }) => position ?? null,
      device: ({ device }) => device ?? null,
      ...clockOf,
    },
  },
  visits: {
    measures: {
      endedVisits: (of) => of.length,
      visitsWithOrder: (of) => of.filter(({ orders }) => orders > 0).length,
      abandonedCarts: (of) => of.filter(({ isAbandoned }) => isAbandoned).length,
      bounces: (of) => of.filter(({ actions }) => actions === 1).length,
      visitActions: (of) => totalOf(of, ({ actions }) => actions),
      averageVisitSeconds: (of) =>
        rounded(
          totalOf(of, ({ startedMs, atMs }) => Math.floor(atMs / 1000) - Math.floor(startedMs / 1000)),
          of.length,
        ),
    },
    dimensions: {
      visitorType: ({ userId }) => (userId === null ? 'anonymous' : 'account'),
      outcome: ({ orders, isAbandoned }) => (orders > 0 ? 'ordered' : isAbandoned ? 'abandoned' : 'left'),
      entryProductId: ({ entryProductId }) => entryProductId,
      exitProductId: ({ exitProductId }) => exitProductId,
      device: ({ device }) => device,
      ...clockOf,
    },
  },
  performance: {
    measures: {
      productViews: (of) => totalOf(of, ({ views }) => views),
      productAdditions: (of) => totalOf(of, ({ adds }) => adds),
      productRemovals: (of) => totalOf(of, ({ removes }) => removes),
      productLines: (of) => totalOf(of, ({ lines }) => lines),
      productUnits: (of) => totalOf(of, ({ units }) => units),
      productUnitsReturned: (of) => totalOf(of, ({ returnedUnits }) => returnedUnits),
      productGross: (of) => totalOf(of, ({ grossMinor }) => grossMinor),
      productRefunds: (of) => totalOf(of, ({ refundedMinor }) => refundedMinor),
      averagePrice: (of) =>
        rounded(
          totalOf(of, ({ grossMinor }) => grossMinor),
          totalOf(of, ({ units }) => units),
        ),
      lowestPrice: (of) =>
        extreme(
          of.map(({ lowestPriceMinor }) => lowestPriceMinor),
          Math.min,
        ),
      highestPrice: (of) =>
        extreme(
          of.map(({ highestPriceMinor }) => highestPriceMinor),
          Math.max,
        ),
    },
    dimensions: {
      currency: ({ currency }) => currency,
      productId: ({ productId }) => productId,
      productName: ({ productId }) => productOf(productId)?.name ?? '',
      category: ({ productId }) => productOf(productId)?.category ?? '',
      topCategory: ({ productId }) => productOf(productId)?.category.split('/')[0] ?? '',
      ...clockOf,
    },
  },
};

const money = [
  ...['gross', 'refunds', 'net', 'averageOrder'],
  ...['productGross', 'productRefunds', 'averagePrice', 'lowestPrice', 'highestPrice'],
];
const zones = ['UTC', 'Europe/London', 'America/St_Johns', 'Asia/Kathmandu'];
const some = <T>(of: readonly T[], most: number): T[] => [
  ...new Set(Array.from({ length: randomInt(most + 1) }, () => pick(of))),
];

const isKept = (value: Cell, operator: string, values: readonly Cell[]): boolean => {
  const has = values.includes(typeof value === 'number' ? value : (value ?? ''));
  const texts = values.map(String);
  switch (operator) {
    case 'equals':
      return has && !(value === null && typeof values[0] === 'number');
    case 'notEquals':
      return !has;
    case 'contains':
      return texts.some((part) =>
        String(value ?? '')
          .toLowerCase()
          .includes(part.toLowerCase()),
      );
    case 'startsWith':
      return texts.some((part) => String(value ?? '').startsWith(part));
    case 'under':
      return texts.some((part) => value === part || String(value ?? '').startsWith(`${part}/`));
    case 'atLeast':
      return value !== null && Number(value) >= Number(values[0]);
    default:
      return value !== null && Number(value) <= Number(values[0]);
  }
};

type Query = {
  measures: string[];
  dimensions: string[];
  filters: { dimension: string; operator: string; values: Cell[] }[];
  granularity?: string;
  tz: string;
};

/** The rows of a query, by loops over the facts. */
const computed = <T extends { atMs: number }>(
  all: readonly T[],
  of: Facts<T>,
  query: Query,
  fromMs: number,
  toMs: number,
) => {
  const groups = new Map<string, { key: Record<string, Cell>; of: T[] }>();
  const names = [...query.dimensions];
  if (query.measures.some((name) => money.includes(name)) && !names.includes('currency'))
    names.push('currency');
  for (const one of all) {
    if (one.atMs < fromMs || one.atMs >= toMs) continue;
    const figureOf = (name: string) => (of.dimensions[name] as (one: T, zone: string) => Cell)(one, query.tz);
    if (
      !query.filters.every(({ dimension, operator, values }) => isKept(figureOf(dimension), operator, values))
    )
      continue;
    const key = Object.fromEntries(names.map((name) => [name, figureOf(name)]));
    const bucket = keyIn(query.tz, query.granularity, one.atMs);
    const whole = bucket === undefined ? key : { bucket, ...key };
    const group = groups.get(JSON.stringify(whole)) ?? { key: whole, of: [] };
    groups.set(JSON.stringify(whole), group);
    group.of.push(one);
  }
  return [...groups.values()].map(({ key, of: rows }) => ({
    ...key,
    ...Object.fromEntries(
      query.measures.map((name) => [name, (of.measures[name] as (of: T[]) => Cell)(rows)]),
    ),
  }));
};

const sorted = (rows: readonly object[]) =>
  rows.map((row) => JSON.stringify(Object.entries(row).sort())).sort();

const randomFilter = <T>(of: Facts<T>, all: readonly T[]) => {
  const dimension = pick(
    Object.keys(of.dimensions).filter((name) => name !== 'hourOfDay' && name !== 'weekday'),
  );
  const value = (of.dimensions[dimension] as (one: T, zone: string) => Cell)(pick(all), 'UTC');
  if (value === null) return [];
  if (typeof value === 'number')
    return [{ dimension, operator: pick(['equals', 'notEquals', 'atLeast', 'atMost']), values: [value] }];
  const operator = pick(['equals', 'notEquals', 'contains', 'startsWith', 'under']);
  return [{ dimension, operator, values: [operator === 'contains' ? value.slice(1, 4) : value] }];
};

describe('a query', () => {
  type Fact = SaleLine | Activity | EndedVisit | ProductHour;
  const allOf: Record<keyof typeof facts, readonly Fact[]> = {
    sales,
    activity,
    visits: endedVisits,
    performance: productHours,
  };

  it.each(Object.keys(facts) as (keyof typeof facts)[])(
    'of %s by any dimensions, filters and buckets is what its facts add up to',
    async (set) => {
      const of = facts[set] as Facts<Fact>;
      const all = allOf[set];
      let rowsSeen = 0;
      for (let n = 0; n < 40; n += 1) {
        const fromMs = Math.floor((startMs + randomInt(40 * dayMs)) / dayMs) * dayMs;
        const toMs = fromMs + randomInt(1, 20) * dayMs;
        const query: Query = {
          measures: [pick(Object.keys(of.measures)), ...some(Object.keys(of.measures), 3)].filter(
            (name, at, list) => list.indexOf(name) === at,
          ),
          dimensions: some(Object.keys(of.dimensions), 2),
          filters: randomInt(2) ? randomFilter(of, all) : [],
          ...(randomInt(2) ? { granularity: pick(['hour', 'day', 'month']) } : {}),
          tz: pick(zones),
        };
        const body = {
          ...query,
          from: new Date(fromMs).toISOString(),
          to: new Date(toMs).toISOString(),
          limit: 10_000,
        };
        const rows = await shop.items<{ from?: string }>('query', body);
        // The buckets that the period touches count whole.
        const whole = (edge: 'low' | 'high'): number => {
          const ends = { low: fromMs, high: toMs }[edge];
          // Without buckets it is whole minutes up to a week, else whole hours of the zone.
          const unit = query.granularity ?? (toMs - fromMs > 7 * dayMs ? 'hour' : undefined);
          if (unit === undefined) return ends;
          const keyAt = (atMs: number) => keyIn(query.tz, unit, atMs);
          let atMs = ends;
          if (edge === 'low') while (keyAt(atMs - 900_000) === keyAt(fromMs)) atMs -= 900_000;
          else while (keyAt(atMs) === keyAt(toMs - 1)) atMs += 900_000;
          return atMs;
        };
        const expected = computed(all, of, query, whole('low'), whole('high'));
        const found = rows.map(({ from, ...row }) => {
          if (from === undefined) return row;
          return { bucket: keyIn(query.tz, query.granularity, Date.parse(from)), ...row };
        });
        // Without a dimension ClickHouse has a row of zeros where nothing is.
        if (expected.length === 0 && found.length === 1) continue;
        expect(sorted(found), JSON.stringify(body)).toEqual(sorted(expected));
        rowsSeen += rows.length;
      }
      expect(rowsSeen).toBeGreaterThan(100);
    },
  );

  it('never adds up currencies, and counts nobody twice', async () => {
    const rows = await shop.items<{ currency: string }>('query', { measures: ['net', 'buyers'] });
    expect(rows.map(({ currency }) => currency).sort()).toEqual(['EUR', 'GBP', 'JPY']);
    const [all] = await shop.items('query', { measures: ['buyers'], from: new Date(startMs).toISOString() });
    expect(all).toEqual({ buyers: distinct(sold(sales).map(({ userId }) => userId)) });
  });

  it('has its rows in the order asked for, as many as asked for, and says when there are more', async () => {
    const ask = async (body: object) => JSON.parse((await shop.ask('query', { body })).text);
    const query = { measures: ['net'], dimensions: ['productName'], order: [{ by: 'net' }], limit: 3 };
    const { items, truncated } = await ask(query);
    expect(items).toHaveLength(3);
    expect(truncated).toBe(true);
    const nets = items.map(({ net }: { net: number }) => net);
    expect(nets).toEqual(nets.toSorted((a: number, b: number) => a - b));
    expect(await ask({ ...query, limit: 1_000 })).toMatchObject({ truncated: false });
    // Rows without their frame have it as a header.
    for (const accept of ['text/csv', 'application/x-ndjson'])
      for (const [limit, isCut] of [
        [3, 'true'],
        [1_000, 'false'],
      ])
        expect((await shop.ask('query', { accept, body: { ...query, limit } })).headers['x-truncated']).toBe(
          isCut,
        );
    const kept = await ask({
      measures: ['net'],
      dimensions: ['productName'],
      filters: [{ measure: 'net', operator: 'atLeast', values: [nets[2] + 1] }],
    });
    expect(kept.items.every(({ net }: { net: number }) => net > nets[2])).toBe(true);
  });

  it('has them in the usual order where none is asked for, or an empty list of them', async () => {
    for (const query of [
      { measures: ['orders'] },
      { measures: ['net'], dimensions: ['productName'], granularity: 'month' },
    ])
      expect(await shop.items('query', { ...query, order: [] })).toEqual(await shop.items('query', query));
  });

  it.each(['equals', 'notEquals', 'startsWith', 'contains'])(
    'takes an id in capitals for the same (%s)',
    async (operator) => {
      const { productId } = products[0] as { productId: string };
      for (const measures of [['units'], ['events']]) {
        const rowsOf = (value: string) =>
          shop.items('query', {
            measures,
            dimensions: ['productId'],
            filters: [{ dimension: 'productId', operator, values: [value] }],
          });
        const rows = await rowsOf(productId);
        expect(rows.length).toBeGreaterThan(0);
        expect(await rowsOf(productId.toUpperCase())).toEqual(rows);
      }
      const named = { dimension: 'productName', operator: 'startsWith', values: ['PRODÜCT'] };
      expect(
        await shop.items('query', { measures: ['units'], dimensions: ['productName'], filters: [named] }),
      ).toEqual([]);
    },
  );

  it('comes as CSV with the columns of the query, its formulas disarmed', async () => {
    const { text, headers } = await shop.ask('query', {
      accept: 'text/csv',
      body: {
        measures: ['searches'],
        dimensions: ['term'],
        granularity: 'month',
        from: '1990-01-01T00:00:00Z',
        to: '1990-01-02T00:00:00Z',
      },
    });
    expect(text).toBe('from,term,searches\r\n');
    expect(headers['content-type']).toContain('text/csv');
  });

  it.each([
    [{}, '/measures'],
    [{ measures: [] }, '/measures'],
    [{ measures: ['nonsense'] }, '/measures/0'],
    [{ measures: ['net', 'constructor'] }, '/measures/1'],
    [{ measures: ['__proto__'] }, '/measures/0'],
    [{ measures: 'net' }, '/measures'],
    [{ measures: ['net', 'net'] }, '/measures'],
    [{ measures: ['net', 'visits'] }, '/measures/1'],
    [{ measures: ['net); DROP TABLE sales; --'] }, '/measures/0'],
    [{ measures: ['net'], dimensions: ['password'] }, '/dimensions/0'],
    [{ measures: ['net'], dimensions: ['productId', 'term'] }, '/dimensions/1'],
    [{ measures: ['net'], dimensions: [['currency']] }, '/dimensions/0'],
    [{ measures: ['net'], filters: [{ dimension: 'nonsense', values: ['a'] }] }, '/filters/0/dimension'],
    [{ measures: ['net'], filters: [{ dimension: 'term', values: ['a'] }] }, '/filters/0/dimension'],
    [
      { measures: ['net'], filters: [{ dimension: 'currency', operator: 'like', values: ['a'] }] },
      '/filters/0/operator',
    ],
    [
      { measures: ['net'], filters: [{ dimension: 'currency', operator: 'atLeast', values: ['a'] }] },
      '/filters/0/operator',
    ],
    [{ measures: ['net'], filters: [{ dimension: 'currency', values: [1] }] }, '/filters/0/values/0'],
    [{ measures: ['net'], filters: [{ dimension: 'weekday', values: ['1'] }] }, '/filters/0/values/0'],
    [{ measures: ['net'], filters: [{ dimension: 'weekday', values: [1e300] }] }, '/filters/0/values/0'],
    [{ measures: ['net'], filters: [{ dimension: 'currency', values: [] }] }, '/filters/0/values'],
    [{ measures: ['net'], filters: [{ values: ['a'] }] }, '/filters/0'],
    [
      { measures: ['net'], filters: [{ measure: 'orders', operator: 'atLeast', values: [1] }] },
      '/filters/0/measure',
    ],
    [
      { measures: ['net'], filters: [{ dimension: 'currency', values: ['x'.repeat(100_000)] }] },
      '/filters/0/values/0',
    ],
    [{ measures: ['net'], granularity: 'century' }, '/granularity'],
    [{ measures: ['net'], granularity: ['day'] }, '/granularity'],
    [{ measures: ['net'], granularity: 'minute', from: '1970-01-01T00:00:00Z' }, '/from'],
    [{ measures: ['net'], from: '2026-02-01T00:00:00Z', to: '2026-01-01T00:00:00Z' }, '/from'],
    [{ measures: ['net'], tz: "UTC'" }, '/tz'],
    [{ measures: ['net'], order: [{ by: 'visits' }] }, '/order/0/by'],
    [{ measures: ['net'], order: [{ by: 'from' }] }, '/order/0/by'],
    [{ measures: ['net'], limit: 0 }, '/limit'],
    [{ measures: ['net'], limit: 1e9 }, '/limit'],
    [{ measures: ['net'], limit: '5' }, '/limit'],
    [{ measures: ['net'], limit: null }, '/limit'],
    [{ measures: ['net'], sql: 'SELECT 1' }, '/sql'],
  ])('is refused with 400 and the path: %j', async (body, path) => {
    const { status, text } = await shop.ask('query', { body });
    expect(status, text).toBe(400);
    expect(JSON.parse(text).errors.map((error: { path: string }) => error.path)).toContain(path);
  });

  it('takes as many filters and values as may be, of quotes alone, and refuses with 400 a byte more', async () => {
    const value = "'".repeat(25);
    const filters = Array(20).fill({ dimension: 'productName', values: Array(100).fill(value) });
    const most = await shop.ask('query', { body: { measures: ['units'], filters } });
    expect(most.status, most.text).toBe(200);
    const more = [
      ...filters.slice(1),
      { dimension: 'productName', values: [...Array(99).fill(value), `${value}'`] },
    ];
    const refused = await shop.ask('query', { body: { measures: ['units'], filters: more } });
    expect(refused.status, refused.text).toBe(400);
    expect(JSON.parse(refused.text).errors).toEqual([
      { path: '/filters', message: expect.stringContaining('50000 bytes') },
    ]);
  });

  it('is refused with 400 where its values are longer than an address may be', async () => {
    const filters = Array(4).fill({ dimension: 'productName', values: Array(100).fill('é'.repeat(500)) });
    expect((await shop.ask('query', { body: { measures: ['units'], filters } })).status).toBe(400);
  });

  it.each(["'", '𝕏'])('takes one filter of as many bytes as may be: %s', async (character) => {
    const value = character.repeat(500 / Buffer.byteLength(character));
    const filters = [{ dimension: 'productName', values: Array(100).fill(value) }];
    const { status, text } = await shop.ask('query', { body: { measures: ['units'], filters } });
    expect(status, text).toBe(200);
  });

  it.each(['', '{', 'null', '[]', '"net"', '1', '{"measures":["net"],"limit":NaN}'])(
    'is refused with 400: the body %j',
    async (body) => {
      expect((await shop.ask('query', { body })).status).toBe(400);
    },
  );

  it.each([10, 99, 2_000, 10_000])(
    'is refused with 400: %i times as many filters or values as may be',
    async (times) => {
      const one = { dimension: 'currency', values: ['EUR'] };
      for (const filters of [
        Array(21 * times).fill(one),
        [{ ...one, values: Array(101 * times).fill('EUR') }],
      ])
        expect([400, 413]).toContain(
          (await shop.ask('query', { body: { measures: ['net'], filters } })).status,
        );
    },
  );

  it.each([
    "'; DROP TABLE sales; --",
    '\\',
    "\\'",
    '{from:DateTime}',
    '%',
    '_',
    '\t\n\r',
    '☂️𝕏',
    '\u202e',
    "['a','b']",
    "a','b",
    '`e`',
  ])('takes %j as a value and nothing else', async (value) => {
    for (const operator of ['equals', 'notEquals', 'contains', 'startsWith', 'under']) {
      const filters = [{ dimension: 'productName', operator, values: [value, 'other'] }];
      const rows = await shop.items<{ lines: number }>('query', {
        measures: ['lines'],
        filters,
        from: new Date(startMs).toISOString(),
      });
      const kept = sold(sales).filter(({ productId }) =>
        isKept(productOf(productId)?.name ?? '', operator, [value, 'other']),
      );
      expect(rows[0]?.lines ?? 0, operator).toBe(kept.length);
    }
  });

  it('of every measure and every dimension alone, in every zone, has an answer', async () => {
    const { items } = JSON.parse((await shop.ask('model')).text);
    const names = (kind: string, set: string): string[] =>
      items
        .filter(
          (row: { kind: string; datasets: string[] }) => row.kind === kind && row.datasets.includes(set),
        )
        .map(({ name }: { name: string }) => name);
    for (const set of Object.keys(facts)) {
      const [first] = names('measure', set);
      for (const measure of names('measure', set))
        await shop.items('query', { measures: [measure], granularity: 'week', tz: 'Asia/Kathmandu' });
      for (const dimension of names('dimension', set))
        await shop.items('query', { measures: [first], dimensions: [dimension], tz: 'America/Havana' });
      await shop.items('query', {
        measures: names('measure', set).slice(0, 10),
        dimensions: names('dimension', set).slice(0, 5),
      });
    }
  });
});

it('a query counts a product by the brand that it has now, also by none where it was taken away', async ({
  onTestFinished,
}) => {
  const own = await askedApp(nowMs);
  onTestFinished(own.drop);
  const productId = randomUUID();
  const atMs = nowMs - hourMs;
  await own.insertSales([
    {
      orderId: randomUUID(),
      line: 0,
      productId,
      quantity: 1,
      amountMinor: 700,
      currency: 'SEK',
      kind: 'sale',
      atMs,
    },
  ]);
  const product = { product_id: productId, name: 'Lamp', category: 'home', currency: 'SEK' };
  await own.clickhouse.insertRows('products', [{ ...product, version: 1, brand: 'Taken away' }]);
  await own.clickhouse.insertRows('products', [{ ...product, version: 2, brand: null }]);
  const query = { measures: ['net'], dimensions: ['brand'] };
  const ofProduct = { dimension: 'productId', values: [productId] };
  expect(await own.items('query', { ...query, filters: [ofProduct] })).toEqual([
    { brand: null, currency: 'SEK', net: 700 },
  ]);
  const ofBrand = { dimension: 'brand', values: ['Taken away'] };
  expect(await own.items('query', { ...query, filters: [ofBrand] })).toEqual([]);
});

describe('the model and its queries', () => {
  it('take a zone, and refuse what is none', async () => {
    expect(await shop.items('model?tz=Europe/London')).toEqual(await shop.items('model'));
    expect((await shop.ask('model?tz=Nowhere')).status).toBe(400);
  });

  it('are for analysts and admins', async () => {
    const roles = ['', 'customer', 'support', 'analyst', 'admin'];
    const asking = (body?: object) =>
      Promise.all(
        roles.map(async (role) => (await shop.ask(body ? 'query' : 'model', { role, body })).status),
      );
    expect(await asking({ measures: ['net'] })).toEqual([401, 403, 403, 200, 200]);
    expect(await asking()).toEqual([401, 403, 403, 200, 200]);
  });
});

describe('a question that would cost too much', () => {
  it.each([
    ['time', { executionSecondsMax: 0.001 }],
    ['memory', { memoryBytesMax: 100_000 }],
  ])('of %s is refused with 422', async (_, limit) => {
    const small = await askedApp(nowMs, { ...costLimits, ...limit });
    try {
      await small.insertActivity(activity);
      const { status, text } = await small.ask('searches');
      expect([status, JSON.parse(text).code]).toEqual([422, 'question_too_costly']);
    } finally {
      await small.drop();
    }
  });

  it('is refused by ClickHouse, not given up before', async ({ onTestFinished }) => {
    const { url, drop } = await scratchClickHouse();
    onTestFinished(drop);
    const { clickhouse, questions } = openQuestions({ url, timeoutMs: 300 }, rawQueries);
    onTestFinished(() => clickhouse.stop());
    const endless =
      'SELECT sum(sipHash64(a.number, b.number)) FROM numbers(1000000) AS a CROSS JOIN numbers(9999) AS b';
    await expect(questions.query(endless)).rejects.toMatchObject({ code: 'clickhouse_limit' });
  });

  it('is refused with 422, and the next is answered', async () => {
    const small = await askedApp(nowMs, { ...costLimits, rowsReadMax: 100, resultRowsMax: 50 });
    try {
      await small.insertSales(sales);
      const ask = (body: object) => small.ask('query', { body });
      const refused = await ask({ measures: ['buyers'] });
      expect([refused.status, JSON.parse(refused.text).code]).toEqual([422, 'question_too_costly']);
      expect((await small.ask('rfm')).status).toBe(422);
      expect((await ask({ measures: ['visits'] })).status).toBe(200);
    } finally {
      await small.drop();
    }
  });
});
