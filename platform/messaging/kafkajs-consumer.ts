import kafkajs, {
  type EachBatchPayload,
  type Consumer as KafkajsConsumer,
  type KafkaMessage,
  type PartitionAssigner,
} from 'kafkajs';
import { PlatformError } from '#platform/errors';
import type {
  Consumer,
  ConsumerOptions,
  IncomingRecord,
  RecordHeaders,
  TopicPartition,
} from '#platform/messaging/broker';
import { type BrokerOptions, closeWaitMs, consumerDefaults } from '#platform/messaging/broker-options';
import { brokerFault, openConnection } from '#platform/messaging/kafkajs-connection';
import { fetchPacked, type PackedMessage } from '#platform/messaging/kafkajs-packed-fetch';
import { isGhost, memberName } from '#platform/messaging/member-name';
import { atMost, createPartitionLanes, type PartitionLanes } from '#platform/messaging/partition-lanes';
import type { RecordPack } from '#platform/messaging/record-pack';
import type { Logger } from '#platform/telemetry/logger';

type Settings = ConsumerOptions & typeof consumerDefaults;

const disconnectWaitMs = 3_000;
const reconnectMsMin = 100;
const reconnectMsMax = 1_000;
const dismissAttemptsMax = 50;
/** kafkajs fetches, beats or joins more often than this, or it is stuck and replaced. */
const silenceMsMax = 60_000;

export const createKafkajsConsumer = (options: BrokerOptions, wanted: ConsumerOptions): Consumer => {
  const settings: Settings = { ...consumerDefaults, ...wanted };
  const { logger } = options;
  let current: Incarnation | undefined;
  let consumer: KafkajsConsumer | undefined;
  let lanes: PartitionLanes | undefined;
  let supervised: Promise<void> = Promise.resolve();
  let closed = false;
  let beginClosing: () => void = () => {};
  const closing = new Promise<void>((resolve) => {
    beginClosing = resolve;
  });
  let fail: (error: unknown) => void = () => {};
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  // Who does not watch it does not crash by it.
  failed.catch(() => {});

  const life = {
    adopt: (next: KafkajsConsumer | undefined): void => {
      consumer = next;
    },
    ghost: undefined as string | undefined,
  };

  const steer = (action: 'pause' | 'resume', at: TopicPartition): void => {
    try {
      consumer?.[action](byTopic([at]));
    } catch {
      // It is being replaced; the next one begins with nothing paused.
    }
  };

  /** A consumer that crashed is replaced for as long as this one is wanted: it never stops silently. */
  const supervise = async (first: Incarnation, into: PartitionLanes): Promise<void> => {
    current = first;
    for (let failures = 0; ; ) {
      const reason = await Promise.race([current?.ended, closing]);
      if (closed) return;
      if (current !== undefined) {
        logger.warn({ err: reason, group: settings.group }, 'consumer interrupted, connecting again');
        consumer = undefined;
        await into.end(0);
        await current.retire();
        current = undefined;
      }
      try {
        const next = await incarnate(options, settings, into, life);
        if (closed) return await next.retire();
        current = next;
        failures = 0;
      } catch (error) {
        failures += 1;
        logger.debug({ err: error, group: settings.group, failures }, 'consumer cannot connect');
        await pause(Math.min(reconnectMsMin * 2 ** failures, reconnectMsMax));
      }
    }
  };

  return {
    failed,
    run: async (handle) => {
      lanes = createPartitionLanes({
        group: settings.group,
        logger,
        handle,
        partitionsConcurrentlyMax: settings.partitionsConcurrentlyMax,
        waitingBytesMax: settings.fetchBytesPerPartitionMax,
        pause: (at) => steer('pause', at),
        resume: (at) => steer('resume', at),
        commit: (at, nextOffset) => commit(consumer, at, nextOffset),
        onBroken: fail,
      });
      supervised = supervise(await incarnate(options, settings, lanes, life), lanes);
    },
    close: async () => {
      if (closed) return;
      closed = true;
      beginClosing();
      await lanes?.end(closeWaitMs);
      await current?.retire();
      await supervised;
    },
  };
};

