import { expect, test } from 'vitest';
import { createTask } from '#platform/streams/task';
import type { Sink, Topology, WritingSink } from '#platform/streams/topology';
import { fraudSignals } from './fraud-signals.js';
import { liveMetrics } from './live-figures.js';
import { productPerformance } from './product-performance.js';
import { searches } from './searches.js';
import { visits } from './visits.js';

/** How long after its end each job's window still takes an event. */

const nowhere: Sink<never> = { into: 'nowhere', publish: async () => {}, rowsKeptMax: 0 };
const written: WritingSink<never> = { into: 'nowhere', write: async () => {} };
const fromMs = Date.UTC(2026, 5, 1);

const action = { visit_id: 'visit', user_id: null, product_id: 'p', query: null, results: null };
const placed = { userId: 'user', visitId: null, shippingCountry: 'GB', totalMinor: 100, currency: 'GBP' };
const line = { line: 0, product_id: 'p', quantity: 1, amount_minor: 100, currency: 'GBP', kind: 'sale' };
const values = {
  Sale: { ...line, order_id: 'o', category: 'home', user_id: null },
  ShopperActivity: { ...action, type: 'product_viewed' },
  OrderPlaced: { ...placed, orderId: 'o' },
};

/**
 * An event of second 5, something of second `nextSecond`, then an event of second 6: whether that one was late, and the last
 * row.
 */
const comesBehind = (
  topology: Topology<never, never, unknown>,
  type: keyof typeof values,
  nextSecond: number,
) => {
  const task = createTask(topology, 1);
  const lane = task.lane({ topic: 't', partition: 0 });
  const take = (second: number, contributions: readonly never[]): number => {
    const late = lane.take(lane.nextOffset, fromMs + second * 1_000, contributions);
    task.advance();
    return late;
  };
  const contributions = task.contributionsOf({ type, value: values[type], eventId: 'e', key: 'k' } as never);
  take(5, contributions as never);
  take(nextSecond, []);
  const late = take(6, contributions as never);
  return { isLate: late > 0, row: task.checkpoint().rows.at(-1)?.row };
};

const hourMs = 3_600_000;
const limits = { orders: 2, declines: 2, amountsMinor: { EUR: 1_000, GBP: 1_000 } };

test.each([
  ['10 seconds of live figures', liveMetrics('tenSeconds', nowhere), 'Sale', 10 + 600 + 2],
  ['a minute of live figures', liveMetrics('minute', nowhere), 'Sale', 60 + 600 + 2],
  // The first of the two windows in which it is.
  ['signals of fraud', fraudSignals(limits, nowhere), 'OrderPlaced', 600 + 60 + 5],
  // A window of silence ends a millisecond after it.
  ['a visit', visits(hourMs / 2, nowhere), 'ShopperActivity', 6 + 1_800 + 60 + 10 + 1],
  ['a search', searches(hourMs / 2, nowhere), 'ShopperActivity', 6 + 1_800 + 60 + 10 + 1],
  ['an hour of a product', productPerformance(hourMs, written), 'Sale', 3_600 + 600 + 10],
] as const)('%s takes what comes late, until its lateness is over', (_, topology, type, closedSecond) => {
  expect(comesBehind(topology as never, type, closedSecond - 2).isLate).toBe(false);
  expect(comesBehind(topology as never, type, closedSecond).isLate).toBe(true);
});

test('a sale that an outbox delivers minutes late changes the ten seconds in which it happened', () => {
  const { row } = comesBehind(liveMetrics('tenSeconds', nowhere) as never, 'Sale', 300);
  expect(row).toMatchObject({ fromMs, orders: 2, gmv: [{ currency: 'GBP', amountMinor: 200 }] });
});
