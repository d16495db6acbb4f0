import type { Database } from '#platform/postgres/pool';
import type { Component, Host } from '#platform/service-host';
import { createWorkLoop } from '#platform/waiting/work-loop';
import type { BackInStockStore } from './back-in-stock-store.js';

const everyMs = 3_000;
const accountsAtOnceMax = 200;

/**
 * Reports the products that are available again. It looks by itself, so that no movement of stock has to think of
 * accounts that wait, and a popular product's notices are spread over several transactions.
 */
export const createBackInStockWorker = (
  { logger }: Pick<Host, 'logger'>,
  db: Database,
  waiting: BackInStockStore,
): Component => {
  const loop = createWorkLoop({
    restMs: everyMs,
    work: async () => (await waiting.report(db, accountsAtOnceMax)) >= accountsAtOnceMax,
    onFailure: (error) => logger.warn({ err: error }, 'products back in stock not reported'),
  });
  return { name: 'back-in-stock', start: loop.start, stop: loop.stop };
};
