import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AskedApp, askedApp } from '../services/analytics/testing/asked-app.js';
import {
  type BookLine,
  fewInvoices,
  ledgerOf,
  readInvoices,
  stockCodeOf,
  yearOfInvoices,
} from './invoices/ledger.js';
import { figuresByScript, hasPython, type ScriptFigures } from './invoices/script.js';

/**
 * Real invoices, a line at a time into ClickHouse, and every figure of the analytics against the same figure added up here
 * from the books. The days and hours of London are those that the file has as text, so no calendar of ours takes part.
 * `INVOICES=year` takes those of a year, which are 390,000 lines and a minute more.
 */
const isWholeYear = process.env.INVOICES === 'year';
const invoices = isWholeYear ? yearOfInvoices : fewInvoices;

const periodEnd = '2011-11-01T00:00:00Z';
const period = `from=2010-12-01T00:00:00Z&to=${periodEnd}`;
const chosenCode = '85123A';
let shop: AskedApp;
let books: BookLine[] = [];
let sold: BookLine[] = [];
let scripted: Promise<ScriptFigures> | undefined;

beforeAll(async () => {
  // It runs beside the inserts.
  if (invoices === undefined)
    throw new Error('the data sets have no uci-online-retail.csv.gz: see CARTSTREAM_DATASETS');
  if (hasPython) scripted = figuresByScript(invoices, chosenCode, periodEnd);
  books = ledgerOf(readInvoices(invoices));
  sold = books.filter(({ kind }) => kind === 'sale');
  shop = await askedApp(Date.UTC(2011, 10, 1));
  for (let at = 0; at < books.length; at += 50_000) await shop.insertSales(books.slice(at, at + 50_000));
}, 240_000);
afterAll(() => shop.drop());

type Figures = { orders: number; units: number; gross: number; refunds: number; net: number };

const addUp = (keyOf: (line: BookLine) => string | undefined): Record<string, Figures> => {
  const sums: Record<string, Figures> = {};
  for (const line of books) {
    const key = keyOf(line);
    if (key === undefined) continue;
    sums[key] ??= { orders: 0, units: 0, gross: 0, refunds: 0, net: 0 };
    const sum = sums[key];
    sum.units += line.quantity;
    sum.net += line.amountMinor;
    if (line.kind === 'refund') sum.refunds -= line.amountMinor;
    else {
      sum.gross += line.amountMinor;
      if (line.line === 0) sum.orders += 1;
    }
  }
  return sums;
};

const figuresBy = (rows: readonly (Figures & { from: string })[], keyOf: (from: string) => string) =>
  Object.fromEntries(
    rows.map(({ from, orders, units, gross, refunds, net }) => [
      keyOf(from),
      { orders, units, gross, refunds, net },
    ]),
  );

const saleOf = (): Map<string, BookLine> =>
  new Map(sold.map((line) => [`${line.orderId} ${line.line}`, line]));

