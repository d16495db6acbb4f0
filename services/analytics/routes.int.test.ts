import { randomInt, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endpoints } from './endpoints.js';
import { refundDays } from './revenue.js';
import { type AskedApp, askedApp, type SaleLine } from './testing/asked-app.js';

const hourMs = 3_600_000;
const fromMs = Date.UTC(2026, 2, 20);
const nowMs = Date.UTC(2026, 10, 10, 12, 34, 56);
const products = Array.from({ length: 5 }, () => randomUUID());
let shop: AskedApp;
const lines: SaleLine[] = [];

beforeAll(async () => {
  shop = await askedApp(nowMs);
  for (let n = 0; n < 300; n += 1) {
    const order = { orderId: randomUUID(), currency: randomInt(3) ? 'GBP' : 'JPY' };
    const atMs = fromMs + randomInt(nowMs - fromMs);
    // A line comes back without the others of its order.
    for (let line = 0; line <= randomInt(4); line += 1) {
      const of = { ...order, line, productId: products[randomInt(5)] as string };
      const quantity = randomInt(1, 9);
      lines.push({ ...of, kind: 'sale', quantity, amountMinor: quantity * 333, atMs });
      if (randomInt(4) === 0)
        lines.push({
          ...of,
          kind: 'refund',
          quantity: -1,
          amountMinor: -333,
          atMs: atMs + randomInt(40 * 24 * hourMs),
        });
    }
  }
  await shop.insertSales(lines);
  await shop.insertProducts([{ productId: products[0] as string, name: '=HYPERLINK("x"), "löwe"' }]);
});
afterAll(() => shop.drop());

/** The date on a wall in the zone, by the runtime's own calendar. */
const dateIn = (zone: string, atMs: number): string =>
  new Intl.DateTimeFormat('en-CA', { timeZone: zone, dateStyle: 'short' }).format(atMs);

type Figures = { orders: number; units: number; gross: number; refunds: number; net: number };

/** Sums by day and currency, computed line by line. */
const booksByDay = (zone: string, refundsAt: 'sale_day' | 'return_day'): Map<string, Figures> => {
  const books = new Map<string, Figures>();
  const soldAt = new Map(
    lines.filter(({ kind }) => kind === 'sale').map((line) => [line.orderId, line.atMs]),
  );
  for (const line of lines) {
    const atMs = refundsAt === 'sale_day' ? (soldAt.get(line.orderId) ?? 0) : line.atMs;
    const key = `${dateIn(zone, atMs)} ${line.currency}`;
    const day = books.get(key) ?? { orders: 0, units: 0, gross: 0, refunds: 0, net: 0 };
    books.set(key, day);
    day.units += line.quantity;
    day.net += line.amountMinor;
    if (line.kind === 'sale') {
      day.orders += Number(line.line === 0);
      day.gross += line.amountMinor;
    } else day.refunds -= line.amountMinor;
  }
  return books;
};

type RevenueRow = Figures & { from: string; currency: string; previous?: Figures & { from: string } };
const figuresOf = ({ orders, units, gross, refunds, net }: Figures): Figures => ({
  orders,
  units,
  gross,
  refunds,
  net,
});
const wholeTime = `from=${new Date(fromMs).toISOString()}&to=2026-12-31T00:00:00Z`;

