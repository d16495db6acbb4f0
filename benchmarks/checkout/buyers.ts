/**
 * Guests who check out again and again, each the next time as soon as the last order is confirmed, as a process of its
 * own, so that its CPU time is counted apart. Its one argument is a `BuyersPlan` as JSON; it prints a `LoadResult` as
 * JSON.
 */
import { randomUUID } from 'node:crypto';
import { Pool } from 'undici';
import type { LoadResult } from '../cost/load-client.js';
import { percentile } from '../figures.js';
import { buyAt, type ShopToBuyAt } from './buyer.js';

export type BuyersPlan = {
  origin: string;
  shop: ShopToBuyAt;
  buyers: number;
  durationMs: number;
  /** Not counted: before the measured time. */
  warmUpMs: number;
};

const plan = JSON.parse(process.argv[2] ?? '{}') as BuyersPlan;
const pool = new Pool(plan.origin, { connections: plan.buyers, pipelining: 1 });
let next = Math.floor(Math.random() * 1_000_000);

const shopUntil = async (endMs: number, onDone: (ms: number, failure?: unknown) => void): Promise<void> => {
  const one = async () => {
    while (performance.now() < endMs) {
      const startedAtMs = performance.now();
      next += 1;
      const email = `buyer-${randomUUID()}@shop.example`;
      await buyAt(pool, plan.shop, {
        productId: plan.shop.products[next % plan.shop.products.length] as string,
        email,
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

let warmedUp = 0;
await shopUntil(performance.now() + plan.warmUpMs, (_, failure) => {
  if (failure === undefined) warmedUp += 1;
});
process.stderr.write('measuring\n');
const samplesMs: number[] = [];
const failures: unknown[] = [];
const startedAtMs = performance.now();
const before = process.cpuUsage();
await shopUntil(startedAtMs + plan.durationMs, (ms, failure) => {
  if (failure === undefined) samplesMs.push(ms);
  else failures.push(failure);
});
const cpu = process.cpuUsage(before);
const seconds = (performance.now() - startedAtMs) / 1000;
await pool.destroy();
const result: LoadResult = {
  operations: samplesMs.length,
  warmedUp,
  failures: failures.length,
  seconds,
  cpuMs: (cpu.user + cpu.system) / 1000,
  p50Ms: percentile(samplesMs, 0.5),
  p95Ms: percentile(samplesMs, 0.95),
  p99Ms: percentile(samplesMs, 0.99),
  ...(failures.length === 0 ? {} : { firstFailure: String(failures[0]) }),
};
console.log(JSON.stringify(result));
