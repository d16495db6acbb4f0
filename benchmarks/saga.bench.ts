/**
 * `npm run bench saga`: 100 orders of each outcome through the running platform, one after the other as a shopper
 * would, timed from the click to the terminal state and from the confirmation to the analytics row. Uses the platform
 * named by CARTSTREAM_RUN or running in `.local`, or starts one.
 */
import { eventually } from '#platform/testing/eventually';
import { findPlatform } from '../tests/running-platform.js';
import { readRunFile, shopAt } from '../tests/shop.js';
import { percentile } from './figures.js';
import { writeResults } from './results.js';

type Outcome = { name: string; paymentToken: string; quantity: number; expected: string; reason?: string };

const ordersPerOutcome = Number(process.env.ORDERS ?? 100);
const outcomes: Outcome[] = [
  { name: 'confirmed (tok_ok)', paymentToken: 'tok_ok', quantity: 1, expected: 'confirmed' },
  {
    name: 'declined',
    paymentToken: 'tok_declined',
    quantity: 1,
    expected: 'cancelled',
    reason: 'payment_declined',
  },
  {
    name: 'out of stock',
    paymentToken: 'tok_ok',
    quantity: 1000,
    expected: 'cancelled',
    reason: 'out_of_stock',
  },
];

const summarise = (samplesMs: number[]) => ({
  count: samplesMs.length,
  p50Ms: Math.round(percentile(samplesMs, 0.5)),
  p95Ms: Math.round(percentile(samplesMs, 0.95)),
  maxMs: Math.round(Math.max(...samplesMs)),
});

export const runSagaBench = async (): Promise<void> => {
  const platform = await findPlatform(100);
  try {
    await measure(platform.runFile);
  } finally {
    await platform.stop();
  }
};

const measure = async (runFile: string): Promise<void> => {
  const run = readRunFile(runFile);
  const shop = shopAt(run.gateway);
  const admin = await shop.login(run.adminEmail, run.adminPassword);
  const { token } = await shop.registerCustomer();
  const initialStock = ordersPerOutcome;
  const results: Record<string, ReturnType<typeof summarise>> = {};

  for (const outcome of outcomes) {
    const productId = await shop.createProduct(admin, { initialStock });
    const samplesMs: number[] = [];
    for (let i = 0; i < ordersPerOutcome; i += 1) {
      const startedAt = performance.now();
      const placed = await shop.placeOrder({
        token,
        items: [{ productId, quantity: outcome.quantity }],
        paymentToken: outcome.paymentToken,
      });
      if (placed.status !== 202)
        throw new Error(`order refused: ${placed.status} ${JSON.stringify(placed.body)}`);
      const order = await shop.settled(placed.body.id, token);
      samplesMs.push(performance.now() - startedAt);
      if (order.status !== outcome.expected || (outcome.reason && order.reason !== outcome.reason))
        throw new Error(
          `order ${order.id} ended ${order.status} ${order.reason ?? ''}, not ${outcome.expected}`,
        );
      if (process.stdout.isTTY) process.stdout.write(`\r${outcome.name}: ${i + 1}/${ordersPerOutcome} `);
    }
    console.log(`${outcome.name}: ${ordersPerOutcome} orders`);
    results[outcome.name] = summarise(samplesMs);
    const leftMin = outcome.expected === 'confirmed' ? initialStock - ordersPerOutcome : initialStock;
    await eventually(
      async () => {
        const stock = await shop.stockOf(productId);
        return stock.available === leftMin && stock.reserved === 0;
      },
      { timeoutMs: 10_000, everyMs: 50, message: `stock of ${productId} back to ${leftMin}` },
    );
  }
  results['analytics row after confirmation'] = summarise(await measureAnalyticsRows(shop, admin, token));

  console.table(results);
  writeResults('saga', { results });
};

/** From the moment the buyer sees `confirmed` until the product is in /api/analytics/top-products. */
const measureAnalyticsRows = async (
  shop: ReturnType<typeof shopAt>,
  admin: string,
  token: string,
): Promise<number[]> => {
  const samplesMs: number[] = [];
  const from = encodeURIComponent(new Date().toISOString());
  for (let i = 0; i < 20; i += 1) {
    const productId = await shop.createProduct(admin, { initialStock: 1000, amountMinor: 9_000_000 + i });
    const placed = await shop.placeOrder({ token, items: [{ productId, quantity: 100 }] });
    await shop.settled(placed.body.id, token);
    const confirmedAt = performance.now();
    await eventually(
      async () => {
        const top = await shop.call<{ items: { productId: string }[] }>(
          'GET',
          `/api/analytics/top-products?by=revenue&limit=100&from=${from}`,
          { token: admin },
        );
        return top.body.items.some((row) => row.productId === productId);
      },
      { timeoutMs: 20_000, everyMs: 20, message: `the sale of ${productId} in top-products` },
    );
    samplesMs.push(performance.now() - confirmedAt);
  }
  return samplesMs;
};
