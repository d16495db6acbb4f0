/** Stops a part of the running platform under load, continues it, and checks the recovery. */

import { eventually } from '#platform/testing/eventually';
import { sleep } from '#platform/waiting/sleep';
import { jobs } from '../services/table.js';
import { putIngestUnderLoad } from './ingest-under-load.js';
import { startOrders } from './order-load.js';
import { readRunFile, shopAt } from './shop.js';
import { stopAlone, stopProcess } from './stopped-process.js';

export const stallTargets = [
  'kafka',
  'schema-registry',
  'postgres',
  'clickhouse',
  'redis',
  'shop',
  ...jobs.map(({ name }) => name),
] as const;
export type StallTarget = (typeof stallTargets)[number];

export type Stall = {
  target: StallTarget;
  stoppedMs: number;
  /** Orders accepted before the target was continued, and not settled by then. */
  orders: number;
  /** From the continuation of the target until each of these orders was confirmed or cancelled. */
  settledMs: number;
  /** From the continuation until ClickHouse had all records that Kafka had at that moment. */
  ingestedMs: number;
  /** From the continuation until every service reported `up` and no consumer reported more lag than the load causes. */
  wellMs: number;
  /** Services that were not up, or did not answer, during the stop. */
  unwell: string[];
  /** False reports of health and lag. */
  untruths: string[];
};

export type StallRig = {
  stall(target: StallTarget, stoppedMs: number): Promise<Stall>;
  /** Orders that were accepted. */
  orders(): number;
  /** Ends the load; resolves with every fault of an order, a row or a reported lag. */
  finish(): Promise<string[]>;
};

type Rate = { ordersPerSecond: number; activityPerSecond: number; salesPerSecond: number };

const recoverMsMax = 120_000;
const lookMsMax = 4_000;
const restMs = 2_000;
/** A shorter stop may fall between two readings. */
const noticedMsMin = 5_000;
/** The consumers whose lag must grow while this target does not answer. */
const laggingBehind: Partial<Record<StallTarget, string>> = {
  clickhouse: 'clickhouse-ingest',
  redis: 'item-similarity',
};

/** `launcherPid`: of the platform, which nobody else may use meanwhile. It is stopped together with each target. */
export const openStallRig = async (
  { runFile, launcherPid }: { runFile: string; launcherPid: number },
  rate: Rate,
): Promise<StallRig> => {
  const ingest = await putIngestUnderLoad(runFile, rate);
  const orders = await startOrders(
    shopAt(readRunFile(runFile).gateway),
    readRunFile(runFile),
    rate.ordersPerSecond,
  );
  const watch = watchHealth(runFile);
  const ordinaryLag = 5 * (rate.activityPerSecond + rate.salesPerSecond);

  return {
    stall: async (target, stoppedMs) => {
      const pid = readRunFile(runFile).processes.find(
        ({ name }) => name === (target === 'shop' ? 'gateway' : target),
      )?.pid;
      if (pid === undefined) throw new Error(`${target} is not a process of this platform`);
      // The launcher would replace a process that does not answer for half a minute, and the test must not allow that.
      const goOn = [stopAlone(launcherPid), stopProcess(pid)];
      const unwell = await unwellDuring(watch, stoppedMs);
      const untruths = stoppedMs < noticedMsMin ? [] : await untruthsAbout(target, unwell, watch);
      for (const each of goOn.reverse()) each();
      const accepted = orders.outstanding();
      const times = await timesSinceNow({
        settledMs: { until: () => orders.areSettled(accepted), name: 'orders to settle' },
        ingestedMs: { until: backlogGone(ingest), name: 'the backlog to go' },
        wellMs: {
          until: async () => {
            if ((await watch.unwell()).length > 0) return false;
            const lag = await watch.lag();
            return lag !== undefined && lag < ordinaryLag;
          },
          name: 'health and lag to be well',
        },
      });
      await sleep(restMs);
      return { target, stoppedMs, orders: accepted.length, ...times, unwell, untruths };
    },
    orders: orders.accepted,
    finish: async () => {
      const unsettled = await orders.stop();
      const { differences } = await ingest.finish();
      let lag: number | undefined;
      const isAtRest = async () => {
        lag = await watch.lag();
        return lag === 0;
      };
      await eventually(isAtRest, { timeoutMs: 30_000 }).catch(() => {});
      const restless = lag === undefined ? 'no lag is reported' : `a lag of ${lag} is reported at rest`;
      return [...unsettled, ...differences, ...(lag === 0 ? [] : [restless])];
    },
  };
};

