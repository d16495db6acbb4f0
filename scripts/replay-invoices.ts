/**
 * `npm run invoices [-- --orders N] [-- --seconds N]`: orders the real invoices at the public API of the platform that
 * CARTSTREAM_RUN names or that runs in `.local` (otherwise of one of its own), sends back what was sent back, and compares
 * every answer of the analytics with what an independent script adds up from the receipts. `--orders` (200; 0 for all) is how
 * many invoices, `--seconds` the time in which their real times pass (as fast as it goes if it is left out).
 */
import { eventually } from '#platform/testing/eventually';
import { currencies } from '#schemas/currency';
import { progressLine } from '../benchmarks/terminal.js';
import { readInvoices } from '../tests/invoices/ledger.js';
import { differencesOf, type ReplayPlan, replayInvoices } from '../tests/invoices/replay.js';
import { findPlatform } from '../tests/running-platform.js';
import { readRunFile, shopAt } from '../tests/shop.js';

const option = (name: string, otherwise: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
};
const orders = option('orders', 200);
const secondsForAll = option('seconds', 0);
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
    invoices: firstOf(orders),
    secondsForAll,
    onDone: (done, of) => progress.update(done / of, `${done} of ${of}`),
  };
  const replay = await replayInvoices(shop, plan);
  progress.done(`${replay.receipts.length} lines sold and sent back`);
  // The last sales are on their way; what still differs after that is a difference.
  await eventually(
    async () => {
      differences = await differencesOf(shop, plan, replay);
      return differences.length === 0;
    },
    { timeoutMs: settledWithinMs },
  ).catch(() => {});
} finally {
  await stop();
}
console.log(differences.length === 0 ? 'every figure is equal' : differences.slice(0, 20).join('\n'));
process.exit(differences.length === 0 ? 0 : 1);

function firstOf(count: number) {
  const lines = readInvoices();
  if (count === 0) return lines;
  const numbers = new Set([...new Set(lines.map(({ invoice }) => invoice))].slice(0, count));
  return lines.filter(({ invoice }) => numbers.has(invoice));
}
