/**
 * Orders of guests at a fixed rate, whatever the answers do, as a process of its own. Every time is measured from the
 * moment at which the order was due, so an order that had to wait for the client or for a connection waited too. Its one
 * argument is an `OpenOrdersPlan` as JSON; it prints an `OpenOrdersResult` as JSON.
 */
import { randomUUID } from 'node:crypto';
import { Pool } from 'undici';
import { sleep } from '#platform/waiting/sleep';
import { type Buying, buyAt } from '../checkout/buyer.js';
import type { LoadResult } from '../cost/measured-loop.js';
import { readPlan } from '../cost/plan.js';
import { dueAtMs, percentile } from '../figures.js';

export type OpenOrdersPlan = {
  origin: string;
  products: string[];
  perSecond: number;
  durationMs: number;
  warmUpMs: number;
  /** Latencies are summed up over parts of the time of this length. */
  windowMs: number;
};

export type Latency = { p50Ms: number; p99Ms: number };

export type OpenOrdersResult = LoadResult & {
  accepted: Latency;
  confirmed: Latency;
  /** How much later than due the client sent 99 % of the orders at most: its own share of the times. */
  sentLateP99Ms: number;
  /** Orders under way at once, at most. */
  openMax: number;
  windows: { endsAtMs: number; orders: number; acceptedP99Ms: number; confirmedP99Ms: number }[];
};

type Sample = { dueMs: number; sentLateMs: number; acceptedMs: number; confirmedMs: number };

const connectionsMax = 512;

const plan = await readPlan<OpenOrdersPlan>();
const pool = new Pool(plan.origin, { connections: connectionsMax, pipelining: 1 });
let next = Math.floor(Math.random() * 1_000_000);

const order = async (dueMs: number): Promise<Sample> => {
  const sentLateMs = performance.now() - dueMs;
  next += 1;
  let acceptedMs = Number.NaN;
  const buying: Buying = {
    productId: plan.products[next % plan.products.length] as string,
    email: `buyer-${randomUUID()}@shop.example`,
    onAccepted: () => {
      acceptedMs = performance.now() - dueMs;
    },
  };
  const outcome = await buyAt(pool, { kind: 'cartstream', products: plan.products }, buying);
  if (outcome !== 'confirmed') throw new Error(`the checkout ended ${outcome}`);
  return { dueMs, sentLateMs, acceptedMs, confirmedMs: performance.now() - dueMs };
};

const failures: unknown[] = [];
let openMax = 0;

/** Resolves when every order of `durationMs` has ended. */
const orderFor = async (durationMs: number): Promise<Sample[]> => {
  const startedAtMs = performance.now();
  const samples: Sample[] = [];
  const open = new Set<Promise<unknown>>();
  for (const due of dueAtMs(plan.perSecond, durationMs)) {
    const waitMs = startedAtMs + due - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    const one = order(startedAtMs + due)
      .then((sample) => samples.push(sample))
      .catch((failure: unknown) => failures.push(failure))
      .finally(() => open.delete(one));
    open.add(one);
    openMax = Math.max(openMax, open.size);
  }
  await Promise.all(open);
  return samples;
};

const warmedUp = (await orderFor(plan.warmUpMs)).length;
failures.length = 0;
openMax = 0;
process.stderr.write('measuring\n');
const startedAtMs = performance.now();
const before = process.cpuUsage();
const samples = await orderFor(plan.durationMs);
const cpu = process.cpuUsage(before);
const seconds = (performance.now() - startedAtMs) / 1000;
await pool.destroy();

const of = (
  part: readonly Sample[],
  key: 'acceptedMs' | 'confirmedMs' | 'sentLateMs',
  share: number,
): number =>
  percentile(
    part.map((sample) => sample[key]),
    share,
  );
const windows = Array.from({ length: Math.ceil(plan.durationMs / plan.windowMs) }, (_, n) => {
  const endsAtMs = (n + 1) * plan.windowMs;
  const part = samples.filter(({ dueMs }) => Math.floor((dueMs - startedAtMs) / plan.windowMs) === n);
  return {
    endsAtMs,
    orders: part.length,
    acceptedP99Ms: of(part, 'acceptedMs', 0.99),
    confirmedP99Ms: of(part, 'confirmedMs', 0.99),
  };
});
const result: OpenOrdersResult = {
  operations: samples.length,
  warmedUp,
  failures: failures.length,
  seconds,
  cpuMs: (cpu.user + cpu.system) / 1000,
  p50Ms: of(samples, 'confirmedMs', 0.5),
  p95Ms: of(samples, 'confirmedMs', 0.95),
  p99Ms: of(samples, 'confirmedMs', 0.99),
  accepted: { p50Ms: of(samples, 'acceptedMs', 0.5), p99Ms: of(samples, 'acceptedMs', 0.99) },
  confirmed: { p50Ms: of(samples, 'confirmedMs', 0.5), p99Ms: of(samples, 'confirmedMs', 0.99) },
  sentLateP99Ms: of(samples, 'sentLateMs', 0.99),
  openMax,
  windows,
  ...(failures.length === 0 ? {} : { firstFailure: String(failures[0]) }),
};
console.log(JSON.stringify(result));
