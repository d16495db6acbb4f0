import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { gzipSync } from 'node:zlib';
import { newId } from '#platform/ids';
import { eventually } from '#platform/testing/eventually';
import { createAdmission } from '#platform/waiting/admission';
import { sleep } from '#platform/waiting/sleep';
import type { Shop } from '../shop.js';
import { type InvoiceLine, isGoods, penceOf } from './ledger.js';
import { figuresByScript, type ScriptFigures } from './script.js';

/**
 * The invoices as orders and returns at the public API. Each customer is an account, whose invoices follow one another; those
 * without a number are guests. What the shop then answers about its sales is compared with what the script adds up from the
 * receipts: the same invoices with the times at which the shop confirmed them.
 */

type Receipt = {
  invoice: string;
  code: string;
  quantity: number;
  at: string;
  price: string;
  customer: string;
};
type Invoice = { number: string; customer: string; wallMs: number; lines: InvoiceLine[] };

export type ReplayPlan = {
  admin: string;
  /** One without sales so far, so that the figures are those of the replay alone. */
  currency: string;
  invoices: readonly InvoiceLine[];
  /** The time in which the real times of the invoices are to pass; 0 for as fast as it goes. */
  secondsForAll?: number;
  onDone?(done: number, of: number): void;
};

export type Replay = { receipts: readonly Receipt[]; productIds: ReadonlyMap<string, string> };

const piecesMax = 1_000;
const linesMax = 50;
const stock = 1_000_000;
const customersAtOnce = 8;
const triesMax = 100;

export const replayInvoices = async (shop: Shop, plan: ReplayPlan): Promise<Replay> => {
  const invoices = invoicesOf(plan.invoices);
  const prices = pricesOf(invoices);
  const productIds = new Map<string, string>();
  const admission = createAdmission(customersAtOnce);
  await Promise.all(
    [...prices].map(([code, price]) =>
      admission.run(async () => {
        productIds.set(code, await createProduct(shop, plan, code, penceOf(price, 1)));
      }),
    ),
  );
  const lastId = [...productIds.values()].at(-1) as string;
  await eventually(async () => (await shop.stockOf(lastId)).available === stock, { timeoutMs: 30_000 });
  const [firstMs, lastMs] = [invoices[0]?.wallMs ?? 0, invoices.at(-1)?.wallMs ?? 0];
  const startedAtMs = performance.now();
  const share = ((plan.secondsForAll ?? 0) * 1000) / Math.max(1, lastMs - firstMs);
  const receipts: Receipt[] = [];
  let done = 0;
  const chains = Map.groupBy(invoices, ({ customer, number }) => customer || number);
  await Promise.all(
    [...chains.values()].map(async (chain) => {
      const buyer = createBuyer(shop, { prices, productIds, receipts });
      for (const invoice of chain) {
        const dueAtMs = startedAtMs + (invoice.wallMs - firstMs) * share;
        await sleep(Math.max(0, dueAtMs - performance.now()));
        await admission.run(() => buyer.take(invoice));
        done += 1;
        plan.onDone?.(done, invoices.length);
      }
    }),
  );
  return { receipts, productIds };
};

/** In the order of the file, each as it can be ordered: few enough lines and pieces, of goods with a price in pence. */
const invoicesOf = (lines: readonly InvoiceLine[]): Invoice[] =>
  [...Map.groupBy(lines.filter(isGoods), ({ invoice }) => invoice)].flatMap(([number, all]) => {
    const isReturn = number.startsWith('C');
    const fitting = all.filter(
      ({ quantity, priceText }) =>
        isReturn === quantity < 0 && Math.abs(quantity) <= piecesMax && penceOf(priceText, 1) > 0,
    );
    const once = [...new Map(fitting.map((line) => [line.product, line])).values()].slice(0, linesMax);
    const [first] = once;
    if (first === undefined) return [];
    const wallMs = Date.parse(`${first.wallTime.replace(' ', 'T')}Z`);
    return [{ number, customer: first.customer, wallMs, lines: once }];
  });

/** A product keeps its first price, in whole pence. */
const pricesOf = (invoices: readonly Invoice[]): Map<string, string> => {
  const prices = new Map<string, string>();
  for (const { number, lines } of invoices)
    for (const { product, priceText } of number.startsWith('C') ? [] : lines)
      if (!prices.has(product)) prices.set(product, (penceOf(priceText, 1) / 100).toFixed(2));
  return prices;
};