describe('revenue', () => {
  it.each([
    'UTC',
    'Europe/London',
    'America/New_York',
    'Asia/Kathmandu',
    'Australia/Lord_Howe',
    'America/Havana',
  ])('by the days of %s is what the lines add up to, refunds both ways', async (zone) => {
    for (const refundsAt of ['sale_day', 'return_day'] as const) {
      const path = `revenue?granularity=day&refunds=${refundsAt}&tz=${zone}&${wholeTime}`;
      const rows = await shop.items<RevenueRow>(path);
      const found = rows.map((row) => [
        `${dateIn(zone, Date.parse(row.from))} ${row.currency}`,
        figuresOf(row),
      ]);
      expect(Object.fromEntries(found)).toEqual(Object.fromEntries(booksByDay(zone, refundsAt)));
      expect(new Set(found.map(([key]) => key)).size).toBe(rows.length);
    }
  });

  it('by the hours of a zone half an hour off begins where its clocks show a full hour', async () => {
    const rows = await shop.items<RevenueRow>(`revenue?granularity=hour&tz=Asia/Kolkata&${wholeTime}`);
    expect(rows.every(({ from }) => from.endsWith(':30:00.000Z'))).toBe(true);
    const total = (items: readonly Figures[]) => items.reduce((sum, { net }) => sum + net, 0);
    expect(total(rows)).toBe(lines.reduce((sum, { amountMinor }) => sum + amountMinor, 0));
  });

  it.each([
    ['day', 'Europe/London'],
    ['day', 'UTC'],
    ['hour', 'UTC'],
    ['minute', 'Asia/Kathmandu'],
  ] as const)('of a period by the %s of %s beside the one before', async (granularity, zone) => {
    const span = { day: 31 * 24 * hourMs, hour: 100 * hourMs, minute: 5_000 * 60_000 }[granularity];
    // Both clock changes of London lie in the two periods.
    for (const to of ['2026-04-20T12:00:00Z', '2026-11-09T00:00:00Z']) {
      const from = new Date(Date.parse(to) - span).toISOString();
      const path = `revenue?granularity=${granularity}&tz=${zone}&from=${from}&to=${to}`;
      const compared = await shop.items<RevenueRow>(`${path}&compare=previous`);
      const plain = await shop.items<RevenueRow>(path);
      const sold = compared.filter(({ orders, units, refunds }) => orders || units || refunds);
      expect(sold.map(({ previous: _, ...row }) => row)).toEqual(plain);
      const [first] = compared;
      expect(first?.previous).toBeDefined();
      const begin = compared.map(({ previous }) => previous?.from as string).sort();
      const end = compared.map(({ from: at }) => at).sort();
      const before = await shop.items<RevenueRow>(
        `revenue?granularity=${granularity}&tz=${zone}&from=${begin[0]}&to=${plain[0]?.from ?? end[0]}`,
      );
      for (const row of compared) {
        const same = before.find((one) => one.from === row.previous?.from && one.currency === row.currency);
        if (same !== undefined) expect(row.previous).toEqual({ from: same.from, ...figuresOf(same) });
        // The same place: as many days, hours or minutes before the row as the period is long.
        if (granularity === 'day' && row.previous !== undefined) {
          const dayOf = (at: string) => Date.parse(dateIn(zone, Date.parse(at))) / (24 * hourMs);
          expect([31, 32]).toContain(dayOf(row.from) - dayOf(row.previous.from));
        }
      }
    }
  });
});

describe('top products', () => {
  it.each(refundDays)(
    'of a zone are those of its days, beside the period before, refunds by the %s',
    async (refunds) => {
      const [from, to] = ['2026-05-31T23:00:00Z', '2026-06-30T23:00:00Z'];
      const rows = await shop.items<{
        productId: string;
        currency: string;
        net: number;
        previous: { net: number };
      }>(`top-products?tz=Europe/London&from=${from}&to=${to}&limit=100&compare=previous&refunds=${refunds}`);
      const soldAt = new Map(lines.map(({ orderId, kind, atMs }) => [kind === 'sale' ? orderId : '', atMs]));
      const ledger = lines.map((line) => ({
        ...line,
        atMs: refunds === 'sale_day' ? (soldAt.get(line.orderId) ?? 0) : line.atMs,
      }));
      const net = (row: { productId: string; currency: string }, low: string, high: string) =>
        ledger
          .filter(({ productId, currency }) => productId === row.productId && currency === row.currency)
          .filter(({ atMs }) => atMs >= Date.parse(low) && atMs < Date.parse(high))
          .reduce((sum, { amountMinor }) => sum + amountMinor, 0);
      expect(rows.length).toBeGreaterThan(5);
      for (const row of rows) {
        expect(row.net).toBe(net(row, from, to));
        // The 30 days before, not the month of May.
        expect(row.previous.net).toBe(net(row, '2026-05-01T23:00:00Z', from));
      }
      const yen = `top-products?tz=Europe/London&from=${from}&to=${to}&limit=100&refunds=${refunds}&currency=JPY`;
      expect((await shop.items<{ net: number }>(yen)).map((row) => row.net)).toEqual(
        rows.filter(({ currency }) => currency === 'JPY').map((row) => row.net),
      );
    },
  );
});

