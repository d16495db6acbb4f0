import type { EachBatchPayload, Consumer as KafkajsConsumer, PartitionAssigner } from 'kafkajs';
import type { ConsumerOptions, TopicPartition } from '#platform/messaging/broker';
import {
  type BrokerOptions,
  type consumerDefaults,
  handOverMsMax,
  heartbeatMs,
  rebalanceTimeoutMs,
} from '#platform/messaging/broker-options';
import { brokerFault, type KafkajsConnection, openConnection } from '#platform/messaging/kafkajs-connection';
import { fetchPacks, recordsOf } from '#platform/messaging/kafkajs-fetch';
import { createFetchGate, type FetchGate } from '#platform/messaging/kafkajs-fetch-gate';
import { createKafkajsGroup } from '#platform/messaging/kafkajs-group';
import { beginAssignment, createPartitionEnds } from '#platform/messaging/kafkajs-offsets';
import type { LaneStart } from '#platform/messaging/lane';
import type { Losses } from '#platform/messaging/lost-records';
import { createMembershipWatch, type MembershipWatch } from '#platform/messaging/membership-watch';
import type { PartitionLanes } from '#platform/messaging/partition-lanes';
import {
  createUnreadablePartitions,
  type UnreadablePartitions,
} from '#platform/messaging/unreadable-partitions';
import { endsWithin } from '#platform/waiting/deadline';
import { eachSecond } from '#platform/waiting/each-second';
import { sleep } from '#platform/waiting/sleep';

/** One kafkajs consumer with its connections and its membership, usable until it ends. */
export type KafkajsMember = {
  /** Resolves with the reason when this member is no longer usable. */
  readonly ended: Promise<unknown>;
  /** True once it has delivered records. */
  readonly isFruitful: boolean;
  /** Connects and joins. Resolves once joined; rejects with a retriable fault. */
  join(): Promise<void>;
  commit(at: TopicPartition, nextOffset: bigint): Promise<void>;
  pause(at: TopicPartition): void;
  resume(at: TopicPartition): void;
  /** Leaves the group and disconnects within `waitMs`; after that it closes the sockets. */
  retire(waitMs: number): Promise<void>;
};

export type MemberParts = {
  options: BrokerOptions;
  settings: ConsumerOptions & typeof consumerDefaults;
  lanes: PartitionLanes;
  losses: Losses;
  /** The client id of this consumer, the same for each of its members. */
  name: string;
  /** How many members before this one, in a row, were not fruitful. */
  replacements: number;
  /** Called when an attempt to begin the assignment has failed; another attempt follows. */
  onTrouble(error: unknown): void;
};

const refusedWaitMs = 100;
const severedMsMax = 300;

// Over seventy lines: one member, in which kafkajs's group, fetches and events meet the lanes.
export const createKafkajsMember = (parts: MemberParts): KafkajsMember => {
  const { options, settings, lanes, losses, name } = parts;
  const connection = openConnection(
    { ...options, clientId: name },
    { initialRetryTime: 100, retries: 5, maxRetryTime: 1_000 },
  );
  const admin = connection.kafka.admin();
  const isPaused = () => consumer.paused().length > 0;
  const ends = createPartitionEnds(admin, { lanes, losses }, isPaused);
  const watch = createMembershipWatch(parts.replacements);
  const life = createLife();
  const gate = createFetchGate(settings.fetchSpacingMs, isPaused);
  const pause = (at: TopicPartition) => steer(life, () => consumer.pause(byTopic([at])));
  const resume = (at: TopicPartition) => {
    if (!unreadable.isHeld(at) && !lanes.isPaused(at)) steer(life, () => consumer.resume(byTopic([at])));
  };
  const unreadable = createUnreadablePartitions({
    group: settings.group,
    logger: options.logger,
    lanes,
    pause,
    resume,
  });
  const group = createKafkajsGroup({
    groupId: settings.group,
    name,
    // Batches in progress may finish and commit: no other member gets the partition until this one joins again.
    beforeJoining: async () => {
      watch.leave();
      gate.open();
      await lanes.end(handOverMsMax);
    },
    onCluster: (cluster) => {
      fetchPacks(cluster, { onBounds: ends.note, onUnreadable: unreadable.hold });
      gate.attach(cluster);
    },
  });
  const consumer = openConsumer(connection, settings, group.assigner);
  const stopLooking = eachSecond(() => {
    endIfSpent(life, watch.check(lanes.unfed()));
    group.dismissKilled();
    void ends.refresh();
  });
  const feed = createFeed(lanes, { isPacked: settings.packed === true, unreadable, watch });

  const begin = (assigned: readonly TopicPartition[], isPast: () => boolean): Promise<void> =>
    beginAssignment(assigned, { ...parts, admin, isPast, giveUp: life.end }, (starts) => {
      seekTo(consumer, starts);
      watch.assign();
      lanes.assign(starts);
      consumer.resume(byTopic(assigned));
      gate.open();
    });
  listen(consumer, { watch, begin, life, gate });

  return {
    ended: life.ended,
    get isFruitful() {
      return feed.isFruitful;
    },
    commit: group.commit,
    pause,
    resume,
    join: () => join(consumer, settings.topics, feed.enqueue, life),
    retire: async (waitMs) => {
      // Where every partition is paused, as it is until the assignment begins, kafkajs sends no fetch that could be
      // abandoned: it sleeps for as long as one may wait.
      steer(life, () => consumer.resume(consumer.paused()));
      life.end(new Error('retired'));
      stopLooking();
      unreadable.stop();
      gate.abandon();
      await endsWithin(waitMs, Promise.allSettled([consumer.stop(), admin.disconnect()]));
      // The member has left. To disconnect kafkajs would wait for the fetch that the broker still holds.
      connection.sever();
      await endsWithin(severedMsMax, consumer.disconnect());
    },
  };
};