const createProduct = async (
  shop: Shop,
  { admin, currency }: ReplayPlan,
  code: string,
  amountMinor: number,
) => {
  const made = await patiently(() =>
    shop.call<{ id: string }>('POST', '/api/products', {
      token: admin,
      body: { name: code, category: 'home', price: { amountMinor, currency }, initialStock: stock },
    }),
  );
  return expectStatus(made, 201).id;
};

type Ways = {
  prices: ReadonlyMap<string, string>;
  productIds: ReadonlyMap<string, string>;
  receipts: Receipt[];
};

/** One customer, who remembers what can still be sent back. */
const createBuyer = (shop: Shop, { prices, productIds, receipts }: Ways) => {
  const bought: { orderId: string; left: Map<string, number> }[] = [];
  let account: Promise<{ token: string }> | undefined;
  const tokenOf = async (customer: string): Promise<string | undefined> => {
    if (customer === '') return undefined;
    account ??= shop.registerCustomer();
    return (await account).token;
  };
  const note = (invoice: Invoice, code: string, quantity: number, at: string): void => {
    const price = prices.get(code) as string;
    receipts.push({ invoice: invoice.number, code, quantity, at, price, customer: invoice.customer });
  };

  const order = async (invoice: Invoice): Promise<void> => {
    const token = await tokenOf(invoice.customer);
    const placed = await patiently(() =>
      shop.placeOrder({
        ...(token === undefined ? { email: 'guest@example.com' } : { token }),
        items: invoice.lines.map(({ product, quantity }) => ({
          productId: productIds.get(product) as string,
          quantity,
        })),
      }),
    );
    const { id, orderToken } = expectStatus(placed, 202);
    const bearer = token ?? (orderToken as string);
    const { status } = await shop.settled(id, bearer, 60_000);
    if (status !== 'confirmed') throw new Error(`order of ${invoice.number} is ${status}`);
    const at = await timeOf(shop, id, bearer, 'OrderConfirmed', 0);
    for (const { product, quantity } of invoice.lines) note(invoice, product, quantity, at);
    bought.push({ orderId: id, left: new Map(invoice.lines.map((line) => [line.product, line.quantity])) });
  };

  const sendBack = async (invoice: Invoice): Promise<void> => {
    const token = await tokenOf(invoice.customer);
    if (token === undefined) return;
    for (const { product, quantity } of invoice.lines) {
      const from = bought.findLast(({ left }) => (left.get(product) ?? 0) > 0);
      if (from === undefined) continue;
      const left = from.left.get(product) ?? 0;
      const pieces = Math.min(left, -quantity);
      const before = (await timesOf(shop, from.orderId, token, 'OrderReturned')).length;
      const body = { items: [{ productId: productIds.get(product), quantity: pieces }], reason: 'as it was' };
      const path = `/api/orders/${from.orderId}/returns`;
      const headers = { 'idempotency-key': newId() };
      expectStatus(await patiently(() => shop.call('POST', path, { token, headers, body })), 202);
      from.left.set(product, left - pieces);
      note(invoice, product, -pieces, await timeOf(shop, from.orderId, token, 'OrderReturned', before));
    }
  };

  return {
    take: (invoice: Invoice) => (invoice.number.startsWith('C') ? sendBack(invoice) : order(invoice)),
  };
};

const timesOf = async (shop: Shop, orderId: string, token: string, type: string): Promise<string[]> => {
  const { body } = await shop.call<{ items: { type: string; occurredAt: string }[] }>(
    'GET',
    `/api/orders/${orderId}/timeline`,
    { token },
  );
  return body.items.filter((entry) => entry.type === type).map(({ occurredAt }) => occurredAt);
};

const timeOf = async (
  shop: Shop,
  orderId: string,
  token: string,
  type: string,
  nth: number,
): Promise<string> => {
  let at: string | undefined;
  await eventually(
    async () => {
      at = (await timesOf(shop, orderId, token, type)).sort()[nth];
      return at !== undefined;
    },
    { timeoutMs: 20_000 },
  );
  return at as string;
};

