/**
 * Guests who check out again and again, each the next time as soon as the last order is confirmed, as a process of its
 * own, so that its CPU time is counted apart. Its one argument is a `BuyersPlan` as JSON; it prints a `LoadResult` as
 * JSON.
 */
import { randomUUID } from 'node:crypto';
import { Pool } from 'undici';
import { type Loop, measureLoop } from '../cost/measured-loop.js';
import { readPlan } from '../cost/plan.js';
import { buyAt, type ShopToBuyAt } from './buyer.js';

export type BuyersPlan = {
  origin: string;
  shop: ShopToBuyAt;
  buyers: number;
  durationMs: number;
  /** Not counted: before the measured time. */
  warmUpMs: number;
};

const plan = await readPlan<BuyersPlan>();
const pool = new Pool(plan.origin, { connections: plan.buyers, pipelining: 1 });
let next = Math.floor(Math.random() * 1_000_000);

const shopUntil: Loop = async (untilMs, onDone) => {
  const one = async () => {
    while (performance.now() < untilMs) {
      const startedAtMs = performance.now();
      next += 1;
      await buyAt(pool, plan.shop, {
        productId: plan.shop.products[next % plan.shop.products.length] as string,
        email: `buyer-${randomUUID()}@shop.example`,
      })
        .then((outcome) => {
          if (outcome !== 'confirmed') throw new Error(`the checkout ended ${outcome}`);
          onDone(performance.now() - startedAtMs);
        })
        .catch((failure: unknown) => onDone(performance.now() - startedAtMs, failure));
    }
  };
  await Promise.all(Array.from({ length: plan.buyers }, one));
};

console.log(JSON.stringify(await measureLoop(shopUntil, plan)));
await pool.destroy();
