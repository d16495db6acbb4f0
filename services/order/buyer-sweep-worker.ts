import type { Database } from '#platform/postgres/pool';
import type { Component, Host } from '#platform/service-host';
import { sleep } from '#platform/waiting/sleep';
import { buyerStore } from './buyer-store.js';

const sweepEveryMs = 60_000;

/** Calls `buyerStore.sweep` once a minute. */
export const createBuyerSweep = (
  host: Pick<Host, 'clock' | 'logger' | 'stopping'>,
  db: Database,
): Component => {
  const run = async (): Promise<void> => {
    while (!host.stopping.aborted) {
      await sleep(sweepEveryMs, { signal: host.stopping, keepsAlive: false });
      if (host.stopping.aborted) return;
      try {
        const orders = await buyerStore.sweep(db, host.clock.nowMs());
        if (orders > 0) host.logger.info({ orders }, 'erased the buyers of orders that have not ended');
      } catch (error) {
        host.logger.warn({ err: error }, 'could not erase buyers');
      }
    }
  };
  let running: Promise<void> | undefined;
  return {
    name: 'erased-buyers',
    start: async () => {
      running = run();
    },
    stop: async () => {
      await running;
    },
  };
};
