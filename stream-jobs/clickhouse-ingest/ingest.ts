/**
 * Loads Kafka into ClickHouse without decoding, every record exactly once (ADR 5). The terms of this folder:
 *
 * - a *feed* is a topic and the table it fills (`feeds.ts`);
 * - a *treatment* is how datums of one schema id are handled (`treatments.ts`);
 * - the *intake* judges one record: it becomes a row, is excluded, is skipped, is poison, or needs a schema from the
 *   registry first (`intake.ts`, pure);
 * - a *block* is consecutive records of one partition that are inserted together (`block.ts`), as *rows* of each schema
 *   (`native-rows.ts`). A rule decides when a block closes (`block-rule.ts`, pure);
 * - a *claim* is a block's bounds, stored before it is inserted, and *ownership* is the right to store one
 *   (`block-claims.ts`). A *replay* is a claim that may be unfinished: its block is built again unchanged
 *   (`resume-point.ts`);
 * - an *insert* takes a closed block through its steps: claim it, park its poison, insert its rows, check that they are
 *   there, commit its end (`block-insert.ts`);
 * - a *gathering* inserts blocks of several partitions of a table together (`gathering.ts`, `gathered-insert.ts`);
 * - a *sequence* is the blocks of one partition: one grows while the previous one is inserted (`block-sequence.ts`);
 * - an *assignment* is the partition for as long as Kafka assigns it to this process (`assignment.ts`);
 * - a *pipeline* loads one partition into its table and coordinates all of these (`partition-pipeline.ts`);
 * - a *gate* holds claims back while a back-fill puts another table in the place of a feed's (`table-gate.ts`, `backfill/`);
 * - the *eraser* takes the words of erased people out of the tables, beside the load (`typed-words-worker.ts`, ADR 36).
 *
 * Offsets are numbers here, where the broker has bigints: they are compared for every record, and none reaches 2^53.
 */
import { AssertionError } from '#platform/assert';
import type { ClickHouse } from '#platform/clickhouse/client';
import type { Clock } from '#platform/clock';
import type { Broker, Consumer, ConsumerProgress, TopicPartition } from '#platform/messaging/broker';
import type { DeadLetters } from '#platform/messaging/dead-letter';
import { partitionName } from '#platform/messaging/partition-name';
import type { ProgressWatch } from '#platform/messaging/progress-watch';
import type { SchemaRegistry } from '#platform/messaging/schema-registry';
import { createSharedAdmin } from '#platform/messaging/shared-admin';
import type { Component, Logger } from '#platform/service-host';
import { endsWithin } from '#platform/waiting/deadline';
import type { BlockClaims, Ownership } from './block-claims.js';
import { claimedAs, type Feed } from './feeds.js';
import { createGathering, type Gathering } from './gathering.js';
import { createInFlight } from './in-flight.js';
import type { IngestTelemetry, PartitionLag } from './ingest-telemetry.js';
import { createLostRanges } from './lost-ranges.js';
import { hasMoved } from './partition-moved.js';
import {
  type LogBounds,
  openPipeline,
  type PartitionPipeline,
  type PipelineProgress,
} from './partition-pipeline.js';
import { sharePartition } from './shared-partition.js';
import type { StoredRows } from './stored-rows.js';
import { createTreatments, type Treatments } from './treatments.js';

export type IngestOptions = {
  group: string;
  feeds: readonly Feed[];
  limits: {
    blockBytesMax: number;
    blockRowsMax: number;
    gatheredBytesMax: number;
    inFlightBytesMax: number;
    insertsConcurrentlyMax: number;
    fetchBytesPerPartitionMax: number;
    fetchSpacingMs: number;
  };
  broker: Broker;
  registry: Pick<SchemaRegistry, 'schemaById'>;
  clickhouse: Pick<ClickHouse, 'insert' | 'query' | 'insertRows'>;
  claims: BlockClaims;
  stored: StoredRows;
  deadLetters: DeadLetters;
  clock: Clock;
  logger: Logger;
  telemetry: IngestTelemetry;
  /** Makes a watch that checks whether the given progress advances. */
  watch(progress: () => ConsumerProgress): ProgressWatch;
  onFatal(error: unknown): void;
};

const partitionsMax = 1024;
const drainWaitMsMax = 3_000;
const backlogBlockWaitMs = 1_000;
/** Work without progress for this long is reported as stalled. */
const stalledMsMax = 15_000;

/**
 * One consumer of all topics, with one pipeline for each partition. The next offset of a partition is read from
 * ClickHouse, where the rows are. Kafka's committed offset only reports progress to others, and is never ahead of the
 * rows.
 */
