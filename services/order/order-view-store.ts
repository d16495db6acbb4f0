import { createFreshMap } from '#platform/fresh-map';
import { type Listener, listen } from '#platform/postgres/listener';
import type { Database } from '#platform/postgres/pool';
import type { Component, Host } from '#platform/service-host';
import { createKeyedBells } from '#platform/waiting/keyed-bells';
import { createBatchedRead } from '#platform/waiting/shared-read';
import { findOrders, type OrderView } from './order-view.js';

/** Orders as their buyers see them, most of them from memory. */
export type OrderViews = Component & {
  /** The order as the last commit that was reported here has left it. Calls that come together share a query. */
  find(orderId: string): Promise<OrderView | undefined>;
  /** Resolves when the order has changed, or after `waitMs`. To false, at once, when very many wait already. */
  changed(orderId: string, waitMs: number, signal?: AbortSignal): Promise<boolean>;
  /** Drops the copy: the caller has just changed the order. */
  forget(orderId: string): void;
};

const copiesMax = 5_000;
/** PostgreSQL reports every change, so a copy is wrong only while a report is under way, or if the connection hangs. */
const copyMsMax = 1_000;
const waitersMax = 2_000;
/** Each is about one order. */
const asksPerQueryMax = 500;

/** Copies are kept only while the database reports changes (`orders_changed`), also those of other processes. */
export const createOrderViews = (host: Pick<Host, 'logger' | 'service'>, db: Database): OrderViews => {
  const bells = createKeyedBells(waitersMax);
  let listener: Listener | undefined;

  const copies = createFreshMap<OrderView | undefined>({
    load: createBatchedRead((orderIds) => findOrders(db, orderIds), asksPerQueryMax),
    otherwise: undefined,
    ageMsMax: copyMsMax,
    entriesMax: copiesMax,
    monotonicMs: () => performance.now(),
  });

  const forget = (orderId: string): void => {
    copies.forget([orderId]);
    bells.ring(orderId);
  };

  return {
    name: 'order views',
    find: async (orderId) => {
      const order = await copies.get(orderId);
      // An order that does not exist yet may exist at once.
      if (order === undefined || listener?.isListening() !== true) copies.forget([orderId]);
      return order;
    },
    changed: bells.wait,
    forget,
    start: async () => {
      listener = listen(host, db, {
        channel: 'orders_changed',
        onNotification: (payload) => {
          for (const orderId of payload.split(' ')) forget(orderId);
        },
        onListening: () => {
          copies.forgetAll();
          bells.ringAll();
        },
      });
    },
    stop: async () => {
      await listener?.close();
    },
  };
};