describe(`the ${isWholeYear ? 'invoices of a year' : 'invoices of six days'}`, () => {
  it('have sales in summer and in winter time, and returns', () => {
    const offsets = new Set(
      sold.map(({ atMs, wallHour }) => Number(wallHour.slice(11)) - new Date(atMs).getUTCHours()),
    );
    expect(offsets).toEqual(new Set([0, 1]));
    expect(books.length - sold.length).toBeGreaterThan(isWholeYear ? 5_000 : 5);
    expect(sold.length).toBeGreaterThan(isWholeYear ? 300_000 : 5_000);
  });

  it.each(['return_day', 'sale_day'] as const)(
    'by the days of UTC and of London, refunds at the %s',
    async (refunds) => {
      const sales = saleOf();
      const at = (line: BookLine): BookLine =>
        refunds === 'return_day' ? line : (sales.get(`${line.orderId} ${line.line}`) ?? line);
      const asked = (tz: string) =>
        shop.items<Figures & { from: string }>(
          `revenue?granularity=day&tz=${tz}&refunds=${refunds}&${period}`,
        );
      expect(figuresBy(await asked('UTC'), (from) => from.slice(0, 10))).toEqual(
        addUp((line) => new Date(at(line).atMs).toISOString().slice(0, 10)),
      );
      const london = await asked('Europe/London');
      // Midnight of London is 23:00 of the day before while it is summer there.
      const dayOf = (from: string) => new Date(Date.parse(from) + 2 * 3_600_000).toISOString().slice(0, 10);
      expect(figuresBy(london, dayOf)).toEqual(addUp((line) => at(line).wallDate));
      const starts = new Set(london.map(({ from }) => from.slice(11)));
      expect(starts).toEqual(new Set(['00:00:00.000Z', '23:00:00.000Z']));
    },
  );

  it.each([
    ['2011-03-25', '2011-03-29'],
    ['2011-10-28', '2011-11-01'],
  ])('by the hour from %s to %s, over the change of the clocks', async (from, to) => {
    const rows = await shop.items<Figures & { from: string }>(
      `revenue?granularity=hour&tz=Europe/London&from=${from}T00:00:00Z&to=${to}T00:00:00Z`,
    );
    const hourOf = (iso: string) => iso.slice(0, 13);
    expect(figuresBy(rows, hourOf)).toEqual(
      addUp(({ atMs }) =>
        atMs >= Date.parse(from) && atMs < Date.parse(to) ? hourOf(new Date(atMs).toISOString()) : undefined,
      ),
    );
  });

  it.each(['revenue', 'units'] as const)('by product, best first by %s', async (by) => {
    const sums = addUp(({ productId }) => productId);
    const rows = await shop.items<{ productId: string; units: number; net: number }>(
      `top-products?by=${by}&limit=100&tz=Europe/London&${period}`,
    );
    const rank = by === 'revenue' ? 'net' : 'units';
    const best = Object.entries(sums)
      .map(([productId, { units, net }]) => ({ productId, units, net }))
      .sort((a, b) => b[rank] - a[rank] || (a.productId < b.productId ? -1 : 1))
      .slice(0, 100);
    expect(rows.map(({ productId, units, net }) => ({ productId, units, net }))).toEqual(best);
  });

  it('altogether, with buyers and new buyers', async () => {
    const [fromMs, toMs] = [Date.UTC(2011, 9, 1), Date.UTC(2011, 10, 1)];
    const { text } = await shop.ask('overview?from=2011-10-01T00:00:00Z&to=2011-11-01T00:00:00Z');
    const { items, traffic } = JSON.parse(text);
    const within = ({ atMs }: BookLine) => atMs >= fromMs && atMs < toMs;
    const buyers = new Set(sold.filter((line) => within(line) && line.userId).map(({ userId }) => userId));
    const earlier = new Set(sold.filter(({ atMs }) => atMs < fromMs).map(({ userId }) => userId));
    const all = addUp((line) => (within(line) ? 'all' : undefined)).all as Figures;
    expect(items).toEqual([
      {
        currency: 'GBP',
        ...all,
        averageOrder: Math.round(all.gross / all.orders),
        buyers: buyers.size,
        newBuyers: [...buyers].filter((buyer) => !earlier.has(buyer)).length,
      },
    ]);
    expect(traffic).toMatchObject({
      orders: all.orders,
      buyers: buyers.size,
      visits: 0,
      conversionRate: null,
    });
  });

  it('by the month of the first order', async () => {
    const rows = await shop.items<{ cohort: string; size: number; from: string; buyers: number }>(
      `retention?granularity=month&tz=Europe/London&${period}`,
    );
    const monthsOf = new Map<string, Set<string>>();
    for (const { userId, wallDate } of sold)
      if (userId) monthsOf.set(userId, (monthsOf.get(userId) ?? new Set()).add(wallDate.slice(0, 7)));
    const monthOf = (iso: string) => new Date(Date.parse(iso) + 2 * 3_600_000).toISOString().slice(0, 7);
    const firstOf = (months: Set<string>) => [...months].sort()[0];
    for (const { cohort, size, from, buyers } of rows) {
      const members = [...monthsOf.values()].filter((months) => firstOf(months) === monthOf(cohort));
      expect([size, buyers]).toEqual([
        members.length,
        members.filter((months) => months.has(monthOf(from))).length,
      ]);
    }
    const sizes = new Map(rows.map(({ cohort, size }) => [cohort, size]));
    expect([...sizes.values()].reduce((sum, size) => sum + size, 0)).toBe(monthsOf.size);
  });

  it('by what is bought together', async () => {
    const baskets = new Map<string, Set<string>>();
    for (const { orderId, productId } of sold)
      baskets.set(orderId, (baskets.get(orderId) ?? new Set()).add(productId));
    const ordersWith = (...ids: string[]) =>
      [...baskets.values()].filter((basket) => ids.every((id) => basket.has(id))).length;
    const [best] = await shop.items<{ productId: string }>(`top-products?by=units&limit=1&${period}`);
    const chosen = best?.productId as string;
    const rows = await shop.items<Record<string, number> & { productId: string }>(
      `basket?productId=${chosen}&ordersMin=3&by=lift&${period}`,
    );
    expect(rows.length).toBeGreaterThan(5);
    for (const { productId, orders, support, confidence, lift } of rows) {
      const [both, own] = [ordersWith(chosen, productId), ordersWith(productId)];
      expect(orders).toBe(both);
      expect(support).toBeCloseTo(both / baskets.size, 12);
      expect(confidence).toBeCloseTo(both / ordersWith(chosen), 12);
      expect(lift).toBeCloseTo(both / ordersWith(chosen) / (own / baskets.size), 9);
    }
  });

  it('by segment, every buyer in one', async () => {
    const rows = await shop.items<{ buyers: number; orders: number; net: number }>(`rfm?${period}`);
    const known = books.filter(({ userId }) => userId !== null);
    const total = (key: 'buyers' | 'orders' | 'net') => rows.reduce((sum, row) => sum + row[key], 0);
    expect(total('buyers')).toBe(new Set(known.map(({ userId }) => userId)).size);
    expect(total('net')).toBe(known.reduce((sum, { amountMinor }) => sum + amountMinor, 0));
    expect(total('orders')).toBe(
      new Set(known.filter(({ kind }) => kind === 'sale').map(({ orderId }) => orderId)).size,
    );
  });

  it('by any dimension of the model', async () => {
    const query = (body: object) =>
      shop.items<Record<string, string | number>>('query', {
        from: '2010-12-01T00:00:00Z',
        to: '2011-11-01T00:00:00Z',
        tz: 'Europe/London',
        limit: 10_000,
        ...body,
      });
    const hours = await query({ measures: ['net', 'units'], dimensions: ['hourOfDay'] });
    const byHour = addUp(({ wallHour }) => String(Number(wallHour.slice(11))));
    expect(Object.fromEntries(hours.map(({ hourOfDay, net, units }) => [hourOfDay, { net, units }]))).toEqual(
      Object.fromEntries(Object.entries(byHour).map(([hour, { net, units }]) => [hour, { net, units }])),
    );
    const weeks = await query({ measures: ['buyers', 'orders', 'productsSold'], granularity: 'month' });
    for (const { from, buyers, orders, productsSold } of weeks) {
      const month = new Date(Date.parse(String(from)) + 2 * 3_600_000).toISOString().slice(0, 7);
      const lines = sold.filter(({ wallDate }) => wallDate.startsWith(month));
      expect([buyers, orders, productsSold], month).toEqual([
        new Set(lines.map(({ userId }) => userId).filter((id) => id !== null)).size,
        new Set(lines.map(({ orderId }) => orderId)).size,
        new Set(lines.map(({ productId }) => productId)).size,
      ]);
    }
  });
});

