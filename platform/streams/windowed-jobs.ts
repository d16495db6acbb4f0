import { PlatformError } from '#platform/errors';
import type { Broker } from '#platform/messaging/broker';
import type { BrokenRule, EventPublisher, EventTable, ReceivedEvent } from '#platform/messaging/events';
import { createEventPublisher, createEventReader } from '#platform/messaging/events';
import { withFreshAdmin } from '#platform/messaging/shared-admin';
import { createStreamConsumer } from '#platform/messaging/stream-consumer';
import { createTrials } from '#platform/messaging/trials';
import { createOutboxRelay } from '#platform/outbox/relay';
import { sentUpToRoute } from '#platform/outbox/sent-up-to';
import { createDatabase, type Database, serviceDatabaseUrl } from '#platform/postgres/pool';
import { projectPath } from '#platform/project';
import { type JobConfig, openJob } from '#platform/service';
import type { Component, DependencyHealth, Host } from '#platform/service-host';
import { createCheckpointStore } from '#platform/streams/checkpoint-store';
import { createCheckpoints } from '#platform/streams/checkpoints';
import { createLeaderLock } from '#platform/streams/leader-lock';
import type { RepeatedIds } from '#platform/streams/recent-ids';
import { createTask, type PartitionEnd, type Task } from '#platform/streams/task';
import { createTaskFeed, type TaskFeed } from '#platform/streams/task-feed';
import type { AnyTopology } from '#platform/streams/topology';
import { defaultWindowedLimits, type WindowedLimits } from '#platform/streams/windowed-limits';
import { backoffMs } from '#platform/waiting/backoff';
import { sleep } from '#platform/waiting/sleep';

export type WindowedJobsConfig = JobConfig & { databaseUrl: string; database: string };

export type WindowedJobsOptions<E, P extends keyof E & string> = {
  /** The consumer group; it also names the lock by which one process works and others stand by. */
  group: string;
  events: EventTable<E>;
  brokenRule?: BrokenRule;
  /** The events that sinks of the topologies write; see `EventPublisher`. */
  publishes: readonly P[];
  topologies(publisher: EventPublisher<Pick<E, P>>): readonly AnyTopology[];
  /** When an event happened, epoch ms. Kafka's own time bounds it, so a client's clock that runs ahead does no harm. */
  timeOf(event: ReceivedEvent): number;
  /** Of a topic by the name that it has on the broker. */
  repeatsOn(topic: string): RepeatedIds;
  limits: Pick<WindowedLimits, 'idleAfterMs'> & Partial<WindowedLimits>;
  /** The name of a topic of `events`, where it has another one; for tests beside a running platform. */
  topicName?(topic: string): string;
};

/**
 * Every partition has a lane of its own, since one that is ahead of the others holds its lane until they have been read: with
 * fewer lanes than partitions all would wait for one that gets none.
 */
const partitionsMax = 1_024;
/** Of all partitions a batch may be in memory, decompressed. */
const fetchBytesPerPartitionMax = 256 * 1024;
/** Windows are stored by checkpoints, which are further apart. */
const fetchSpacingMs = 200;
const startRetry = { minMs: 200, maxMs: 5_000 };

/**
 * Runs windowed jobs in one process with one consumer, which decodes each record once for all of them. Everything that
 * a job needs besides its topology is here: places, repeats, dead letters, watermarks, checkpoints, health and metrics.
 * See ADR 30.
 */
export const runWindowedJobs = async <E, const P extends keyof E & string>(
  config: WindowedJobsConfig,
  host: Host,
  options: WindowedJobsOptions<E, P>,
): Promise<void> => {
  const { group, topicName = (topic: string) => topic } = options;
  const limits = { ...defaultWindowedLimits, ...options.limits };
  const db = host.use(openStreamsDatabase(host, config));
  const { broker, registry, deadLetters, app } = await openJob(host, config);
  sentUpToRoute(app, db);
  const events = renamed(options.events, topicName);
  const publisher = host.use(createEventPublisher(host, registry, events, options.publishes));
  host.use(createOutboxRelay(host, db, await broker.producer()));

  const tasks = options.topologies(publisher).map((topology) => createTask(topology, limits.idleAfterMs));
  const types = [...new Set(tasks.flatMap(({ topology }) => Object.keys(topology.sources)))];
  const topics = [...new Set(types.map((type) => events[type as keyof E].topic))];
  const store = createCheckpointStore(db);
  const checkpoints = createCheckpoints(host, store, tasks, limits);
  const trials = createTrials(deadLetters, group);
  const topicsOf = (task: Task): readonly string[] => [
    ...new Set(Object.keys(task.topology.sources).map((type) => events[type as keyof E].topic)),
  ];
  const feed = createTaskFeed(host, {
    tasks,
    topicsOf,
    reader: createEventReader(registry, events, options.brokenRule),
    wants: (type) => types.includes(type),
    timeOf: options.timeOf,
    trials,
    checkpoints,
    repeatsOn: options.repeatsOn,
    limits,
  });
  const consumer = createStreamConsumer(host, {
    broker,
    group,
    topics,
    partitionsConcurrentlyMax: partitionsMax,
    fetchBytesPerPartitionMax,
    fetchSpacingMs,
    startFrom: feed.startFrom,
    handle: feed.handle,
    heldBy: trials.heldBy,
  });
  const lock = createLeaderLock(host, db, { name: group, verify: store.verify });

  const opened = new Set<Task>();
  /** Everything that needs an engine which may be away at the start. */
  const begin = async (): Promise<void> => {
    const partitions = await partitionsOf(broker, topics);
    if (partitions.length > partitionsMax) throw tooMany(partitions.length);
    const startedAtMs = host.clock.monotonicMs();
    // What was loaded before a fault is not loaded again.
    for (const task of tasks.filter((one) => !opened.has(one))) {
      const read = topicsOf(task);
      await store.open(
        task,
        partitions.filter(({ topic }) => read.includes(topic)),
      );
      opened.add(task);
    }
    const windowsOpen = tasks.reduce((sum, task) => sum + task.windowsOpen, 0);
    const tookMs = Math.round(host.clock.monotonicMs() - startedAtMs);
    host.logger.info({ windowsOpen, tookMs }, 'windows restored');
    for (const at of partitions) feed.expect(at);
  };
  host.use(createRun(host, { lock, begin, consumer, feed, checkpoints }));
};