/** One kafkajs consumer, of use until it crashes. */
type Incarnation = {
  /** Resolves with the reason when this incarnation is of no more use. */
  ended: Promise<unknown>;
  /** Leaves the group and disconnects, or at least cuts the sockets. */
  retire(): Promise<void>;
};

const incarnate = async (
  options: BrokerOptions,
  settings: Settings,
  lanes: PartitionLanes,
  life: {
    /** Called before the first batch can come. */
    adopt(consumer: KafkajsConsumer | undefined): void;
    /** The member id of an incarnation that could not leave. */
    ghost: string | undefined;
  },
): Promise<Incarnation> => {
  const named = { ...options, clientId: memberName(options.clientId) };
  const connection = openConnection(named, { initialRetryTime: 100, retries: 5, maxRetryTime: 1_000 });
  const admin = connection.kafka.admin();
  /**
   * What is in hand may finish and commit: nobody else has its partition until we join again. And an earlier
   * incarnation, which a dead broker kept from leaving, is made to leave, and so is a process that was killed: the
   * group would wait a whole session for them.
   */
  const beforeJoining = async (coordinator: Coordinator): Promise<void> => {
    await lanes.end(settings.sessionTimeoutMs * 0.6);
    if (life.ghost !== undefined) await dismiss(coordinator, settings.group, life.ghost);
    life.ghost = undefined;
    for (const memberId of await membersOf(coordinator, settings.group))
      if (isGhost(memberId)) await dismiss(coordinator, settings.group, memberId);
  };
  const consumer = connection.kafka.consumer({
    groupId: settings.group,
    partitionAssigners: [roundRobinAfter(beforeJoining, settings.packed === true)],
    sessionTimeout: settings.sessionTimeoutMs,
    heartbeatInterval: Math.floor(settings.sessionTimeoutMs / 3),
    rebalanceTimeout: Math.max(15_000, settings.sessionTimeoutMs),
    maxBytesPerPartition: settings.fetchBytesPerPartitionMax,
    maxBytes: settings.fetchBytesPerPartitionMax * 16,
    minBytes: settings.fetchBytesMin,
    maxWaitTimeInMs: settings.fetchWaitMs,
    metadataMaxAge: 60_000,
    allowAutoTopicCreation: false,
    // kafkajs' own restart gives up on some errors, and silently: a crash ends the incarnation instead.
    retry: { initialRetryTime: 100, retries: 8, maxRetryTime: 1_000, restartOnFailure: async () => false },
  });
  const { ended, stopWatching } = watch(consumer);
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  let joins = 0;
  let memberId: string | undefined;

  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    joins += 1;
    const join = joins;
    memberId = payload.memberId;
    const assigned = Object.entries(payload.memberAssignment).flatMap(([topic, partitions]) =>
      partitions.map((partition) => ({ topic, partition })),
    );
    consumer.pause(byTopic(assigned));
    void begin(assigned, () => isOver || join !== joins);
  });

  /**
   * Fixes where each partition starts before anything is fetched from it. kafkajs left alone would do that by a
   * cache, and may hand out what another fetch asked for under the previous assignment.
   */
  const begin = async (assigned: TopicPartition[], isPast: () => boolean): Promise<void> => {
    for (let failures = 0; !isPast(); failures += 1) {
      try {
        await settings.onAssigned?.(assigned);
        const starts = await startsOf(admin, settings, assigned, options.logger);
        if (isPast()) return;
        for (const { topic, partition, nextOffset } of starts)
          consumer.seek({ topic, partition, offset: String(nextOffset) });
        lanes.assign(starts);
        consumer.resume(byTopic(assigned));
        return;
      } catch (error) {
        options.logger.warn({ err: error, group: settings.group }, 'assignment not begun, trying again');
        await pause(Math.min(reconnectMsMin * 2 ** failures, reconnectMsMax));
      }
    }
  };

  const retire = async (): Promise<void> => {
    isOver = true;
    stopWatching();
    const leaving = Promise.allSettled([consumer.disconnect(), admin.disconnect()]);
    await atMost(disconnectWaitMs, leaving);
    connection.sever();
    life.ghost = memberId ?? life.ghost;
  };

  try {
    await admin.connect();
    await consumer.connect();
    await consumer.subscribe({ topics: [...settings.topics], fromBeginning: true });
    life.adopt(consumer);
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      // Lanes take a batch without waiting, so one worker is enough.
      partitionsConsumedConcurrently: 1,
      eachBatch: async (payload) => enqueue(payload, lanes),
    });
    // `run` resolves also when joining has crashed.
    if (isOver) throw await ended;
  } catch (error) {
    life.adopt(undefined);
    await retire();
    throw brokerFault(`consume ${settings.topics.join(', ')}`, error);
  }
  return { ended, retire };
};

