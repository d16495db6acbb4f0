import type { System } from '../checkout/systems.js';
import { type LoadRun, runLoad } from '../cost/bare.js';
import type { OpenOrdersResult } from './open-orders.js';

export type OrderCost = {
  /** Confirmed orders a second. */
  perSecond: number;
  /** The same, until the last sale was in analytics. */
  settledPerSecond: number;
  /** Of all processes of the platform, without the client. */
  cpuMsPerOrder: number;
  cpuMsByProcess: Record<string, number>;
  p50Ms: number;
  p99Ms: number;
  failures: number;
  firstFailure?: string;
};

/** `buyers` guests at once, each with the next order as soon as the last one is confirmed. */
export const buyInLoop = async (
  system: System,
  { buyers, durationMs }: { buyers: number; durationMs: number },
): Promise<OrderCost> => {
  const settle = await system.begin();
  const run = await runLoad(
    { origin: system.origin, shop: system.shop, buyers, durationMs, warmUpMs: durationMs / 3 },
    { program: 'checkout/buyers', watched: system.watched, settle },
  );
  const { result } = run;
  if (result.operations === 0) throw new Error(`no order was confirmed: ${result.firstFailure}`);
  const each = (ms: number): number => ms / result.operations;
  return {
    perSecond: result.operations / result.seconds,
    settledPerSecond: result.operations / (result.seconds + run.settleMs / 1000),
    cpuMsPerOrder: each([...run.cpuMsByProcess.values()].reduce((sum, ms) => sum + ms, 0)),
    cpuMsByProcess: Object.fromEntries([...run.cpuMsByProcess].map(([name, ms]) => [name, each(ms)])),
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    failures: result.failures,
    ...(result.firstFailure === undefined ? {} : { firstFailure: result.firstFailure }),
  };
};

/** Orders at a fixed rate, whatever the answers do. */
export const buyAtRate = async (
  system: System,
  plan: { perSecond: number; durationMs: number; warmUpMs: number; windowMs?: number },
): Promise<LoadRun<OpenOrdersResult>> => {
  const settle = await system.begin();
  return runLoad<OpenOrdersResult>(
    {
      origin: system.origin,
      products: system.shop.products,
      windowMs: plan.durationMs,
      ...plan,
    },
    { program: 'load/open-orders', watched: system.watched, settle },
  );
};