const partitionsOf = (broker: Broker, topics: readonly string[]): Promise<PartitionEnd[]> =>
  withFreshAdmin(broker, async (admin) => {
    const found = [];
    for (const topic of topics)
      for (const { partition, high } of await admin.offsets(topic)) found.push({ topic, partition, high });
    return found;
  });

const tooMany = (partitions: number): PlatformError =>
  new PlatformError('configuration_invalid', `reads ${partitions} partitions, and at most ${partitionsMax}`, {
    retriable: false,
  });

type RunParts = {
  lock: ReturnType<typeof createLeaderLock>;
  begin(): Promise<void>;
  consumer: ReturnType<typeof createStreamConsumer>;
  feed: TaskFeed;
  checkpoints: ReturnType<typeof createCheckpoints>;
};

/** The job as a component. `start` waits for nothing: it leads, loads and reads as soon as the engines let it. */
const createRun = (
  host: Pick<Host, 'logger' | 'onFatal'>,
  { lock, begin, consumer, feed, checkpoints }: RunParts,
): Component => {
  const stopping = new AbortController();
  const { signal } = stopping;
  let isReading = false;
  let trouble: string | undefined;
  let finished: Promise<void> = Promise.resolve();

  const run = async (): Promise<void> => {
    await lock.acquire(signal);
    for (let failures = 1; !signal.aborted; failures += 1)
      try {
        await begin();
        break;
      } catch (error) {
        trouble = troubleOf(error);
        host.logger[failures === 1 ? 'warn' : 'debug']({ err: error }, 'windowed jobs cannot begin yet');
        await sleep(backoffMs(startRetry, failures), { signal });
      }
    if (signal.aborted) return;
    isReading = true;
    await consumer.start();
    await checkpoints.run(signal, () => feed.look(consumer.progress().partitions));
  };

  return {
    name: 'windowed jobs',
    start: async () => {
      finished = run();
      finished.catch(host.onFatal);
    },
    stop: async () => {
      stopping.abort();
      if (isReading) await consumer.stop();
      await finished.catch(() => {});
      await lock.close();
    },
    checkHealth: async () => {
      if (isReading) return readingHealth((await consumer.checkHealth?.()) ?? { status: 'up' }, feed);
      if (trouble !== undefined) return { status: 'degraded', detail: trouble };
      return { status: 'up', detail: 'stands by for another process' };
    },
    consumers: () => (isReading ? (consumer.consumers?.() ?? []) : []),
  };
};

/** The clocks of several machines may differ by less. */
const aheadMsWell = 60_000;

export const readingHealth = (
  reading: DependencyHealth,
  feed: Pick<TaskFeed, 'aheadOfClockMs' | 'pushed'>,
): DependencyHealth => {
  if (reading.status !== 'up') return reading;
  const aheadMs = feed.aheadOfClockMs();
  if (aheadMs > aheadMsWell) {
    const detail = `the clock was set back: events of the next ${Math.round(aheadMs / 1000)} s are late (see docs/run-book.md)`;
    return { status: 'degraded', detail };
  }
  const pushed = feed.pushed();
  if (pushed.length === 0) return reading;
  return { ...reading, detail: `too many open windows: the oldest closed early of ${pushed.join(', ')}` };
};

const troubleOf = (error: unknown): string =>
  error instanceof PlatformError ? `${error.code}: ${error.message}` : (error as Error).message;

const openStreamsDatabase = (host: Host, { databaseUrl, database }: WindowedJobsConfig): Database =>
  createDatabase(host, {
    url: serviceDatabaseUrl(databaseUrl, database),
    poolMax: 2,
    migrations: ['platform/outbox/migrations', 'platform/streams/migrations'].map(projectPath),
  });

const renamed = <E>(events: EventTable<E>, topicName: (topic: string) => string): EventTable<E> =>
  Object.fromEntries(
    Object.entries<EventTable[string]>(events as EventTable).map(([type, entry]) => [
      type,
      { ...entry, topic: topicName(entry.topic) },
    ]),
  ) as EventTable<E>;
