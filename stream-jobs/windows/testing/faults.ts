import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Redis } from 'ioredis';
import { newId } from '#platform/ids';
import type { Broker, BrokerAdmin } from '#platform/messaging/broker';
import { connectBroker } from '#platform/messaging/connect-broker';
import { projectPath } from '#platform/project';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { testHost } from '#platform/testing/test-host';
import { sleep } from '#platform/waiting/sleep';
import { records } from '#schemas/events';
import { type Expected, edgeEvents, foundOf, recomputeAll } from './expected-rows.js';
import { lateEvents, type ShopEvent, seeded, shopEvents } from './shop-events.js';
import {
  createJobTopics,
  createShopProducer,
  databaseOf,
  dropJobDatabase,
  endsOf,
  type JobPlace,
  readTopics,
  readWritten,
  startJobProcess,
} from './windows-job.js';

/**
 * Random faults while the jobs read: what their windows have at the end equals a recomputation over all events. Events
 * out of order by up to 1.5 s are sent in as many slices as there are faults.
 */
export const faultKinds = ['late', 'kill', 'restart', 'take over', 'rebalance', 'repeats'] as const;

export type FaultKind = (typeof faultKinds)[number];

export type FaultsOptions = {
  faults: readonly FaultKind[];
  seed: number;
  events: number;
  /** The database of Redis that it may empty. */
  redisDatabase: number;
  log(line: string): void;
};

/** The rows of each kind that were found and that were expected, in one order. */
export type FaultsResult = { found: Expected; expected: Expected };

/** Short visits, of which some end between any two faults. */
const visiting = { visits: 50, eventsPerVisit: 8 };
const visitGapMs = 20_000;
const performanceWindowMs = 60_000;
/** So long ago that every window has closed by the clock of the last events. */
const agoMs = 60 * 60_000;
const caughtUpMsMax = 90_000;
const pauseMsMax = 400;
const repeatsMax = 300;
const latePerFault = 40;

const settings = {
  WINDOWS_VISIT_GAP_MS: String(visitGapMs),
  WINDOWS_PERFORMANCE_WINDOW_MS: String(performanceWindowMs),
  WINDOWS_CHECKPOINT_EVERY_MS: '50',
  WINDOWS_RECORDS_PER_CHECKPOINT_MAX: '500',
  // The events are older than the clock, so a partition that pauses must not follow it.
  WINDOWS_IDLE_AFTER_MS: '3600000',
  LOG_LEVEL: 'warn',
};

export const runFaults = async (options: FaultsOptions): Promise<FaultsResult> => {
  const rig = await openRig(options);
  try {
    const fromMs = Date.now() - agoMs;
    const openers = edgeEvents(fromMs, 'opener');
    const events = [...openers, ...shopEvents(options.events, fromMs, visiting)];
    const late = lateEvents(options.faults.length * latePerFault, fromMs);
    await rig.send(openers);
    await rig.start();
    const lateSent: ShopEvent[] = [];
    const slices = slicesOf(events.slice(openers.length), options.faults.length);
    const random = seeded(options.seed);
    for (const [nth, fault] of options.faults.entries()) {
      const slice = slices[nth] as ShopEvent[];
      await rig.send(slice);
      await sleep(random(pauseMsMax));
      options.log(`${nth + 1} of ${options.faults.length}: ${fault}`);
      const someLate = fault === 'late' ? late.splice(0, latePerFault) : [];
      lateSent.push(...someLate);
      await rig.strike(fault, slice, someLate);
    }
    await rig.send(slices[options.faults.length] as ShopEvent[]);
    await rig.caughtUp();
    await rig.send(edgeEvents(Date.now(), 'closer'));
    const expected = recomputeAll(events, lateSent, { visitGapMs, performanceWindowMs });
    return { expected, found: await rig.rows(expected, fromMs) };
  } finally {
    await rig.close();
  }
};

const slicesOf = (events: readonly ShopEvent[], faults: number): ShopEvent[][] => {
  const size = Math.ceil(events.length / (faults + 1));
  return Array.from({ length: faults + 1 }, (_, nth) => events.slice(nth * size, (nth + 1) * size));
};