const endIfSpent = (life: Life, reason: string | undefined): void => {
  if (reason !== undefined) life.end(new Error(reason));
};

/** Does something with kafkajs's consumer, as long as there is one. */
const steer = (life: Life, action: () => void): void => {
  if (life.isOver) return;
  try {
    action();
  } catch {
    // kafkajs has stopped; after its restart nothing is paused.
  }
};

/** Puts what kafkajs fetches into the lanes. */
const createFeed = (
  lanes: PartitionLanes,
  parts: { isPacked: boolean; unreadable: UnreadablePartitions; watch: MembershipWatch },
) => {
  const { isPacked, unreadable, watch } = parts;
  let isFruitful = false;
  return {
    /** True once it has delivered records. */
    get isFruitful() {
      return isFruitful;
    },
    enqueue: async (payload: EachBatchPayload): Promise<void> => {
      const { batch, bytes, fetchedTo } = recordsOf(payload.batch, isPacked, unreadable.hold);
      if (!lanes.push(batch, bytes, fetchedTo)) {
        watch.refuse();
        // kafkajs fetches unresolved records again at once: wait, so that it does not loop without a pause.
        return sleep(refusedWaitMs);
      }
      isFruitful ||= batch.records.length > 0;
      if (!unreadable.isHeld(batch)) unreadable.forget(batch);
      payload.resolveOffset(String(fetchedTo - 1n));
    },
  };
};

type Life = { readonly isOver: boolean; readonly ended: Promise<unknown>; end(reason: unknown): void };

const createLife = (): Life => {
  let isOver = false;
  let resolve: (reason: unknown) => void = () => {};
  const ended = new Promise<unknown>((resolveEnded) => {
    resolve = resolveEnded;
  });
  return {
    get isOver() {
      return isOver;
    },
    ended,
    end: (reason) => {
      isOver = true;
      resolve(reason);
    },
  };
};

const openConsumer = (
  { kafka }: KafkajsConnection,
  settings: MemberParts['settings'],
  assigner: PartitionAssigner,
): KafkajsConsumer =>
  kafka.consumer({
    groupId: settings.group,
    partitionAssigners: [assigner],
    sessionTimeout: settings.sessionTimeoutMs,
    heartbeatInterval: heartbeatMs,
    rebalanceTimeout: rebalanceTimeoutMs,
    maxBytesPerPartition: settings.fetchBytesPerPartitionMax,
    maxBytes: settings.fetchBytesPerPartitionMax * 16,
    minBytes: settings.fetchBytesMin,
    maxWaitTimeInMs: settings.fetchWaitMs,
    metadataMaxAge: 60_000,
    allowAutoTopicCreation: false,
    // kafkajs's own restart gives up on some errors without a report, so a crash ends the member instead.
    retry: { initialRetryTime: 100, retries: 8, maxRetryTime: 1_000, restartOnFailure: async () => false },
  });

const seekTo = (consumer: KafkajsConsumer, starts: readonly LaneStart[]): void => {
  for (const { topic, partition, nextOffset } of starts)
    consumer.seek({ topic, partition, offset: String(nextOffset) });
};

const join = async (
  consumer: KafkajsConsumer,
  topics: readonly string[],
  eachBatch: (payload: EachBatchPayload) => Promise<void>,
  life: Life,
): Promise<void> => {
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [...topics], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      // Lanes accept a batch without waiting, so one worker is enough.
      partitionsConsumedConcurrently: 1,
      eachBatch,
    });
    // `run` also resolves when joining has failed.
    if (life.isOver) throw await life.ended;
  } catch (error) {
    throw brokerFault(`consume ${topics.join(', ')}`, error);
  }
};

const listen = (
  consumer: KafkajsConsumer,
  parts: {
    watch: MembershipWatch;
    begin(assigned: readonly TopicPartition[], isPast: () => boolean): Promise<void>;
    life: Life;
    gate: FetchGate;
  },
): void => {
  const { watch, begin, life, gate } = parts;
  const { CRASH, FETCH, HEARTBEAT, GROUP_JOIN } = consumer.events;
  let joins = 0;
  consumer.on(CRASH, ({ payload }) => life.end(payload.error));
  for (const event of [FETCH, HEARTBEAT] as const) consumer.on(event as typeof FETCH, watch.answer);
  consumer.on(GROUP_JOIN, ({ payload }) => {
    watch.join();
    joins += 1;
    const join = joins;
    const assigned = Object.entries(payload.memberAssignment).flatMap(([topic, partitions]) =>
      partitions.map((partition) => ({ topic, partition })),
    );
    consumer.pause(byTopic(assigned));
    gate.close();
    void begin(assigned, () => life.isOver || join !== joins);
  });
};

const byTopic = (partitions: readonly TopicPartition[]) =>
  [...new Set(partitions.map(({ topic }) => topic))].map((topic) => ({
    topic,
    partitions: partitions.filter((each) => each.topic === topic).map(({ partition }) => partition),
  }));