type Answered<T> = { status: number; headers: Headers; body: T };

/** Waits as long as a limit says. */
const patiently = async <T>(ask: () => Promise<Answered<T>>): Promise<Answered<T>> => {
  for (let tries = 0; ; tries += 1) {
    const answer = await ask();
    if ((answer.status !== 429 && answer.status !== 503) || tries >= triesMax) return answer;
    await sleep(1000 * Number(answer.headers.get('retry-after') ?? 1));
  }
};

const expectStatus = <T>({ status, body }: Answered<T>, expected: number): T => {
  if (status !== expected) throw new Error(`${status} ${JSON.stringify(body)}`);
  return body;
};

type Row = Record<string, number | string>;

/** What differs between the answers of the analytics and the script's figures of the receipts. */
export const differencesOf = async (
  shop: Shop,
  { admin, currency }: ReplayPlan,
  { receipts, productIds }: Replay,
): Promise<string[]> => {
  const [code] = Object.entries(Object.groupBy(receipts, (receipt) => receipt.code))
    .sort(([, a = []], [, b = []]) => b.length - a.length)
    .map(([of]) => of) as [string];
  const script = await scriptFiguresOf(receipts, code);
  const days = [...receipts].map(({ at }) => at).sort();
  const period = `from=${days[0]}&to=${new Date(Date.parse(days.at(-1) as string) + 1).toISOString()}`;
  const itemsAt = async (path: string): Promise<Row[]> => {
    const answer = await shop.call<{ items: Row[] }>('GET', `/api/analytics/${path}&${period}`, {
      token: admin,
    });
    const { items } = expectStatus(answer, 200);
    return items.filter((row) => row.currency === undefined || row.currency === currency);
  };
  const sumsOf = ({ orders, units, gross, refunds, net }: Row) => ({ orders, units, gross, refunds, net });
  const differences: string[] = [];
  const compare = (what: string, found: unknown, expected: unknown): void => {
    if (!isDeepStrictEqual(found, expected))
      differences.push(`${what}: ${JSON.stringify(found)} and not ${JSON.stringify(expected)}`);
  };

  for (const [of, expected] of Object.entries(script.revenue)) {
    const [tz, granularity, refunds] = of.split(' ');
    const rows = await itemsAt(`revenue?tz=${tz}&granularity=${granularity}&refunds=${refunds}`);
    compare(of, Object.fromEntries(rows.map((row) => [row.from, sumsOf(row)])), expected);
  }
  const [overview = {}] = await itemsAt('overview?tz=Europe/London');
  compare('overview', { ...sumsOf(overview), buyers: overview.buyers }, script.all);
  const codes = new Map([...productIds].map(([of, id]) => [id, of]));
  for (const { productId, units, net } of await itemsAt('top-products?limit=100'))
    compare(`product ${productId}`, { units, net }, script.products[codes.get(String(productId)) ?? '']);
  const segments = await itemsAt('rfm?tz=UTC');
  const bySegment = segments.map(({ segment, buyers, orders, net }) => [segment, { buyers, orders, net }]);
  compare('segments', Object.fromEntries(bySegment), script.segments);
  const together = await itemsAt(`basket?by=orders&limit=100&productId=${productIds.get(code)}`);
  for (const { productId, orders } of together) {
    const other = codes.get(String(productId)) ?? '';
    compare(`${code} with ${other}`, orders, script.basket.together[other]);
  }
  compare('others with it', together.length, Math.min(100, Object.keys(script.basket.together).length));
  return differences;
};

const scriptFiguresOf = async (receipts: readonly Receipt[], code: string): Promise<ScriptFigures> => {
  const folder = mkdtempSync(join(tmpdir(), 'receipts-'));
  try {
    const rows = [...receipts]
      .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
      .map(({ invoice, code: of, quantity, at, price, customer }) =>
        [invoice, of, quantity, at.replace('Z', '+00:00'), price, customer].join(','),
      );
    const header = 'InvoiceNo,StockCode,Quantity,InvoiceDate,UnitPrice,CustomerID';
    writeFileSync(join(folder, 'receipts.csv.gz'), gzipSync(`${[header, ...rows].join('\n')}\n`));
    return await figuresByScript(join(folder, 'receipts.csv.gz'), code);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};