const openRig = async ({ redisDatabase }: FaultsOptions) => {
  const { kafka, redisUrl } = engines();
  const ownRedisUrl = new URL(`/${redisDatabase}`, redisUrl).toString();
  const redis = new Redis(ownRedisUrl);
  await redis.flushdb();
  const broker = connectBroker(testHost(), kafka);
  const admin = await broker.admin();
  const prefix = `faults-${newId()}-`;
  const place = { prefix, group: prefix, database: databaseOf(prefix), redisUrl: ownRedisUrl };
  const names = await createJobTopics(admin, prefix);
  const shop = await createShopProducer(broker, prefix);
  const processes = createProcesses(place);
  const caughtUp = () => untilRead(broker, admin, prefix);

  const strike = async (fault: FaultKind, slice: readonly ShopEvent[], late: readonly ShopEvent[]) => {
    if (fault === 'repeats') return shop.send(slice.slice(-repeatsMax));
    if (fault === 'late') {
      // Later than what each partition has, which is decided by what was read.
      await caughtUp();
      return shop.send(late);
    }
    if (fault === 'rebalance') await joinAndLeave(broker, prefix);
    else await processes.strike(fault);
    await caughtUp();
  };
  return {
    send: async (events: readonly (ShopEvent & { partition?: number })[]) => {
      const anywhere = events.filter(({ partition }) => partition === undefined);
      await shop.send(anywhere);
      for (const event of events)
        if (event.partition !== undefined) await shop.send([event], event.partition);
    },
    start: processes.start,
    strike,
    caughtUp,
    rows: async (expected: Expected, fromMs: number): Promise<Expected> => {
      await untilWritten(broker, prefix, expected);
      return foundOf(await readWritten(broker, prefix), redis, fromMs);
    },
    close: async () => {
      await processes.stop();
      await shop.close();
      await admin.deleteTopics(names);
      await admin.close();
      await redis.flushdb();
      redis.disconnect();
      await dropJobDatabase(place.database);
    },
  };
};

/** The process that works, and one that takes over. */
const createProcesses = (place: JobPlace) => {
  let working: ChildProcess | undefined;
  const begin = (): ChildProcess => {
    const job = startJobProcess(place, [projectPath('dist/stream-jobs/windows/main.js')], settings);
    job.stdout?.pipe(process.stderr);
    return job;
  };
  const end = async (job: ChildProcess, signal: NodeJS.Signals): Promise<void> => {
    const ended = once(job, 'exit');
    job.kill(signal);
    await ended;
  };
  return {
    start: async (): Promise<void> => {
      working = begin();
    },
    strike: async (fault: 'kill' | 'restart' | 'take over'): Promise<void> => {
      const before = working as ChildProcess;
      const next = fault === 'take over' ? begin() : undefined;
      await end(before, fault === 'kill' ? 'SIGKILL' : 'SIGTERM');
      working = next ?? begin();
    },
    stop: async (): Promise<void> => {
      if (working !== undefined) await end(working, 'SIGTERM');
    },
  };
};

/** A stranger takes some of the partitions for a moment, and handles nothing. */
const joinAndLeave = async (broker: Broker, prefix: string): Promise<void> => {
  const stranger = broker.consumer({ group: prefix, topics: readTopics.map(({ topic }) => prefix + topic) });
  await stranger.run(async () => {});
  await eventually(() => stranger.progress().partitions.length > 0, { timeoutMs: caughtUpMsMax });
  await stranger.close();
};

const untilRead = async (broker: Broker, admin: BrokerAdmin, prefix: string): Promise<void> => {
  const names = readTopics.map(({ topic }) => prefix + topic);
  const sent = await endsOf(broker, names);
  const read = async (): Promise<number> => {
    const committed = await Promise.all(names.map((topic) => admin.committedOffsets(prefix, topic)));
    return committed.flat().reduce((sum, { nextOffset }) => sum + Number(nextOffset ?? 0n), 0);
  };
  await eventually(async () => (await read()) >= sent, {
    timeoutMs: caughtUpMsMax,
    message: `${sent} events read`,
  });
};

const untilWritten = async (broker: Broker, prefix: string, expected: Expected): Promise<void> => {
  for (const type of ['Visit', 'Search', 'ProductPerformance'] as const)
    await eventually(
      async () => (await endsOf(broker, [prefix + records[type].topic])) >= expected[type].length,
      { timeoutMs: caughtUpMsMax, message: `${expected[type].length} rows of ${type}` },
    );
};