describe('a script that shares no line with the shop', () => {
  let script: ScriptFigures;
  beforeAll(async () => {
    script = (await scripted) as ScriptFigures;
  }, 240_000);
  beforeEach(({ skip }) => {
    if (!hasPython) skip('python3 with its time zones is not installed');
  });

  it('reads the same ledger', () => {
    expect(script.lines).toBe(books.length);
  });

  it.each(['UTC', 'Europe/London'])(
    'has the same days of %s, and the same hours over both clock changes',
    async (tz) => {
      for (const refunds of ['return_day', 'sale_day']) {
        const ask = (granularity: string, of: string) =>
          shop.items<Figures & { from: string }>(
            `revenue?granularity=${granularity}&refunds=${refunds}&tz=${tz}&${of}`,
          );
        const days = await ask('day', period);
        expect(figuresBy(days, (from) => from)).toEqual(script.revenue[`${tz} day ${refunds}`]);
        for (const [from, to] of [
          ['2011-03-25T00:00:00Z', '2011-03-29T00:00:00Z'],
          ['2011-10-28T00:00:00Z', '2011-11-01T00:00:00Z'],
        ] as const) {
          const hours = await ask('hour', `from=${from}&to=${to}`);
          const own = Object.entries(script.revenue[`${tz} hour ${refunds}`] ?? {});
          expect(figuresBy(hours, (start) => start)).toEqual(
            Object.fromEntries(own.filter(([start]) => start >= from && start < to)),
          );
        }
      }
    },
  );

  it('has the same products, buyers, cohorts and segments', async () => {
    const best = await shop.items<{ productId: string; units: number; net: number }>(
      `top-products?limit=100&${period}`,
    );
    for (const { productId, units, net } of best)
      expect({ units, net }).toEqual(script.products[stockCodeOf(productId)]);
    const nets = Object.values(script.products).map(({ net }) => net);
    expect(best.map(({ net }) => net)).toEqual(nets.sort((a, b) => b - a).slice(0, 100));
    const [october] = await shop.items('overview?from=2011-10-01T00:00:00Z&to=2011-11-01T00:00:00Z');
    expect(october).toMatchObject(script.october);
    for (const tz of ['UTC', 'Europe/London']) {
      const cells = await shop.items<{ cohort: string; from: string; buyers: number }>(
        `retention?granularity=month&tz=${tz}&${period}`,
      );
      const monthOf = (iso: string) => new Date(Date.parse(iso) + 2 * 3_600_000).toISOString().slice(0, 7);
      const found = cells.filter(({ buyers }) => buyers > 0);
      expect(
        Object.fromEntries(
          found.map((cell) => [`${monthOf(cell.cohort)} ${monthOf(cell.from)}`, cell.buyers]),
        ),
      ).toEqual(script.retention[tz]);
    }
    const rows = await shop.items<{ segment: string; buyers: number; orders: number; net: number }>(
      `rfm?${period}`,
    );
    expect(
      Object.fromEntries(rows.map(({ segment, buyers, orders, net }) => [segment, { buyers, orders, net }])),
    ).toEqual(script.segments);
  });

  it('has the same products bought together', async () => {
    const chosen = sold.find(({ productId }) => stockCodeOf(productId) === chosenCode)?.productId;
    const { items, orders, ordersOfProduct } = JSON.parse(
      (await shop.ask(`basket?productId=${chosen}&by=orders&limit=100&${period}`)).text,
    );
    const { together, own } = script.basket;
    expect([orders, ordersOfProduct]).toEqual([script.basket.orders, script.basket.ordersOfProduct]);
    expect(items).toHaveLength(Math.min(100, Object.keys(together).length));
    for (const { productId, orders: both, lift } of items) {
      const code = stockCodeOf(productId);
      expect(both).toBe(together[code]);
      expect(lift).toBeCloseTo((both * orders) / (ordersOfProduct * (own[code] ?? 0)), 9);
    }
  });
});
