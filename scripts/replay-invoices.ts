/**
 * `npm run invoices [-- --days N | --orders N] [--seconds N]`: orders the real invoices at the public API of the platform that
 * CARTSTREAM_RUN names or that runs in `.local` (otherwise of one of its own), sends back what was sent back, and compares
 * every answer of the analytics with what an independent script adds up from the receipts; and the sums of each product and
 * day in PostgreSQL and in ClickHouse with those of the invoices. `--days` (7) is how many days of invoices, `--orders` how many
 * invoices instead (0 for all), `--seconds` the time in which their real times pass (as fast as it goes if it is left out).
 */
import { eventually } from '#platform/testing/eventually';
import { currencies } from '#schemas/currency';
import { progressLine } from '../benchmarks/terminal.js';
import { fewInvoices, readInvoices, yearOfInvoices } from '../tests/invoices/ledger.js';
import { differencesOf, type Replay, type ReplayPlan, replayInvoices } from '../tests/invoices/replay.js';
import { differencesBetween, sumsOfClickHouse, sumsOfInput, sumsOfPostgres } from '../tests/invoices/sums.js';
import { findPlatform } from '../tests/running-platform.js';
import { readRunFile, shopAt } from '../tests/shop.js';
import { numberOptions } from './number-options.js';

const { days, orders, seconds: secondsForAll } = numberOptions({ days: 7, orders: Number.NaN, seconds: 0 });
const settledWithinMs = 30_000;

const { runFile, stop } = await findPlatform(200);
let differences: string[] = ['nothing was compared'];
try {
  const run = readRunFile(runFile);
  const shop = shopAt(run.gateway);
  const admin = await shop.login(run.adminEmail, run.adminPassword);
  const sold = await shop.call<{ items: { currency: string }[] }>(
    'GET',
    '/api/analytics/overview?from=2020-01-01T00:00:00Z',
    { token: admin },
  );
  const taken = new Set(sold.body.items.map((row) => row.currency));
  const progress = progressLine('invoices');
  const plan: ReplayPlan = {
    admin,
    currency: currencies.find((code) => !taken.has(code) && code !== 'GBP') as string,
    invoices: wanted(),
    secondsForAll,
    onDone: (done, of) => progress.update(done / of, `${done} of ${of}`),
  };
  const replay = await replayInvoices(shop, plan);
  progress.done(`${replay.receipts.length} lines sold and sent back`);
  report(replay);
  // The last sales are on their way; what still differs after that is a difference.
  await eventually(
    async () => {
      const input = sumsOfInput(replay.lines);
      differences = [
        ...differencesBetween('PostgreSQL', await sumsOfPostgres(run.postgres, replay), input),
        ...differencesBetween('ClickHouse', await sumsOfClickHouse(run.clickhouse, replay), input),
        ...(await differencesOf(shop, plan, replay)),
      ];
      return differences.length === 0;
    },
    { timeoutMs: settledWithinMs },
  ).catch(() => {});
} finally {
  await stop();
}
console.log(differences.length === 0 ? 'every figure is equal' : differences.slice(0, 20).join('\n'));
process.exit(differences.length === 0 ? 0 : 1);

function wanted() {
  const lines = readInvoices(yearOfInvoices ?? fewInvoices);
  if (Number.isNaN(orders)) {
    const dates = [...new Set(lines.map(({ wallTime }) => wallTime.slice(0, 10)))].sort().slice(0, 1);
    const endsMs = Date.parse(dates[0] as string) + days * 86_400_000;
    return lines.filter(({ wallTime }) => Date.parse(wallTime.slice(0, 10)) < endsMs);
  }
  if (orders === 0) return lines;
  const numbers = new Set([...new Set(lines.map(({ invoice }) => invoice))].slice(0, orders));
  return lines.filter(({ invoice }) => numbers.has(invoice));
}

function report({ lines, leftOut, orders: placed, seconds, realSeconds }: Replay): void {
  const returned = lines.filter(({ kind }) => kind === 'refund').length;
  const sums = sumsOfInput(lines);
  const net = [...sums.values()].reduce((sum, { amountMinor }) => sum + amountMinor, 0);
  console.log(
    `${(realSeconds / 86_400).toFixed(1)} days in ${seconds.toFixed(0)} s: ${Math.round(realSeconds / seconds)} times real speed; ${placed.length} orders, ${lines.length - returned} lines sold and ${returned} sent back, ${sums.size} sums of a product and day, ${(net / 100).toFixed(2)} in all; ${leftOut} lines left out, whose price has a fraction of a penny`,
  );
}
