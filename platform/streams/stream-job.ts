import type { HttpApp } from '#platform/http/http-app';
import type { BrokerAdmin, TopicPartition } from '#platform/messaging/broker';
import { type BrokenRule, createEventReader, type EventTable } from '#platform/messaging/events';
import { createSharedAdmin, withFreshAdmin } from '#platform/messaging/shared-admin';
import { createStreamConsumer } from '#platform/messaging/stream-consumer';
import { createTrials } from '#platform/messaging/trials';
import { type JobConfig, openJob } from '#platform/service';
import type { Host } from '#platform/service-host';
import {
  createFoldHandler,
  type FoldLimits,
  type LogBounds,
  type StreamFold,
} from '#platform/streams/fold-handler';
import { createReadFirst } from '#platform/streams/read-first';
import type { RepeatedIds } from '#platform/streams/recent-ids';
import type { StateStore } from '#platform/streams/state-store';

export type StreamJobOptions<I, C, S extends StateStore<C>> = {
  /** Also the consumer group's name, if `group` is unset. */
  name: string;
  group?: string;
  topics: readonly string[];
  /** The topics to fold to their end before the others begin, because folding the others needs them. */
  readFirst?: readonly string[];
  /** The topic, key and schema of each event: `records` of the schemas. */
  events: EventTable;
  /** Events that break one are parked. None if unset. */
  brokenRule?: BrokenRule;
  fold: StreamFold<I, C, S>;
  /** Of a topic by the name that it has on the broker. */
  repeatsOn(topic: string): RepeatedIds;
  /**
   * Opens the state. Called again after a failure. A retriable fault holds the partitions, so that the job starts, and
   * reports the fault, also while the state's engine is away.
   */
  openState(): Promise<S>;
  limits?: Partial<FoldLimits>;
  partitionsConcurrentlyMax?: number;
  /** Between the beginnings of two fetches, while they return little. 200 if unset. */
  fetchSpacingMs?: number;
};

const defaultLimits: FoldLimits = {
  recordsPerApplyMax: 200,
  rereadPerPartitionMax: 1_000_000,
};

/**
 * Runs a stream job, which reads Kafka and maintains a state: everything around its fold, as components of the host.
 * Its HTTP front has health and metrics.
 */
export const runStreamJob = async <I, C, S extends StateStore<C>>(
  config: JobConfig,
  host: Host,
  options: StreamJobOptions<I, C, S>,
): Promise<HttpApp> => {
  const { name, group = name, topics } = options;
  const { broker, registry, deadLetters, app } = await openJob(host, config);
  const state = openOnce(options.openState);
  const trials = createTrials(deadLetters, group);
  const handler = createFoldHandler(host, {
    job: name,
    fold: options.fold,
    state,
    reader: createEventReader(registry, options.events, options.brokenRule),
    trials,
    repeatsOn: options.repeatsOn,
    limits: { ...defaultLimits, ...options.limits },
  });
  const shared = createSharedAdmin(broker);
  const { readFirst = [] } = options;
  const whenFirstAreRead = createReadFirst(readFirst, shared.open, state);
  const boundsOf = async (at: TopicPartition): Promise<LogBounds> => {
    const admin = await shared.open();
    const isSame = ({ partition }: { partition: number }) => partition === at.partition;
    const offsetsBy = async (by: BrokerAdmin) => (await by.offsets(at.topic)).find(isSame);
    const { low, high } = (await offsetsBy(admin)) ?? (await withFreshAdmin(broker, offsetsBy)) ?? nothing;
    const committed = (await admin.committedOffsets(group, at.topic)).find(isSame);
    return { low, high, committed: committed?.nextOffset ?? 0n };
  };
  host.use({ name: 'log bounds', start: async () => {}, stop: shared.close });
  host.use(
    createStreamConsumer(host, {
      broker,
      group,
      topics,
      partitionsConcurrentlyMax: options.partitionsConcurrentlyMax ?? 3,
      fetchSpacingMs: options.fetchSpacingMs ?? 200,
      startFrom: async (at) => handler.startFrom(at, () => boundsOf(at)),
      handle: async (batch, control) => {
        if (!readFirst.includes(batch.topic)) await whenFirstAreRead();
        await handler.handle(batch, control);
      },
      heldBy: trials.heldBy,
    }),
  );
  return app;
};

const nothing = { low: 0n, high: 0n };

const openOnce = <S>(open: () => Promise<S>): (() => Promise<S>) => {
  let opening: Promise<S> | undefined;
  return () => {
    opening ??= open().catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  };
};
