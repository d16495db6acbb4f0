import { createFreshMap } from '#platform/fresh-map';
import { timeOfId } from '#platform/ids';
import { type Listener, listen } from '#platform/postgres/listener';
import type { Database } from '#platform/postgres/pool';
import type { ReadAside } from '#platform/redis/read-aside';
import type { Component, Host } from '#platform/service-host';
import { createKeyedBells } from '#platform/waiting/keyed-bells';
import { createBatchedRead } from '#platform/waiting/shared-read';
import { findOrders, type OrderStanding, type OrderView, standingOf } from './order-view.js';

/** Orders as their buyers see them, most of them from memory. */
export type OrderViews = Component & {
  /** The order as the last commit that was reported here has left it. Calls that come together share a query. */
  find(orderId: string): Promise<OrderView | undefined>;
  /** What the status is shown from: of an order that is not new from the cache of all instances too. */
  standing(orderId: string): Promise<OrderStanding | undefined>;
  /**
   * Resolves when the order has changed, or after `waitMs`. To false, at once, when very many wait already, of all, for
   * this order, or of this caller: undefined for a guest.
   */
  changed(orderId: string, waitMs: number, signal?: AbortSignal, callerId?: string): Promise<boolean>;
  /** Drops the copy: the caller has just changed the order. */
  forget(orderId: string): void;
};

const copiesMax = 5_000;
/** PostgreSQL reports every change, so a copy is wrong only while a report is under way, or if the connection hangs. */
const copyMsMax = 1_000;
const waitersMax = 2_000;
/** Its buyer in some tabs, and staff. Whoever opens one order a thousand times takes no place of other buyers. */
const waitersOfOrderMax = 50;
/** Whoever places many orders and opens each many times takes no place of other buyers either. */
const waitersOfCallerMax = 200;
/** Of guests together, whom this service cannot distinguish: so many of their orders leave the rest to who is logged in. */
const waitersOfGuestsMax = waitersMax / 2;
/** Each is about one order. */
const asksPerQueryMax = 500;
/** A younger order changes so soon that a cache costs more than it saves. */
const settlingMs = 5_000;

/** Copies are kept only while the database reports changes (`orders_changed`), also those of other processes. */
export const createOrderViews = (
  host: Pick<Host, 'logger' | 'service' | 'clock'>,
  db: Database,
  cache: Pick<ReadAside<OrderStanding>, 'read' | 'forget' | 'forgetAll'>,
): OrderViews => {
  const bells = createKeyedBells({
    waitersMax,
    ofKeyMax: waitersOfOrderMax,
    ofOwnerMax: waitersOfCallerMax,
    ofNobodyMax: waitersOfGuestsMax,
  });
  let listener: Listener | undefined;

  const copies = createFreshMap<OrderView | undefined>({
    load: createBatchedRead((orderIds) => findOrders(db, orderIds), asksPerQueryMax),
    otherwise: undefined,
    ageMsMax: copyMsMax,
    entriesMax: copiesMax,
    monotonicMs: host.clock.monotonicMs,
  });

  const isSettling = (orderId: string): boolean => host.clock.nowMs() - timeOfId(orderId) < settlingMs;
  const isListening = (): boolean => listener?.isListening() === true;

  const forget = (orderId: string): void => {
    copies.forget([orderId]);
    if (!isSettling(orderId)) cache.forget([orderId]);
    bells.ring(orderId);
  };

  const find = async (orderId: string): Promise<OrderView | undefined> => {
    const order = await copies.get(orderId);
    // An order that does not exist yet may exist at once.
    if (order === undefined || !isListening()) copies.forget([orderId]);
    return order;
  };
  const readStanding = async (orderId: string): Promise<OrderStanding | undefined> => {
    const order = await find(orderId);
    return order && standingOf(order);
  };

  return {
    name: 'order views',
    find,
    standing: async (orderId) => {
      const known = isListening() ? copies.peek(orderId) : undefined;
      if (known !== undefined) return standingOf(known);
      if (!isListening() || isSettling(orderId)) return await readStanding(orderId);
      return await cache.read(orderId, () => readStanding(orderId));
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
          cache.forgetAll();
          bells.ringAll();
        },
      });
    },
    stop: async () => {
      await listener?.close();
    },
  };
};
