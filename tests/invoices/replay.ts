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
import { type BookLine, type InvoiceLine, ledgerOf, stockCodeOf } from './ledger.js';
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

/** A product of the catalogue: what is sold under one stock code at one price. */
type Variant = { key: string; code: string; priceMinor: number };
type Step = { invoice: string; customer: string; wallDate: string; wallMs: number } & (
  | { kind: 'order'; lines: { ledgerLine: BookLine; variant: Variant }[] }
  | { kind: 'return'; ledgerLine: BookLine; variant: Variant }
);

export type ReplayPlan = {
  admin: string;
  /** One without sales so far, so that the figures are those of the replay alone. */
  currency: string;
  invoices: readonly InvoiceLine[];
  /** The time in which the real times of the invoices are to pass; 0 for as fast as it goes. */
  secondsForAll?: number;
  onDone?(done: number, of: number): void;
};

/** What came back of an order, in the order in which it did. */
type SentBack = { key: string; pieces: number; wallDate: string };
export type Replayed = { orderId: string; wallDate: string; returns: SentBack[] };

export type Replay = {
  receipts: readonly Receipt[];
  /** By the key of what is sold: stock code and price. */
  productIds: ReadonlyMap<string, string>;
  orders: readonly Replayed[];
  /** Lines of the ledger that were ordered or sent back, and those whose price has a fraction of a penny. */
  lines: readonly BookLine[];
  leftOut: number;
  seconds: number;
  realSeconds: number;
};

const piecesMax = 1_000;
const linesMax = 100;
const stock = 100_000_000;
const customersAtOnce = 8;
const triesMax = 100;
const settledMsMax = 60_000;

/**
 * Each line of the ledger: orders of what an invoice lists, in several where it is too much for one, and returns of the
 * pieces that the ledger takes back. Real times pass as fast as orders are confirmed, or in the plan's time.
 */
export const replayInvoices = async (shop: Shop, plan: ReplayPlan): Promise<Replay> => {
  const { steps, variants, lines, leftOut } = stepsOf(plan.invoices);
  const productIds = await importVariants(shop, plan, variants);
  const admission = createAdmission(customersAtOnce);
  const [firstMs, lastMs] = [steps[0]?.wallMs ?? 0, steps.at(-1)?.wallMs ?? 0];
  const startedAtMs = performance.now();
  const share = ((plan.secondsForAll ?? 0) * 1000) / Math.max(1, lastMs - firstMs);
  const receipts: Receipt[] = [];
  const orders: Replayed[] = [];
  let done = 0;
  const chains = Map.groupBy(steps, ({ customer, invoice }) => customer || invoice);
  await Promise.all(
    [...chains.values()].map(async (chain) => {
      const buyer = createBuyer(shop, { productIds, receipts, orders });
      for (const step of chain) {
        const dueAtMs = startedAtMs + (step.wallMs - firstMs) * share;
        await sleep(Math.max(0, dueAtMs - performance.now()));
        await admission.run(() => buyer.take(step));
        done += 1;
        plan.onDone?.(done, steps.length);
      }
    }),
  );
  const seconds = (performance.now() - startedAtMs) / 1000;
  return { receipts, productIds, orders, lines, leftOut, seconds, realSeconds: (lastMs - firstMs) / 1000 };
};

/** What is to be done, in the order of the ledger: an invoice's lines together, each return by itself. */
const stepsOf = (invoices: readonly InvoiceLine[]) => {
  const ledger = ledgerOf(invoices);
  const isWhole = ({ amountMinor, quantity }: BookLine) => amountMinor % quantity === 0 && amountMinor !== 0;
  const placeOf = ({ orderId, line }: BookLine) => `${orderId} ${line}`;
  const ordered = new Set(ledger.filter((line) => line.kind === 'sale' && isWhole(line)).map(placeOf));
  const whole = ledger.filter((line) => ordered.has(placeOf(line)));
  const variants = new Map<string, Variant>();
  const variantOf = ({ productId, amountMinor, quantity }: BookLine): Variant => {
    const [code, priceMinor] = [stockCodeOf(productId), amountMinor / quantity];
    const variant = { key: `${code}@${priceMinor}`, code, priceMinor };
    variants.set(variant.key, variant);
    return variant;
  };
  const steps: Step[] = [];
  for (const ledgerLine of whole) {
    const { orderId: invoice, userId, wallDate, atMs: wallMs, kind } = ledgerLine;
    const variant = variantOf(ledgerLine);
    const last = steps.at(-1);
    const common = { invoice, customer: userId ?? '', wallDate, wallMs };
    if (kind === 'refund') steps.push({ ...common, kind: 'return', ledgerLine, variant });
    else if (last?.kind === 'order' && last.invoice === invoice) last.lines.push({ ledgerLine, variant });
    else steps.push({ ...common, kind: 'order', lines: [{ ledgerLine, variant }] });
  }
  return { steps, variants: [...variants.values()], lines: whole, leftOut: ledger.length - whole.length };
};

