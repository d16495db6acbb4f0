import type { Database } from '#platform/postgres/pool';
import type { Component, Host } from '#platform/service-host';
import { createPeriodicWork } from '#platform/waiting/periodic-work';
import { buyerStore } from './buyer-store.js';

const sweepEveryMs = 60_000;

/** Calls `buyerStore.sweep` once a minute. */
export const createBuyerSweep = (host: Pick<Host, 'clock' | 'logger'>, db: Database): Component =>
  createPeriodicWork({
    name: 'erased-buyers',
    everyMs: sweepEveryMs,
    work: async () => {
      const orders = await buyerStore.sweep(db, host.clock.nowMs());
      if (orders > 0) host.logger.info({ orders }, 'erased the buyers of orders that have not ended');
    },
    onFailure: (error) => host.logger.warn({ err: error }, 'could not erase buyers'),
  });