describe('a ranking of several currencies', () => {
  const atMs = Date.UTC(2025, 3, 2, 12);
  const period = 'from=2025-04-02T00:00:00Z&to=2025-04-03T00:00:00Z';
  const ids: string[] = Array.from({ length: 12 }, () => randomUUID());
  type Ranked = { productId: string; currency: string };

  beforeAll(async () => {
    const priceOf = (n: number) => (n < 10 ? ['JPY', 9_000 - n] : ['EUR', 500 - n]) as [string, number];
    await shop.insertSales(
      ids.map((productId, n) => {
        const [currency, amountMinor] = priceOf(n);
        const order = { orderId: randomUUID(), line: 0, quantity: 1, kind: 'sale' as const, atMs };
        return { ...order, productId, currency, amountMinor };
      }),
    );
    await shop.clickhouse.insertRows(
      'stock_outs',
      ids.map((productId, n) => {
        const [currency, lost] = priceOf(n);
        const line = {
          order_id: randomUUID(),
          product_id: productId,
          revision: 1,
          requested: 1,
          available: 0,
        };
        return { ...line, currency, lost_minor: lost, occurred_at: '2025-04-02 12:00:00.000' };
      }),
    );
    shop.change();
  });

  it.each(['top-products', 'stock-outs'])(
    'of %s hides none behind the great numbers of another',
    async (name) => {
      const rows = await shop.items<Ranked>(`${name}?${period}&limit=5`);
      expect(rows.map(({ productId }) => ids.indexOf(productId))).toEqual([10, 0, 11, 1, 2]);
      for (const [limit, isCut] of [
        [11, true],
        [12, false],
      ]) {
        const { text } = await shop.ask(`${name}?${period}&limit=${limit}`);
        expect(JSON.parse(text)).toMatchObject({ items: { length: limit }, truncated: isCut });
      }
      const euros = await shop.items<Ranked>(`${name}?${period}&limit=5&currency=EUR`);
      expect(euros.map(({ productId }) => ids.indexOf(productId))).toEqual([10, 11]);
      for (const currency of ['eur', 'EURO', "' OR 1"])
        expect((await shop.ask(`${name}?currency=${encodeURIComponent(currency)}`)).status).toBe(400);
    },
  );
});

