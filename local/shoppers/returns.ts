import { randomUUID } from 'node:crypto';
import type { Catalogue } from '../catalogue/catalogue.js';
import type { Random } from '../random.js';
import { type ShopClient, Unserved } from '../shop-client.js';
import type { Bought } from './visit.js';

/** Some minutes after an order, its buyer may send one of its products back. */
export const returnDelayMs = { min: 60_000, max: 600_000 };
const waitingMax = 500;

export type Returns = {
  /** Decides at random whether this order will have a return, as often as in the data. */
  consider(bought: Bought, nowMs: number, random: Random): void;
  /** Requests the returns that are due; resolves to how many the shop accepted. */
  sendDue(nowMs: number): Promise<number>;
};

export const createReturns = (shop: ShopClient, { baskets }: Catalogue): Returns => {
  const waiting: { bought: Bought; item: Bought['items'][number]; dueMs: number }[] = [];
  return {
    consider: (bought, nowMs, random) => {
      if (waiting.length >= waitingMax || !random.chance(baskets.returnShare)) return;
      const { productId, quantity } = random.pick(bought.items);
      const { min, max } = returnDelayMs;
      waiting.push({
        bought,
        item: { productId, quantity: 1 + random.below(quantity) },
        dueMs: nowMs + min + random.below(max - min),
      });
    },
    sendDue: async (nowMs) => {
      let accepted = 0;
      const due = waiting.filter(({ dueMs }) => dueMs <= nowMs);
      for (const one of due) {
        waiting.splice(waiting.indexOf(one), 1);
        const { orderId, token, orderToken } = one.bought;
        const answer = await shop.call('POST', `/api/orders/${orderId}/returns`, {
          token,
          headers: {
            'idempotency-key': randomUUID(),
            ...(orderToken === undefined ? {} : { 'x-order-token': orderToken }),
          },
          body: { items: [one.item], reason: 'Not what I expected (simulated)' },
        });
        // A cancelled order cannot be returned, which is no failure.
        if (answer.status === 202) accepted += 1;
        else if (answer.status >= 500 || answer.status === 429) throw new Unserved('return goods', answer);
      }
      return accepted;
    },
  };
};