/** The catalogue by one import; resolves when each product can be ordered. */
const importVariants = async (
  shop: Shop,
  { admin, currency }: ReplayPlan,
  variants: readonly Variant[],
): Promise<Map<string, string>> => {
  const brand = `invoices ${newId()}`;
  const body = variants.map(({ key, priceMinor }) =>
    JSON.stringify({
      name: key,
      category: 'home',
      brand,
      price: { amountMinor: priceMinor, currency },
      initialStock: stock,
      externalId: `${brand} ${key}`,
    }),
  );
  const answer = await fetch(`${shop.gateway}/api/products/import`, {
    method: 'POST',
    headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/x-ndjson' },
    body: body.join('\n'),
  });
  const { created } = (await answer.json()) as { created: number };
  if (created !== variants.length) throw new Error(`${created} of ${variants.length} products were imported`);
  const ids = new Map<string, string>();
  for (let next: string | null = ''; next !== null; ) {
    const cursor: string = next === '' ? '' : `&cursor=${encodeURIComponent(next)}`;
    const path = `/api/products?limit=100&brand=${encodeURIComponent(brand)}${cursor}`;
    const page = await shop.call<{ items: { id: string; name: string }[]; next: string | null }>('GET', path);
    for (const { id, name } of page.body.items) ids.set(name, id);
    next = page.body.next;
  }
  for (const id of ids.values())
    await eventually(async () => (await shop.stockOf(id)).available === stock, { timeoutMs: 120_000 });
  return ids;
};

type Ways = { productIds: ReadonlyMap<string, string>; receipts: Receipt[]; orders: Replayed[] };

/** A part of an invoice that is one order, and the pieces of it that can still be sent back. */
type Bought = { replayed: Replayed; invoice: string; number: string; left: Map<string, number> };

/** One customer, who remembers what can still be sent back. */
const createBuyer = (shop: Shop, { productIds, receipts, orders }: Ways) => {
  const bought: Bought[] = [];
  let account: Promise<{ token: string }> | undefined;
  const tokenOf = async (customer: string): Promise<string | undefined> => {
    if (customer === '') return undefined;
    account ??= shop.registerCustomer();
    return (await account).token;
  };
  const note = (
    invoice: string,
    { key, priceMinor }: Variant,
    quantity: number,
    at: string,
    customer: string,
  ) => receipts.push({ invoice, code: key, quantity, at, price: (priceMinor / 100).toFixed(2), customer });

  const order = async (step: Step & { kind: 'order' }, part: ReadonlyMap<Variant, number>, nth: number) => {
    const token = await tokenOf(step.customer);
    const placed = await patiently(() =>
      shop.placeOrder({
        ...(token === undefined ? { email: `guest-${step.invoice}-${nth}@example.com` } : { token }),
        items: [...part].map(([{ key }, quantity]) => ({
          productId: productIds.get(key) as string,
          quantity,
        })),
      }),
    );
    const { id, orderToken } = expectStatus(placed, 202);
    const caller: Caller =
      token === undefined ? { headers: { 'x-order-token': orderToken as string } } : { token };
    const status = await settled(shop, id, caller);
    if (status !== 'confirmed') throw new Error(`order of ${step.invoice} is ${status}`);
    const at = await timeOf(shop, id, caller, 'OrderConfirmed', 0);
    const number = `${step.invoice}-${nth}`;
    for (const [variant, quantity] of part) note(number, variant, quantity, at, step.customer);
    const replayed: Replayed = { orderId: id, wallDate: step.wallDate, returns: [] };
    orders.push(replayed);
    const left = new Map([...part].map(([{ key }, quantity]) => [key, quantity]));
    bought.push({ replayed, invoice: step.invoice, number, left });
  };

  const sendBack = async ({
    invoice,
    customer,
    wallDate,
    variant,
    ledgerLine,
  }: Step & { kind: 'return' }) => {
    const token = (await tokenOf(customer)) as string;
    const { key } = variant;
    for (let pieces = -ledgerLine.quantity; pieces > 0; ) {
      const from = bought.findLast((one) => one.invoice === invoice && (one.left.get(key) ?? 0) > 0);
      if (from === undefined) throw new Error(`nothing is left of ${key} in ${invoice}`);
      const { replayed, left } = from;
      const taken = Math.min(left.get(key) ?? 0, pieces);
      const before = (await timesOf(shop, replayed.orderId, { token }, 'OrderReturned')).length;
      const body = { items: [{ productId: productIds.get(key), quantity: taken }], reason: 'as it was' };
      const path = `/api/orders/${replayed.orderId}/returns`;
      const headers = { 'idempotency-key': newId() };
      expectStatus(await patiently(() => shop.call('POST', path, { token, headers, body })), 202);
      left.set(key, (left.get(key) ?? 0) - taken);
      replayed.returns.push({ key, pieces: taken, wallDate });
      pieces -= taken;
      const at = await timeOf(shop, replayed.orderId, { token }, 'OrderReturned', before);
      note(`C${from.number}`, variant, -taken, at, customer);
    }
  };

  return {
    take: async (step: Step): Promise<void> => {
      if (step.kind === 'return') return sendBack(step);
      for (const [nth, part] of partsOf(step.lines).entries()) await order(step, part, nth);
    },
  };
};