export const createIngest = (options: IngestOptions): Component => {
  const { broker, limits } = options;
  const pipelines = createPipelines(options);
  let consumer: Consumer | undefined;
  let stopWatchingLag: (() => void) | undefined;
  let watch: ProgressWatch | undefined;
  let stopping = false;

  return {
    name: 'ingest',
    start: async () => {
      const opened = broker.consumer({
        group: options.group,
        topics: [...new Set(options.feeds.map(({ topic }) => topic))],
        partitionsConcurrentlyMax: partitionsMax,
        fetchBytesPerPartitionMax: limits.fetchBytesPerPartitionMax,
        fetchSpacingMs: limits.fetchSpacingMs,
        packed: true,
        reportsLag: true,
        onAssigned: pipelines.takeOver,
        startFrom: pipelines.open,
      });
      consumer = opened;
      stopWatchingLag = options.telemetry.watchLag(() => lagsOf(opened.progress(), pipelines.progressOf));
      watch = options.watch(() => insertedProgress(opened.progress(), pipelines.progressOf));
      watch.start();
      opened.failed.catch(options.onFatal);
      await opened.run(async (batch, control) => {
        try {
          await pipelines.of(batch).accept(batch, control);
        } catch (error) {
          // Kafka has assigned the partition to us, but ClickHouse names another owner: records in memory must be
          // dropped.
          if (hasMoved(error) && !control.isStale() && !stopping) options.onFatal(error);
          throw error;
        }
      });
    },
    stop: async () => {
      stopping = true;
      await endsWithin(drainWaitMsMax, pipelines.drained());
      stopWatchingLag?.();
      watch?.stop();
      await consumer?.close();
      await pipelines.close();
    },
    checkHealth: async () => {
      if (consumer === undefined) return { status: 'down', detail: 'not started' };
      const trouble = troubleOf(consumer.progress(), pipelines.progressOf);
      return trouble === undefined ? { status: 'up' } : { status: 'degraded', detail: trouble };
    },
    consumers: () => (watch === undefined ? [] : [watch.report()]),
  };
};

type PipelineProgressOf = (at: TopicPartition) => PipelineProgress | undefined;

const lagsOf = ({ partitions }: ConsumerProgress, progressOf: PipelineProgressOf): PartitionLag[] =>
  partitions.map(({ topic, partition, nextOffset, highWatermark }) => {
    const insertedTo = progressOf({ topic, partition })?.insertedTo ?? Number(nextOffset);
    return { topic, partition, records: Math.max(0, Number(highWatermark) - insertedTo) };
  });

/**
 * Progress measured by the rows in ClickHouse; the consumer itself measures it by the batches that `handle` accepted.
 */
const insertedProgress = (progress: ConsumerProgress, progressOf: PipelineProgressOf): ConsumerProgress => ({
  ...progress,
  partitions: progress.partitions.map((at) => {
    const pipeline = progressOf(at);
    if (pipeline === undefined) return at;
    const isHeld = pipeline.heldBy !== undefined;
    return {
      ...at,
      nextOffset: BigInt(pipeline.insertedTo),
      failures: isHeld ? Math.max(1, at.failures) : at.failures,
      cause: pipeline.heldBy ?? at.cause,
    };
  }),
});

/** A text that says why work makes no progress; undefined while it does. */
export const troubleOf = (
  { partitions, unassignedForMs, trouble }: ConsumerProgress,
  progressOf: PipelineProgressOf,
): string | undefined => {
  if (unassignedForMs > stalledMsMax)
    return `without partitions for ${seconds(unassignedForMs)}: ${trouble ?? 'the group does not give any'}`;
  for (const at of partitions) {
    const what = `${at.topic}-${at.partition}`;
    const pipeline = progressOf(at);
    if (pipeline?.heldBy !== undefined) return `${what} is held: ${pipeline.heldBy}`;
    const stalledForMs = Math.max(at.stalledForMs, pipeline?.stalledForMs ?? 0);
    if (stalledForMs > stalledMsMax)
      return `${what} has not moved on for ${seconds(stalledForMs)}: ${at.cause ?? 'no cause is known'}`;
  }
  return undefined;
};

const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;

/** A topic that is loaded into a table. */
type Loading = { feed: Feed; treatments: Treatments; gathering: Gathering | null };

const loadingsByTopic = ({ feeds, registry, limits }: IngestOptions) => {
  const gatherings = new Map(feeds.map(({ table }) => [table, createGathering(limits.gatheredBytesMax)]));
  const byTopic = new Map<string, Loading[]>();
  for (const feed of feeds) {
    const loading = {
      feed,
      treatments: createTreatments(registry, feed),
      // Whether a gathered block is in its table is found out by its offsets, which rows that are replaced lose.
      gathering: (feed.appendOnly && gatherings.get(feed.table)) || null,
    };
    byTopic.set(feed.topic, [...(byTopic.get(feed.topic) ?? []), loading]);
  }
  return byTopic;
};

