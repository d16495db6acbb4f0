import { assert } from '#platform/assert';
import type { Clock } from '#platform/clock';
import { contradiction, PlatformError } from '#platform/errors';
import { type Reactions, recognisingRepeats } from '#platform/messaging/reactor';
import type { Replica } from '#platform/postgres/replica';
import type { Logger } from '#platform/service-host';
import type { EventMap } from '#schemas/events';
import type { BackInStockStore } from './back-in-stock-store.js';
import type { HoldRefusal } from './hold.js';
import type { HoldStore } from './hold-store.js';
import type { InventoryMetrics } from './inventory-metrics.js';
import type { ProductForSale } from './product-replica.js';
import { createPatience } from './product-wait.js';
import type { StockStore } from './stock-store.js';

/** Inventory's reactions to events of other services. */
export const reactions = (deps: {
  stock: StockStore;
  holds: HoldStore;
  waiting: Pick<BackInStockStore, 'forgetProduct' | 'forgetUser'>;
  products: Pick<Replica<ProductForSale>, 'note'>;
  clock: Clock;
  logger: Logger;
  counted: InventoryMetrics;
  unknownProductWaitMs: number;
}): Reactions<EventMap> => {
  const { stock, holds, waiting, products, logger, counted } = deps;
  const patience = createPatience(deps.clock, deps.unknownProductWaitMs);

  return {
    ProductCreated: recognisingRepeats(
      async (tx, { value: { productId, version, active, initialStock } }) => {
        await Promise.all([
          products.note(tx, { productId, version, active }),
          stock.open(tx, productId, initialStock),
        ]);
      },
    ),

    ProductUpdated: recognisingRepeats((tx, { value: { productId, version, active } }) =>
      products.note(tx, { productId, version, active }),
    ),

    ProductDeleted: recognisingRepeats(async (tx, { value: { productId, version } }) => {
      await products.note(tx, { productId, version, active: false });
      await waiting.forgetProduct(tx, productId);
    }),

    OrderPlaced: async (tx, { value: { orderId, lines }, occurredAt }) => {
      let outcome = await holds.reserve(tx, orderId, lines);
      // The product's event may still arrive on its own topic, so the partition waits for it for a bounded time.
      if (typeof outcome === 'object') {
        if (!patience.isOver(outcome.unknown, occurredAt))
          throw new PlatformError('not_yet_known', `no stock known of ${outcome.unknown.join(', ')}`, {
            retriable: true,
          });
        outcome = await holds.reserve(tx, orderId, lines, { unknownAreSoldOut: true });
      }
      if (outcome === 'already_decided') return;
      assert(typeof outcome === 'string', 'what counts as sold out is not unknown');
      const decided = outcome;
      tx.afterCommit(() => {
        counted.reservation(decided);
        logger.info({ orderId }, `stock ${decided}`);
      });
    },

    OrderCancelled: async (tx, { value: { orderId, reason } }) => {
      await holds.release(tx, orderId, reason);
      tx.afterCommit(() => counted.other('release', true));
    },

    OrderConfirmed: async (tx, { value: { orderId } }) => {
      mustHold(await holds.commit(tx, orderId), orderId, () => counted.other('commit', false));
      tx.afterCommit(() => counted.other('commit', true));
    },

    OrderStepsAsked: async (tx, { value: { orderId, status, reason, lines, returns } }) => {
      if (status === 'cancelled') {
        await holds.release(tx, orderId, reason ?? '');
        tx.afterCommit(() => counted.other('release', true));
      } else if (status === 'pending' || status === 'reserved') await holds.reserve(tx, orderId, lines);
      else {
        const refusal = await holds.commit(tx, orderId);
        tx.afterCommit(() => counted.other('commit', refusal === undefined));
        if (refusal) logger.warn({ orderId, refusal }, 'nothing to commit for staff');
        else for (const back of returns) await holds.takeBack(tx, orderId, back.returnId, back.lines);
      }
    },

    OrderReturned: async (tx, { value: { orderId, returnId, lines } }) => {
      const refusal = await holds.takeBack(tx, orderId, returnId, lines);
      mustHold(refusal, orderId, () => counted.other('return', false));
      tx.afterCommit(() => counted.other('return', true));
    },

    UserErased: (tx, { value: { userId } }) => waiting.forgetUser(tx, userId),
  };
};

const mustHold = (refusal: HoldRefusal | undefined, orderId: string, count: () => void): void => {
  if (!refusal) return;
  count();
  throw contradiction(`order ${orderId}: ${refusal.refused}, its hold is ${refusal.status}`);
};
