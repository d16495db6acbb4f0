import { type Listener, listen } from '#platform/postgres/listener';
import type { Database } from '#platform/postgres/pool';
import type { Component, Host } from '#platform/service-host';
import { createKeyedBells } from '#platform/waiting/keyed-bells';
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
const ordersPerQueryMax = 500;

const dropOldest = (copies: Map<string, Copy>): void => {
  const oldest = copies.keys().next();
  if (oldest.done !== true) copies.delete(oldest.value);
};

type Copy = { order: OrderView; untilMs: number };
type Ask = { orderId: string; resolve(order: OrderView | undefined): void; reject(error: unknown): void };

/** Copies are kept only while the database reports changes (`orders_changed`), also those of other processes. */
export const createOrderViews = (host: Pick<Host, 'logger' | 'service'>, db: Database): OrderViews => {
  const copies = new Map<string, Copy>();
  const bells = createKeyedBells(waitersMax);
  let listener: Listener | undefined;
  /** The orders that changed while the running query may have read them before. */
  let changedMeanwhile = new Set<string>();
  /** Counts the times that listening began: what was read before may have changed without a report. */
  let epoch = 0;
  const asked: Ask[] = [];
  let reading = false;

  const forget = (orderId: string): void => {
    copies.delete(orderId);
    if (reading) changedMeanwhile.add(orderId);
    bells.ring(orderId);
  };

  const keep = (order: OrderView, readIn: number): void => {
    if (readIn !== epoch || listener?.isListening() !== true || changedMeanwhile.has(order.orderId)) return;
    copies.delete(order.orderId);
    copies.set(order.orderId, { order, untilMs: performance.now() + copyMsMax });
    if (copies.size > copiesMax) dropOldest(copies);
  };

  const readAll = async (): Promise<void> => {
    while (asked.length > 0) {
      const asks = asked.splice(0, ordersPerQueryMax);
      changedMeanwhile = new Set();
      const readIn = epoch;
      try {
        const found = await findOrders(db, [...new Set(asks.map(({ orderId }) => orderId))]);
        for (const order of found.values()) keep(order, readIn);
        for (const { orderId, resolve } of asks) resolve(found.get(orderId));
      } catch (error) {
        for (const { reject } of asks) reject(error);
      }
    }
    reading = false;
  };

  return {
    name: 'order views',
    find: (orderId) => {
      const copy = copies.get(orderId);
      if (copy !== undefined && copy.untilMs > performance.now()) return Promise.resolve(copy.order);
      return new Promise((resolve, reject) => {
        asked.push({ orderId, resolve, reject });
        if (reading) return;
        reading = true;
        // What has arrived in the same turn of the loop goes together.
        setImmediate(() => void readAll());
      });
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
          epoch += 1;
          copies.clear();
          bells.ringAll();
        },
      });
    },
    stop: async () => {
      await listener?.close();
    },
  };
};
