import { sleep } from '#platform/waiting/sleep';
import type { RunFile, Shop } from './shop.js';

/** Places orders at a steady rate, whatever happens to the platform meanwhile. */
export type OrderLoad = {
  /** Accepted, and not yet seen as confirmed or cancelled. */
  outstanding(): string[];
  /** True when each of these is confirmed or cancelled. Rejects when the shop does not answer. */
  areSettled(ids: readonly string[]): Promise<boolean>;
  accepted(): number;
  /** The one that every order buys. */
  productId: string;
  /** The ids of the orders that were seen as confirmed. */
  confirmed(): string[];
  /** Stops placing orders; resolves with the faults of those that were accepted. */
  stop(): Promise<string[]>;
};

const requestMsMax = 15_000;
const looksAtOnceMax = 20;
/** Without one more order that is settled. */
const settleMsMax = 60_000;
const settledStates = new Set(['confirmed', 'cancelled']);

/** Access tokens live for 15 minutes, and the load for longer. */
const tokenUsedMsMax = 300_000;

const renewed = (make: () => Promise<string>): (() => Promise<string>) => {
  let token: Promise<string> | undefined;
  let madeAt = 0;
  return () => {
    if (token === undefined || performance.now() - madeAt > tokenUsedMsMax) {
      madeAt = performance.now();
      token = make();
      token.catch(() => {
        token = undefined;
      });
    }
    return token;
  };
};

export const startOrders = async (shop: Shop, run: RunFile, ordersPerSecond: number): Promise<OrderLoad> => {
  const admin = await shop.login(run.adminEmail, run.adminPassword);
  const customer = renewed(async () => (await shop.registerCustomer()).token);
  const staff = renewed(() => shop.login(run.adminEmail, run.adminPassword));
  const productId = await shop.createProduct(admin, { initialStock: 1_000_000 });
  const outstanding = new Set<string>();
  const confirmed: string[] = [];
  const placing = new Set<Promise<void>>();
  let accepted = 0;
  let stopped = false;

  const place = async (): Promise<void> => {
    const paymentToken = Math.random() < 0.1 ? 'tok_declined' : 'tok_ok';
    try {
      const order = { token: await customer(), items: [{ productId, quantity: 1 }], paymentToken };
      const answer = await shop.placeOrder(order, AbortSignal.timeout(requestMsMax));
      if (answer.status !== 202) return;
      accepted += 1;
      outstanding.add(answer.body.id);
    } catch {
      // The customer received no answer, so the order does not count as accepted.
    }
  };
  const placeAll = async (): Promise<void> => {
    while (!stopped) {
      const placed = place().finally(() => placing.delete(placed));
      placing.add(placed);
      await sleep(1_000 / ordersPerSecond);
    }
    await Promise.all(placing);
  };
  const running = placeAll();

  const areSettled = async (ids: readonly string[]): Promise<boolean> => {
    const look = async (id: string): Promise<void> => {
      const { status } = await shop.orderOf(id, await staff(), AbortSignal.timeout(requestMsMax));
      if (settledStates.has(status) && outstanding.delete(id) && status === 'confirmed') confirmed.push(id);
    };
    const open = ids.filter((id) => outstanding.has(id));
    await Promise.all(open.slice(0, looksAtOnceMax).map(look));
    return open.every((id) => !outstanding.has(id));
  };

  return {
    outstanding: () => [...outstanding],
    areSettled,
    accepted: () => accepted,
    productId,
    confirmed: () => [...confirmed],
    stop: async () => {
      stopped = true;
      await running;
      let open = outstanding.size;
      let deadline = performance.now() + settleMsMax;
      while (performance.now() < deadline && !(await areSettled([...outstanding]).catch(() => false))) {
        if (outstanding.size < open) deadline = performance.now() + settleMsMax;
        else await sleep(200);
        open = outstanding.size;
      }
      return [...outstanding].map((id) => `order ${id} was accepted and is neither confirmed nor cancelled`);
    },
  };
};
