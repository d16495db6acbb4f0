import type { Database } from '#platform/postgres/pool';
import type { Component, Host } from '#platform/service-host';
import { createBell } from '#platform/waiting/bell';
import type { BackInStockStore } from './back-in-stock-store.js';

const everyMs = 1_000;
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
  const bell = createBell();
  let stopping = false;
  let finished: Promise<void> = Promise.resolve();

  const run = async (): Promise<void> => {
    while (!stopping) {
      let reported = 0;
      try {
        reported = await waiting.report(db, accountsAtOnceMax);
      } catch (error) {
        logger.warn({ err: error }, 'products back in stock not reported');
      }
      if (reported < accountsAtOnceMax && !stopping) await bell.wait(everyMs);
    }
  };

  return {
    name: 'back-in-stock',
    start: async () => {
      finished = run();
    },
    stop: async () => {
      stopping = true;
      bell.ring();
      await finished;
    },
  };
};
