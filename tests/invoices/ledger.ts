import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { dataSetsFolder } from '../../local/data-sets.js';
import type { SaleLine } from '../../services/analytics/testing/asked-app.js';

/** A line of the shop's books, with the date and the hour that the clock on the shop's wall in London showed. */
export type BookLine = SaleLine & { wallDate: string; wallHour: string };

export type InvoiceLine = {
  invoice: string;
  product: string;
  quantity: number;
  /** `2011-03-27 10:05:00`, London. */
  wallTime: string;
  priceText: string;
  customer: string;
};

/** Of six days, in the project. */
export const fewInvoices = 'tests/invoices/at-clock-changes.csv.gz';

const inDataSets = join(dataSetsFolder, 'uci-online-retail.csv.gz');

/** Of a year, in the folder of data sets; undefined where that does not have them. */
export const yearOfInvoices = existsSync(inDataSets) ? inDataSets : undefined;

/** Every line of the file, in its order. */
export const readInvoices = (file: string): InvoiceLine[] => {
  const [header = '', ...lines] = gunzipSync(readFileSync(file)).toString('utf8').split(/\r?\n/);
  const place = (name: string) => cellsOf(header).indexOf(name);
  const [invoice, product, quantity, time, price, customer] = [
    place('InvoiceNo'),
    place('StockCode'),
    place('Quantity'),
    place('InvoiceDate'),
    place('UnitPrice'),
    place('CustomerID'),
  ] as [number, number, number, number, number, number];
  return lines
    .filter((line) => line !== '')
    .map(cellsOf)
    .map((cells) => ({
      invoice: cells[invoice] ?? '',
      product: (cells[product] ?? '').trim().toUpperCase(),
      quantity: Number(cells[quantity]),
      wallTime: cells[time] ?? '',
      priceText: cells[price] ?? '',
      customer: cells[customer] ?? '',
    }));
};

const cellsOf = (line: string): string[] =>
  [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain]) =>
    quoted === undefined ? (plain ?? '') : quoted.replaceAll('""', '"'),
  );

/** Thousandths of a pound times pieces, to pence, half up. */
const penceOf = (priceText: string, quantity: number): number => {
  const [pounds = '0', decimals = ''] = priceText.split('.');
  const thousandths = Number(pounds) * 1_000 + Number(decimals.padEnd(3, '0').slice(0, 3));
  return Math.floor((thousandths * quantity + 5) / 10);
};

const hourMs = 3_600_000;

/** The UK's rule: an hour ahead from 01:00 UTC of March's last Sunday to 01:00 UTC of October's. */
const londonToUtc = (wallTime: string): number => {
  const asUtcMs = Date.parse(`${wallTime.replace(' ', 'T')}Z`);
  const lastSunday = (month: number): number => {
    const last = new Date(Date.UTC(new Date(asUtcMs).getUTCFullYear(), month + 1, 0, 1));
    return last.getTime() - last.getUTCDay() * 24 * hourMs;
  };
  const summerMs = asUtcMs - hourMs;
  return summerMs >= lastSunday(2) && summerMs < lastSunday(9) ? summerMs : asUtcMs;
};

/** A UUID with the letters of the stock code in it. */
const productIdOf = (code: string): string => {
  const letters = Buffer.from(code).toString('hex').padStart(18, '0');
  const [first, second] = [letters.slice(0, 8), letters.slice(8, 12)];
  return `${first}-${second}-8${letters.slice(12, 15)}-8${letters.slice(15)}-000000000000`;
};

/** The stock code in the product's id. */
export const stockCodeOf = (productId: string): string => {
  const [first = '', second = '', third = '', fourth = ''] = productId.split('-');
  const letters = `${first}${second}${third.slice(1)}${fourth.slice(1)}`;
  return Buffer.from(letters, 'hex').toString().replaceAll('\0', '');
};

const isGoods = ({ product, priceText }: InvoiceLine): boolean =>
  /^\d{5}/.test(product) && Number(priceText) > 0;

/**
 * The invoices as the shop's ledger: an order line for each positive line of goods, and a refund for each return whose
 * goods the customer had bought before, at the price of that sale and of as many pieces as are left of it.
 */
export const ledgerOf = (invoices: readonly InvoiceLine[]): BookLine[] => {
  const ledger: BookLine[] = [];
  const linesOf = new Map<string, number>();
  const timeOf = new Map<string, string>();
  const bought = new Map<string, { sale: BookLine; left: number }[]>();
  for (const line of invoices.filter(isGoods)) {
    const isReturn = line.invoice.startsWith('C');
    if (isReturn === line.quantity > 0) continue;
    const key = `${line.customer} ${line.product}`;
    const at = (wallTime: string) => ({
      atMs: londonToUtc(wallTime),
      wallDate: wallTime.slice(0, 10),
      wallHour: wallTime.slice(0, 13),
    });
    if (!isReturn) {
      const place = linesOf.get(line.invoice) ?? 0;
      linesOf.set(line.invoice, place + 1);
      // An order has one time, also where its lines were typed over a minute's end.
      timeOf.set(line.invoice, timeOf.get(line.invoice) ?? line.wallTime);
      const sale: BookLine = {
        orderId: line.invoice,
        line: place,
        productId: productIdOf(line.product),
        userId: line.customer === '' ? null : line.customer,
        quantity: line.quantity,
        amountMinor: penceOf(line.priceText, line.quantity),
        currency: 'GBP',
        kind: 'sale',
        ...at(timeOf.get(line.invoice) ?? line.wallTime),
      };
      ledger.push(sale);
      bought.set(key, [...(bought.get(key) ?? []), { sale, left: line.quantity }]);
      continue;
    }
    const known = (bought.get(key) ?? []).findLast(({ left }) => left > 0);
    if (line.customer === '' || known === undefined) continue;
    const pieces = Math.min(known.left, -line.quantity);
    known.left -= pieces;
    const amount = Math.floor((known.sale.amountMinor * pieces) / known.sale.quantity);
    ledger.push({
      ...known.sale,
      quantity: -pieces,
      amountMinor: -amount,
      kind: 'refund',
      ...at(line.wallTime),
    });
  }
  return ledger;
};