describe('rows', () => {
  it('come as CSV and NDJSON with the same values, and say how complete they are', async () => {
    const path = `top-products?${wholeTime}`;
    const json = await shop.ask(path);
    const csv = await shop.ask(path, { accept: 'text/csv' });
    const ndjson = await shop.ask(path, { accept: 'application/x-ndjson' });
    const { items, asOf, lagMs } = JSON.parse(json.text);
    expect(csv.headers['content-type']).toBe('text/csv; charset=utf-8; header=present');
    expect(ndjson.headers['content-type']).toBe('application/x-ndjson; charset=utf-8');
    for (const { headers } of [csv, ndjson])
      expect(headers).toMatchObject({
        'x-as-of': asOf,
        'x-lag-ms': String(lagMs),
        vary: expect.stringMatching(/accept/i),
      });
    expect(
      ndjson.text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(items);
    const [header, ...rest] = csv.text.trimEnd().split('\r\n');
    expect(header).toBe('productId,name,units,net,currency');
    expect(rest).toHaveLength(items.length);
    expect(csv.text).toContain(`${products[0]},"'=HYPERLINK(""x""), ""löwe""",`);
    expect(csv.headers).not.toHaveProperty('x-shared-answer');
  });

  it('have a header where there are none, and columns of a comparison only where one was asked for', async () => {
    const [early, to] = ['1990-01-01T00:00:00Z', '1990-01-02T00:00:00Z'];
    const path = `revenue?from=${early}&to=${to}`;
    expect((await shop.ask(path, { accept: 'text/csv' })).text).toBe(
      'from,currency,orders,units,gross,refunds,net\r\n',
    );
    expect((await shop.ask(`${path}&compare=previous`, { accept: 'text/csv' })).text).toBe(
      'from,currency,orders,units,gross,refunds,net,previous.from,previous.orders,previous.units,previous.gross,previous.refunds,previous.net\r\n',
    );
    expect((await shop.ask(path, { accept: 'application/x-ndjson' })).text).toBe('');
  });

  it('are refused with 406 in any other format', async () => {
    for (const accept of ['application/xml', 'text/csv;q=0', 'image/*'])
      expect(await shop.ask('revenue', { accept })).toMatchObject({ status: 406 });
  });
});

const addresses = ['revenue', 'top-products', ...endpoints.map(({ name }) => name)];

describe.each(addresses)('%s', (name) => {
  const needs = name === 'basket' ? `productId=${products[0]}&` : '';
  const status = async (query: string, options = {}) =>
    (await shop.ask(`${name}?${needs}${query}`, options)).status;

  it('is for analysts and admins', async () => {
    const roles = ['', 'customer', 'support', 'analyst', 'admin'];
    const found = await Promise.all(roles.map((role) => status('', { role })));
    expect(found).toEqual([401, 403, 403, 200, 200]);
  });

  it('answers an empty period with no rows or with zeros', async () => {
    const { status: found, text } = await shop.ask(
      `${name}?${needs}from=1980-01-01T00:00:00Z&to=1980-01-02T00:00:00Z`,
    );
    expect(found).toBe(200);
    expect(JSON.parse(text)).toMatchObject({
      items: expect.any(Array),
      asOf: expect.any(String),
      lagMs: 5_000,
    });
  });

  it.each([
    'from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z',
    'from=2026-03-01T00:00:00Z&to=2026-03-01T00:00:00Z',
    'from=2150-01-01T00:00:00Z',
    'from=0001-01-01T00:00:00Z',
    'to=9999-12-31T23:59:59Z',
    'from=yesterday',
    'from=2026-02-30T00:00:00Z',
    'from=NaN',
    'tz=',
    'tz=Mars/Olympus',
    'tz=%2B02:00',
    "tz=UTC'%20OR%201=1--",
    'tz=UTC&tz=UTC',
    `tz=${'a'.repeat(5_000)}`,
    'tz[]=UTC',
    'from[$gt]=1',
    'limit=1e9',
    'limit=-1',
    'limit=NaN',
    'nonsense=1',
    'format=csv',
  ])('refuses %s', async (query) => {
    expect(await status(query)).toBe(400);
  });

  it('answers in any zone, at the ends of time too', async () => {
    for (const zone of [
      'Pacific/Apia',
      'America/Havana',
      'Africa/Monrovia',
      'Asia/Kathmandu',
      'EST5EDT',
      'Etc/GMT+12',
    ])
      for (const period of [
        'from=1970-01-01T00:00:00Z&to=1970-01-02T00:00:00Z',
        'from=2099-12-30T00:00:00Z&to=2100-01-01T00:00:00Z',
        'from=1970-01-01T00:00:00Z&to=2100-01-01T00:00:00Z',
      ]) {
        const found = await shop.ask(`${name}?${needs}tz=${encodeURIComponent(zone)}&${period}`);
        const isTooLong = found.status === 400 && found.text.includes('is more than');
        expect(isTooLong || found.status === 200, `${zone} ${period} ${found.text}`).toBe(true);
      }
  });
});
