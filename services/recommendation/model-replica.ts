import { contradiction } from '#platform/errors';
import { newId } from '#platform/ids';
import type { Broker, PartitionProgress, TopicPartition } from '#platform/messaging/broker';
import { createEventReader } from '#platform/messaging/events';
import { partitionName } from '#platform/messaging/partition-name';
import { createSchemaRegistry } from '#platform/messaging/schema-registry';
import { createSharedAdmin } from '#platform/messaging/shared-admin';
import { createStreamConsumer } from '#platform/messaging/stream-consumer';
import type { Component, Host } from '#platform/service-host';
import type { Contest } from '#recommenders/contest';
import { createRecommender } from '#recommenders/recommender';
import { snapshotVersion } from '#recommenders/snapshot';
import { records } from '#schemas/events';
import { topics } from '#schemas/topics';
import { brokenRule } from '#schemas/value-rules';
import { createProgress, firstToRead, learning } from './learning.js';
import { createModel, type Model } from './model.js';
import type { ListModel } from './model-ranking.js';
import type { Places, SnapshotStore } from './snapshot-store.js';

const followedTopics = [
  topics.products,
  topics.orders,
  topics.shopperActivity,
  topics.users,
  topics.config,
].map(({ topic }) => topic);

export const stateVersion = `2.${snapshotVersion}`;

export type ModelReplica = {
  model: Model &
    ListModel & {
      hasErasedSinceSnapshot(): boolean;
    };
  component: Component;
  /** Learning waits while the state is written; answers go on. Nothing is written before the models are ready. */
  takeSnapshot(): Promise<void>;
};

export type ReplicaOptions = {
  schemaRegistryUrl: string;
  snapshots: SnapshotStore;
  followed?: readonly string[];
};

// Over seventy lines: the models, where they are on the log and how they are restored change together.
/**
 * The models in this process, learned from the log by a consumer group of its own, so that every instance learns
 * everything. After a start they go on from the newest snapshot, or learn the newest records of the log again.
 */
export const createModelReplica = (
  host: Host,
  broker: Broker,
  { schemaRegistryUrl, snapshots, followed = followedTopics }: ReplicaOptions,
): ModelReplica => {
  let current = createModel(createRecommender());
  const reader = createEventReader(createSchemaRegistry(schemaRegistryUrl), records, brokenRule);
  const catchUp = createCatchUp(followed);
  const progress = createProgress();
  const admin = createSharedAdmin(broker);
  let hasErased = false;
  let comparedPercent: (() => number) | undefined;
  const boundsOf = async (topic: string): Promise<Bounds[]> => {
    return (await admin.open()).offsets(topic);
  };
  const startFrom = async ({ topic, partition }: TopicPartition): Promise<bigint> => {
    const logs = await boundsOf(topic);
    catchUp.begin(topic, logs, (log) => progress.next(topic, log.partition) ?? log.low);
    const bounds = logs.find((log) => log.partition === partition) ?? { low: 0n, high: 0n };
    return firstToRead(topic, progress.readFrom(topic, partition), bounds);
  };
  const consumer = createStreamConsumer(host, {
    broker,
    group: `${host.service}.model-${newId(host.clock)}`,
    topics: followed,
    startFrom,
    fetchSpacingMs: 200,
    handle: learning(host, {
      read: (at, record) => reader.read(at, record),
      take: (event, ...rest) => {
        current.take(event, ...rest);
        if (event.type === 'UserErased') hasErased = true;
      },
      progress,
    }),
  });
  const isReady = (): boolean => catchUp.isDone(() => consumer.progress().partitions);

  const restore = async (): Promise<void> => {
    const found = await snapshots.newest(stateVersion);
    if (found === null || !(await isOnLog(found.places, boundsOf))) return;
    const restored = createModel(createRecommender());
    const startedAtMs = performance.now();
    await found.read(restored.restore);
    if (!restored.isRestored()) throw contradiction('the snapshot of the models has no end');
    if (comparedPercent !== undefined) restored.contest.compare(comparedPercent);
    current = restored;
    progress.restore(found.places);
    host.logger.info({ tookMs: Math.round(performance.now() - startedAtMs) }, 'models restored');
  };
  /** Without its database the service has no lists either, so a snapshot that cannot be read is learned anew. */
  const restoreOrLearn = () =>
    restore().catch((error: unknown) => host.logger.warn({ err: error }, 'models are learned from the log'));

  let starting: Promise<void> | undefined;
  let isStopped = false;
  return {
    model: {
      contest: contestOf(
        () => current.contest,
        (percent) => {
          comparedPercent = percent;
        },
      ),
      recommend: (...query) => current.recommend(...query),
      rank: (query) => current.rank(query),
      reasons: (query, ids) => current.reasons(query, ids),
      explain: (query) => current.explain(query),
      visitOf: (visitId) => current.visitOf(visitId),
      exposureOf: (productId) => current.exposureOf(productId),
      take: (...event) => current.take(...event),
      learnedUpToMs: () => current.learnedUpToMs(),
      snapshot: () => current.snapshot(),
      restore: (line) => current.restore(line),
      isRestored: () => current.isRestored(),
      isReady,
      changes: () => current.changes(),
      hasErasedSinceSnapshot: () => hasErased,
    },
    takeSnapshot: async () => {
      if (!isReady()) return;
      await progress.paused(() => {
        hasErased = false;
        return snapshots.write(stateVersion, progress.places(), current.snapshot());
      });
    },
    component: {
      ...consumer,
      name: 'model',
      start: async () => {
        starting = restoreOrLearn().then(() => (isStopped ? undefined : consumer.start()));
        starting.catch(host.onFatal);
      },
      stop: async () => {
        isStopped = true;
        await starting;
        await consumer.stop();
        await admin.close();
      },
    },
  };
};