/** The pipelines of this process's partitions, and their shared parts. */
const createPipelines = (options: IngestOptions) => {
  const { claims, logger, limits, telemetry } = options;
  const loadings = loadingsByTopic(options);
  const log = createLogs(options.broker, options.group);
  const lostRanges = createLostRanges(options.clickhouse, {
    logStartOf: log.startOf,
    stored: options.stored,
    logger,
    onLost: telemetry.onLost,
  });
  const shared = {
    group: options.group,
    clickhouse: options.clickhouse,
    stored: options.stored,
    deadLetters: options.deadLetters,
    inFlight: createInFlight(limits.inFlightBytesMax, limits.insertsConcurrentlyMax),
    clock: options.clock,
    logger,
    limits: { ...limits, backlogBlockWaitMs },
    lostRanges,
    ...telemetry,
    onFatal: options.onFatal,
  };
  const pipelines = new Map<string, PartitionPipeline>();
  let owned: ReadonlyMap<string, Ownership> = new Map();

  const close = async (): Promise<void> => {
    const open = [...pipelines.values()];
    pipelines.clear();
    await Promise.all(open.map((pipeline) => pipeline.end()));
    await log.close();
  };

  return {
    close,
    takeOver: async (partitions: readonly TopicPartition[]): Promise<void> => {
      await close();
      const places = partitions.flatMap(({ topic, partition }) =>
        (loadings.get(topic) ?? []).map(({ feed }) => ({ topic: claimedAs(feed), partition })),
      );
      const taken = await claims.takeOver(places);
      owned = new Map(places.map((place, index) => [partitionName(place), taken[index] as Ownership]));
    },
    open: async (at: TopicPartition): Promise<bigint> => {
      const bounds = await log.boundsOf(at);
      const opened = await Promise.all(
        (loadings.get(at.topic) ?? []).map((loading) => {
          const ownership = owned.get(
            partitionName({ topic: claimedAs(loading.feed), partition: at.partition }),
          );
          if (ownership === undefined) throw new AssertionError(`${partitionName(at)} is not taken over`);
          return openPipeline({ ...loading, partition: at.partition, ownership }, bounds, shared);
        }),
      );
      const pipeline = sharePartition(opened);
      if (pipelines.size >= partitionsMax) throw new AssertionError(`more than ${partitionsMax} partitions`);
      pipelines.set(partitionName(at), pipeline);
      return BigInt(pipeline.startOffset);
    },
    of: (at: TopicPartition): PartitionPipeline => {
      const pipeline = pipelines.get(partitionName(at));
      if (pipeline === undefined) throw new AssertionError(`${partitionName(at)} was not opened`);
      return pipeline;
    },
    drained: () => Promise.all([...pipelines.values()].map((pipeline) => pipeline.drained())),
    progressOf: (at: TopicPartition) => pipelines.get(partitionName(at))?.progress(),
  };
};

/** Reads the bounds of each partition. Concurrent calls for one topic share one request. */
const createLogs = (broker: Broker, group: string) => {
  const admin = createSharedAdmin(broker);
  const offsetsOf = sharedByTopic(async (topic) => (await admin.open()).offsets(topic));
  const committedOf = sharedByTopic(async (topic) => (await admin.open()).committedOffsets(group, topic));
  const find = <T extends { partition: number }>(all: readonly T[], partition: number): T | undefined =>
    all.find((each) => each.partition === partition);

  return {
    startOf: async (topic: string, partition: number): Promise<number> =>
      Number(find(await offsetsOf(topic), partition)?.low ?? 0),
    boundsOf: async ({ topic, partition }: TopicPartition): Promise<LogBounds> => {
      const offsets = find(await offsetsOf(topic), partition);
      const committed = find(await committedOf(topic), partition)?.nextOffset;
      const start = Number(offsets?.low ?? 0);
      return { start, end: Number(offsets?.high ?? 0), committed: Number(committed ?? start) };
    },
    close: admin.close,
  };
};

const sharedByTopic = <T>(ask: (topic: string) => Promise<T>): ((topic: string) => Promise<T>) => {
  const asking = new Map<string, Promise<T>>();
  return (topic) => {
    const answer = asking.get(topic) ?? ask(topic).finally(() => asking.delete(topic));
    asking.set(topic, answer);
    return answer;
  };
};