type Coordinator = {
  leaveGroup(member: { groupId: string; memberId: string }): Promise<unknown>;
  describeGroups(which: { groupIds: string[] }): Promise<{ groups: { members: { memberId: string }[] }[] }>;
};

/** kafkajs asks for the group's coordinator first thing when it joins: the only place to make it wait. */
const roundRobinAfter =
  (first: (coordinator: Coordinator) => Promise<void>, packed: boolean): PartitionAssigner =>
  (config) => {
    if (packed) fetchPacked(config.cluster);
    const cluster = config.cluster as unknown as { findGroupCoordinator(of: unknown): Promise<Coordinator> };
    const find = cluster.findGroupCoordinator.bind(cluster);
    cluster.findGroupCoordinator = async (of) => {
      const coordinator = await find(of);
      await first(coordinator);
      return coordinator;
    };
    return kafkajs.PartitionAssigners.roundRobin(config);
  };

/** None where the broker cannot say: then a ghost is waited for. */
const membersOf = async (coordinator: Coordinator, groupId: string): Promise<string[]> => {
  try {
    const { groups } = await coordinator.describeGroups({ groupIds: [groupId] });
    return groups.flatMap(({ members }) => members.map(({ memberId }) => memberId));
  } catch {
    return [];
  }
};

/** A broker that has just started first loads its groups. */
const dismiss = async (coordinator: Coordinator, groupId: string, memberId: string): Promise<void> => {
  for (let attempt = 0; attempt < dismissAttemptsMax; attempt += 1) {
    try {
      await coordinator.leaveGroup({ groupId, memberId });
      return;
    } catch (error) {
      if ((error as { type?: string }).type !== 'GROUP_LOAD_IN_PROGRESS') return;
      await pause(reconnectMsMin);
    }
  }
};

const watch = (consumer: KafkajsConsumer): { ended: Promise<unknown>; stopWatching(): void } => {
  const { CRASH, FETCH, HEARTBEAT, GROUP_JOIN } = consumer.events;
  let heardAt = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const hear = () => {
    heardAt = performance.now();
  };
  for (const event of [FETCH, HEARTBEAT, GROUP_JOIN] as const) consumer.on(event as typeof FETCH, hear);
  const ended = new Promise<unknown>((resolve) => {
    consumer.on(CRASH, ({ payload }) => resolve(payload.error));
    timer = setInterval(() => {
      if (performance.now() - heardAt > silenceMsMax) resolve(new Error('kafkajs has fallen silent'));
    }, silenceMsMax / 6);
    timer.unref();
  });
  return { ended, stopWatching: () => clearInterval(timer) };
};

type Start = TopicPartition & { nextOffset: bigint };