/** The contest of the models that are there now: those of a snapshot take the place of the first ones. */
const contestOf = (current: () => Contest, onCompare: (percent: () => number) => void): Contest => ({
  get live() {
    return current().live;
  },
  promote: (id) => current().promote(id),
  as: (id, run) => current().as(id, run),
  compare: (percent) => {
    onCompare(percent);
    current().compare(percent);
  },
  observe: (lesson) => current().observe(lesson),
  days: (id) => current().days(id),
  toJson: () => current().toJson(),
  restore: (json) => current().restore(json),
});

type Bounds = { partition: number; low: bigint; high: bigint };

/** False where a place is past the end of its partition: then the log is not the one that was learned. */
const isOnLog = async (places: Places, boundsOf: (topic: string) => Promise<Bounds[]>): Promise<boolean> => {
  const bounds = new Map<string, Bounds[]>();
  for (const [name, offset] of Object.entries(places)) {
    const [topic = '', partition = ''] = name.split('/');
    const logs = bounds.get(topic) ?? (await boundsOf(topic));
    bounds.set(topic, logs);
    const log = logs.find((one) => one.partition === Number(partition));
    if (log === undefined || BigInt(offset) > log.high) return false;
  }
  return true;
};

/** Whether everything was learned that was on the log when it was first looked at. */
const createCatchUp = (topicNames: readonly string[]) => {
  const waiting = new Map<string, bigint>();
  const begun = new Set<string>();
  return {
    begin: (topic: string, logs: readonly Bounds[], nextOf: (log: Bounds) => bigint): void => {
      if (begun.has(topic)) return;
      begun.add(topic);
      for (const log of logs)
        if (log.high > nextOf(log)) waiting.set(partitionName({ topic, ...log }), log.high);
    },
    /**
     * By where the consumer is, not by what it has learned: the last offsets of a partition may hold no record that can be
     * read, such as the end of somebody's transaction, or one that Kafka has deleted since.
     */
    isDone: (
      places: () => readonly Pick<PartitionProgress, 'topic' | 'partition' | 'nextOffset'>[],
    ): boolean => {
      if (waiting.size > 0)
        for (const { nextOffset, ...at } of places()) {
          const target = waiting.get(partitionName(at));
          if (target !== undefined && nextOffset >= target) waiting.delete(partitionName(at));
        }
      return waiting.size === 0 && begun.size === topicNames.length;
    },
  };
};
