import type { BatchHandler, Consumer, ConsumerOptions, TopicPartition } from '#platform/messaging/broker';
import {
  type BrokerOptions,
  closeWaitMs,
  consumerDefaults,
  heartbeatMs,
} from '#platform/messaging/broker-options';
import { createConsumerFailure } from '#platform/messaging/consumer-failure';
import { createLosses, type Losses } from '#platform/messaging/lost-records';
import { createPartitionLanes, type PartitionLanes } from '#platform/messaging/partition-lanes';
import {
  createRdkafkaAssignments,
  type RdkafkaAssignments,
  watermarksOf,
} from '#platform/messaging/rdkafka-assignment';
import { createRdkafkaCommits } from '#platform/messaging/rdkafka-commits';
import { connectRdkafka, disconnectRdkafka, rdkafkaConfig } from '#platform/messaging/rdkafka-connection';
import type {
  RdkafkaAssignment,
  RdkafkaConsumer,
  RdkafkaError,
  RdkafkaModule,
} from '#platform/messaging/rdkafka-module';
import { createRdkafkaPolling, type RdkafkaPolling } from '#platform/messaging/rdkafka-polling';

const endsEveryMs = 2_000;

type Settings = ConsumerOptions & typeof consumerDefaults;

type Callbacks = {
  offset_commit_cb(error: RdkafkaError | null, partitions: RdkafkaAssignment[]): void;
  rebalance_cb(error: RdkafkaError, partitions: RdkafkaAssignment[]): void;
};

/** A connected member of the group with its parts. */
type Member = {
  consumer: RdkafkaConsumer;
  lanes: PartitionLanes;
  losses: Losses;
  assignments: RdkafkaAssignments;
  polling: RdkafkaPolling;
};

export const createRdkafkaConsumer = (
  rdkafka: RdkafkaModule,
  options: BrokerOptions,
  wanted: ConsumerOptions,
): Consumer => {
  const settings: Settings = { ...consumerDefaults, ...wanted };
  let member: Member | undefined;
  let closed = false;
  let marking: NodeJS.Timeout | undefined;
  const createdAt = performance.now();
  const { failed, fail } = createConsumerFailure();

  return {
    failed,
    run: async (handle) => {
      const joining = createMember(rdkafka, options, settings, handle, fail);
      try {
        await connectRdkafka(joining.consumer, `consume ${settings.topics.join(', ')}`, options);
      } catch (error) {
        void disconnectRdkafka(joining.consumer);
        throw error;
      }
      if (closed) return disconnectRdkafka(joining.consumer);
      member = joining;
      member.consumer.subscribe([...settings.topics]);
      member.polling.start(member.lanes);
      marking = setInterval(() => markEnds(joining), endsEveryMs).unref();
    },
    progress: () => ({
      partitions: member?.lanes.progress() ?? [],
      unassignedForMs: member?.lanes.unassignedForMs ?? performance.now() - createdAt,
      restarts: 0,
      trouble: undefined,
      lost: member?.losses.all() ?? [],
    }),
    close: async () => {
      if (closed) return;
      closed = true;
      clearInterval(marking);
      if (member === undefined) return;
      await member.lanes.close(closeWaitMs);
      member.assignments.close();
      await member.polling.stop();
      await disconnectRdkafka(member.consumer);
    },
  };
};

/** Requests where all partitions begin and end, also of paused and held ones, which no fetch reports. */
const markEnds = ({ consumer, lanes, losses }: Member): void => {
  for (const at of lanes.progress())
    watermarksOf(consumer, at).then(
      ({ low, high }) => {
        lanes.mark(at, high);
        losses.look(at, lanes.fetchedTo(at) ?? low, low);
      },
      // The broker does not answer now. The next turn repeats the request.
      () => {},
    );
};

const createMember = (
  rdkafka: RdkafkaModule,
  options: BrokerOptions,
  settings: Settings,
  handle: BatchHandler,
  fail: (error: unknown) => void,
): Member => {
  const { logger } = options;
  const { group } = settings;
  const commits = createRdkafkaCommits();
  const consumer: RdkafkaConsumer = new rdkafka.KafkaConsumer(
    consumerConfig(options, settings, {
      offset_commit_cb: commits.settle,
      rebalance_cb: (error, partitions) => assignments.change(error, partitions),
    }),
    { 'auto.offset.reset': 'earliest' },
  );
  const polling = createRdkafkaPolling(consumer, { group, logger, packed: settings.packed === true });
  const commit = (at: TopicPartition, nextOffset: bigint): Promise<void> =>
    commits.confirmed(at, nextOffset, () => consumer.commit([{ ...at, offset: Number(nextOffset) }]));
  const lanes = createPartitionLanes({
    group,
    logger,
    handle,
    partitionsConcurrentlyMax: settings.partitionsConcurrentlyMax,
    waitingBytesMax: settings.fetchBytesPerPartitionMax,
    lateCommitMs: settings.lateCommitMs,
    pause: (at) => consumer.pause([at]),
    resume: (at) => consumer.resume([at]),
    commit,
    onBroken: fail,
  });
  const losses = createLosses(group, logger);
  const assignments = createRdkafkaAssignments(rdkafka, consumer, {
    ...settings,
    lanes,
    losses,
    polling,
    logger,
    fail,
  });
  return { consumer, lanes, losses, assignments, polling };
};

const consumerConfig = (options: BrokerOptions, settings: Settings, callbacks: Callbacks) => ({
  ...rdkafkaConfig(options),
  ...callbacks,
  'group.id': settings.group,
  'session.timeout.ms': settings.sessionTimeoutMs,
  'heartbeat.interval.ms': heartbeatMs,
  'partition.assignment.strategy': 'roundrobin',
  'enable.auto.commit': false,
  'enable.auto.offset.store': false,
  'enable.partition.eof': true,
  'isolation.level': 'read_committed',
  'fetch.min.bytes': settings.fetchBytesMin,
  'fetch.wait.max.ms': settings.fetchWaitMs,
  'fetch.message.max.bytes': settings.fetchBytesPerPartitionMax,
  'queued.max.messages.kbytes': Math.ceil((settings.fetchBytesPerPartitionMax * 8) / 1024),
  'fetch.queue.backoff.ms': 10,
});