const startsOf = async (
  admin: KafkajsAdmin,
  settings: Settings,
  assigned: readonly TopicPartition[],
  logger: Logger,
): Promise<Start[]> => {
  const topics = [...new Set(assigned.map(({ topic }) => topic))];
  if (topics.length === 0) return [];
  const committed = new Map<string, bigint>();
  for (const { topic, partitions } of await admin.fetchOffsets({ groupId: settings.group, topics }))
    for (const { partition, offset } of partitions)
      if (BigInt(offset) >= 0n) committed.set(`${topic}/${partition}`, BigInt(offset));
  const kept = new Map<string, { low: bigint; high: bigint }>();
  for (const topic of topics)
    for (const { partition, low, high } of await admin.fetchTopicOffsets(topic))
      kept.set(`${topic}/${partition}`, { low: BigInt(low), high: BigInt(high) });

  return Promise.all(
    assigned.map(async (at) => {
      const name = `${at.topic}/${at.partition}`;
      const { low, high } = kept.get(name) ?? { low: 0n, high: 0n };
      const asked = (await settings.startFrom?.(at)) ?? committed.get(name) ?? low;
      const nextOffset = asked < low ? low : asked > high ? low : asked;
      if (nextOffset !== asked)
        logger.error(
          { group: settings.group, ...at, asked: String(asked), low: String(low), high: String(high) },
          'the offset to start from is not in the log, starting from its beginning',
        );
      return { ...at, nextOffset };
    }),
  );
};

type KafkajsAdmin = ReturnType<ReturnType<typeof openConnection>['kafka']['admin']>;

const enqueue = ({ batch, resolveOffset }: EachBatchPayload, lanes: PartitionLanes): void => {
  let bytes = 0;
  for (const message of batch.messages) bytes += 64 + (message.value?.length ?? 0);
  const taken = lanes.push(
    {
      topic: batch.topic,
      partition: batch.partition,
      records: batch.messages.map((message) => new KafkajsRecord(message)),
      highWatermark: BigInt(batch.highWatermark),
    },
    bytes,
  );
  if (taken) resolveOffset(batch.lastOffset());
};

const noHeaders: RecordHeaders = Object.freeze({});

/** Converts on demand: at hundreds of thousands of records a second most fields are never looked at. */
class KafkajsRecord implements IncomingRecord {
  readonly #message: KafkaMessage;
  #offset: bigint | undefined;
  #headers: RecordHeaders | undefined;

  constructor(message: KafkaMessage) {
    this.#message = message;
  }
  get key(): Buffer | null {
    return this.#message.key;
  }
  get value(): Buffer | null {
    return this.#message.value;
  }
  get pack(): RecordPack | undefined {
    return (this.#message as Partial<PackedMessage>).pack;
  }
  get offset(): bigint {
    this.#offset ??= BigInt(this.#message.offset);
    return this.#offset;
  }
  get timestampMs(): number {
    return Number(this.#message.timestamp);
  }
  get headers(): RecordHeaders {
    this.#headers ??= readHeaders(this.#message.headers);
    return this.#headers;
  }
}

/** Of a header that is there several times, the last. */
const readHeaders = (headers: KafkaMessage['headers']): RecordHeaders => {
  if (headers === undefined) return noHeaders;
  const read: RecordHeaders = {};
  for (const [name, value] of Object.entries(headers)) {
    const last = Array.isArray(value) ? value.at(-1) : value;
    if (last !== undefined) read[name] = last.toString();
  }
  return read;
};

/** kafkajs returns without a word when it is not running: only its event says that the broker has confirmed. */
const commit = async (
  consumer: KafkajsConsumer | undefined,
  { topic, partition }: TopicPartition,
  nextOffset: bigint,
): Promise<void> => {
  if (consumer === undefined) throw notConfirmed();
  const offset = String(nextOffset);
  let confirmed = false;
  const stopListening = consumer.on(consumer.events.COMMIT_OFFSETS, ({ payload }) => {
    confirmed ||= payload.topics.some(
      (each) =>
        each.topic === topic &&
        each.partitions.some((one) => one.partition === partition && String(one.offset) === offset),
    );
  });
  try {
    await consumer.commitOffsets([{ topic, partition, offset }]);
  } catch (error) {
    throw brokerFault('commit', error);
  } finally {
    stopListening();
  }
  if (!confirmed) throw notConfirmed();
};

const notConfirmed = () =>
  new PlatformError('broker_unavailable', 'commit not confirmed', { retriable: true });

const byTopic = (partitions: readonly TopicPartition[]) =>
  [...new Set(partitions.map(({ topic }) => topic))].map((topic) => ({
    topic,
    partitions: partitions.filter((each) => each.topic === topic).map(({ partition }) => partition),
  }));

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