type HealthWatch = ReturnType<typeof watchHealth>;

/** Looks at the health of all services for this long; returns those that were not up, or did not answer. */
const unwellDuring = async (watch: HealthWatch, durationMs: number): Promise<string[]> => {
  const endsAt = performance.now() + durationMs;
  const unwell = new Set<string>();
  for (let leftMs = durationMs; leftMs > 0; leftMs = endsAt - performance.now()) {
    const look = watch.unwell().then((names) => names.forEach((name) => void unwell.add(name)));
    await Promise.all([Promise.race([look, sleep(leftMs)]), sleep(Math.min(500, leftMs))]);
  }
  return [...unwell];
};

/** What health and lag report falsely, towards the end of a stop that they must have noticed. */
const untruthsAbout = async (
  target: StallTarget,
  unwell: readonly string[],
  watch: HealthWatch,
): Promise<string[]> => {
  const lagging = laggingBehind[target];
  const hasNoLag = lagging !== undefined && !(await watch.lag(lagging));
  return [
    ...(unwell.length === 0 ? [`everybody said up while ${target} did not answer`] : []),
    ...(hasNoLag ? [`${lagging} reported no lag`] : []),
  ];
};

/** True once ClickHouse has all records that Kafka had when it first answered. */
const backlogGone = (ingest: Awaited<ReturnType<typeof putIngestUnderLoad>>) => {
  let ends: Awaited<ReturnType<typeof ingest.ends>> | undefined;
  return async (): Promise<boolean> => {
    ends ??= await ingest.ends();
    return ingest.isGone(ends);
  };
};

/** For each condition, the milliseconds from now until it first holds. */
const timesSinceNow = async <Name extends string>(
  conditions: Record<Name, { until(): Promise<boolean>; name: string }>,
): Promise<Record<Name, number>> => {
  const startedAt = performance.now();
  const times = Object.entries<{ until(): Promise<boolean>; name: string }>(conditions).map(
    async ([name, { until, name: message }]) => {
      await eventually(until, { timeoutMs: recoverMsMax, everyMs: 100, message });
      return [name, performance.now() - startedAt];
    },
  );
  return Object.fromEntries(await Promise.all(times));
};

const engines = new Set([
  'kafka',
  'schema-registry',
  'postgres',
  'clickhouse',
  'redis',
  'zipkin',
  'prometheus',
]);

const watchHealth = (runFile: string) => {
  const hosts = () =>
    readRunFile(runFile).processes.flatMap(({ name, url }) =>
      engines.has(name) || url === undefined ? [] : [{ name, url }],
    );
  const get = (url: string) => fetch(url, { signal: AbortSignal.timeout(lookMsMax) });
  const isUp = async (url: string): Promise<boolean> => {
    try {
      const answer = await get(`${url}/health/ready`);
      return answer.ok && ((await answer.json()) as { status: string }).status === 'up';
    } catch {
      return false;
    }
  };
  /** Of each partition that it reads. */
  const lagsOf = async (url: string): Promise<number[]> => {
    const text = await (await get(`${url}/metrics`)).text();
    const lines = text.split('\n').filter((line) => line.startsWith('kafka_consumer_lag{'));
    return lines.map((line) => Number(line.slice(line.lastIndexOf(' '))));
  };
  return {
    unwell: async (): Promise<string[]> => {
      const found = await Promise.all(
        hosts().map(async ({ name, url }) => ((await isUp(url)) ? [] : [name])),
      );
      return found.flat();
    },
    /** Of one service, or of all; undefined where none reports any. Rejects when one does not answer. */
    lag: async (of?: string): Promise<number | undefined> => {
      const asked = hosts().filter(({ name }) => of === undefined || name === of);
      const lags = (await Promise.all(asked.map(({ url }) => lagsOf(url)))).flat();
      return lags.length === 0 ? undefined : lags.reduce((sum, lag) => sum + lag, 0);
    },
  };
};