/** An invoice as orders that may be placed: each product once in an order, and not too much of it. */
const partsOf = (
  lines: readonly { ledgerLine: BookLine; variant: Variant }[],
): ReadonlyMap<Variant, number>[] => {
  const byKey = Map.groupBy(lines, ({ variant }) => variant.key);
  const parts: Map<Variant, number>[] = [];
  for (const same of byKey.values()) {
    const { variant } = same[0] as (typeof same)[number];
    let left = same.reduce((sum, { ledgerLine }) => sum + ledgerLine.quantity, 0);
    for (let nth = 0; left > 0; nth += 1) {
      const part = parts[nth] ?? new Map<Variant, number>();
      parts[nth] = part;
      if (part.size >= linesMax) continue;
      const pieces = Math.min(left, piecesMax);
      part.set(variant, pieces);
      left -= pieces;
    }
  }
  return parts;
};

/** A customer by the token of the account, a guest by that of the order. */
type Caller = { token: string } | { headers: Record<string, string> };

/** What the order's status ends as: asked for again only when it changes, as there are many orders. */
const settled = async (shop: Shop, id: string, caller: Caller): Promise<string> => {
  const endsAtMs = performance.now() + settledMsMax;
  const isOpen = (status: string) => status === 'pending' || status === 'reserved' || status === 'paid';
  for (let status = 'pending'; ; ) {
    const path = `/api/orders/${id}/status?waitMs=5000`;
    const asked = await patiently(() => shop.call<{ status: string }>('GET', path, caller));
    status = expectStatus(asked, 200).status;
    if (!isOpen(status) || performance.now() > endsAtMs) return status;
  }
};

const timesOf = async (shop: Shop, orderId: string, caller: Caller, type: string): Promise<string[]> => {
  const { body } = await shop.call<{ items: { type: string; occurredAt: string }[] }>(
    'GET',
    `/api/orders/${orderId}/timeline`,
    caller,
  );
  return body.items.filter((entry) => entry.type === type).map(({ occurredAt }) => occurredAt);
};

const timeOf = async (
  shop: Shop,
  orderId: string,
  caller: Caller,
  type: string,
  nth: number,
): Promise<string> => {
  let at: string | undefined;
  await eventually(
    async () => {
      at = (await timesOf(shop, orderId, caller, type)).sort()[nth];
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
  const days = [...receipts].map(({ at }) => at).sort();
  const end = new Date(Date.parse(days.at(-1) as string) + 1).toISOString();
  const script = await scriptFiguresOf(receipts, code, end);
  const period = `from=${days[0]}&to=${end}`;
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
  const top = await itemsAt(`top-products?limit=100&currency=${currency}`);
  for (const { productId, units, net } of top)
    compare(`product ${productId}`, { units, net }, script.products[codes.get(String(productId)) ?? '']);
  const different = new Set(top.map(({ productId }) => productId)).size;
  compare('top products', different, Math.min(100, Object.keys(script.products).length));
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

const scriptFiguresOf = async (
  receipts: readonly Receipt[],
  code: string,
  end: string,
): Promise<ScriptFigures> => {
  const folder = mkdtempSync(join(tmpdir(), 'receipts-'));
  try {
    const rows = [...receipts]
      .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
      .map(({ invoice, code: of, quantity, at, price, customer }) =>
        [invoice, of, quantity, at.replace('Z', '+00:00'), price, customer].join(','),
      );
    const header = 'InvoiceNo,StockCode,Quantity,InvoiceDate,UnitPrice,CustomerID';
    writeFileSync(join(folder, 'receipts.csv.gz'), gzipSync(`${[header, ...rows].join('\n')}\n`));
    return await figuresByScript(join(folder, 'receipts.csv.gz'), code, end);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};
