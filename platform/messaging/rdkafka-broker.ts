import { PlatformError } from '#platform/errors';
import type {
  Broker,
  BrokerAdmin,
  Consumer,
  ConsumerOptions,
  IncomingRecord,
  OutgoingRecord,
  Producer,
  RecordHeaders,
  TopicPartition,
} from '#platform/messaging/broker';
import {
  type BrokerOptions,
  closeWaitMs,
  consumerDefaults,
  sendTimeoutMs,
} from '#platform/messaging/broker-options';
import { onceLed } from '#platform/messaging/leader-wait';
import { createPartitionLanes, type PartitionLanes } from '#platform/messaging/partition-lanes';
import type {
  RdkafkaAssignment,
  RdkafkaConsumer,
  RdkafkaError,
  RdkafkaMessage,
  RdkafkaModule,
  RdkafkaProducer,
} from '#platform/messaging/rdkafka-build';

const requestTimeoutMs = 5_000;
const recordsPerPollMax = 10_000;
const recordsQueuedMax = 100_000;
const queueFullWaitMs = 10;
const retryMs = 250;
const messageBytesMax = 8 * 1024 * 1024;

/** Kafka by librdkafka. `rdkafka` is what `loadRdkafka` or `buildRdkafka` gave. */
export const createRdkafkaBroker = (rdkafka: RdkafkaModule, options: BrokerOptions): Broker => ({
  producer: async () => createRdkafkaProducer(rdkafka, options),
  consumer: (wanted) => createRdkafkaConsumer(rdkafka, options, wanted),
  admin: () => openRdkafkaAdmin(rdkafka, options),
});

const clientConfig = (options: BrokerOptions) => ({
  'metadata.broker.list': options.brokers.join(','),
  'client.id': options.clientId,
  'socket.keepalive.enable': true,
  'reconnect.backoff.ms': 50,
  'reconnect.backoff.max.ms': 1_000,
  'allow.auto.create.topics': false,
});

const fault = (action: string, error: unknown): PlatformError => {
  if (error instanceof PlatformError) return error;
  const { code, message } = error as RdkafkaError;
  const isPermanent = permanent.has(code ?? 0);
  return new PlatformError(isPermanent ? 'broker_rejected' : 'broker_unavailable', `${action}: ${message}`, {
    retriable: !isPermanent,
    cause: error,
  });
};

/** MSG_SIZE_TOO_LARGE, INVALID_TOPIC, RECORD_LIST_TOO_LARGE, the three AUTHORIZATION_FAILED, INVALID_RECORD, _INVALID_ARG. */
const permanent = new Set([10, 17, 18, 29, 30, 31, 87, -186]);

const refusal = (message: string) => new PlatformError('broker_unavailable', message, { retriable: false });

/** Awaits a callback of librdkafka's. */
const called = <T>(
  call: (done: (error: RdkafkaError | null | undefined, result: T) => void) => void,
): Promise<T> =>
  new Promise((resolve, reject) => {
    call((error, result) => (error ? reject(error) : resolve(result)));
  });

type Send = { missing: number; failure: RdkafkaError | undefined; settle(): void };

const createRdkafkaProducer = (rdkafka: RdkafkaModule, options: BrokerOptions): Producer => {
  let connecting: Promise<RdkafkaProducer> | undefined;
  let closed = false;
  /** One call after the other into librdkafka's queue, which keeps their order from there. */
  let turn: Promise<unknown> = Promise.resolve();

  const open = async (): Promise<RdkafkaProducer> => {
    const producer = new rdkafka.Producer(
      {
        ...clientConfig(options),
        'enable.idempotence': true,
        'queue.buffering.max.messages': recordsQueuedMax,
        'linger.ms': 1,
        'compression.codec': 'lz4',
        // What a topic takes is for the broker to say.
        'message.max.bytes': messageBytesMax,
        dr_cb: true,
      },
      { partitioner: 'murmur2_random', 'request.required.acks': -1, 'message.timeout.ms': sendTimeoutMs },
    );
    producer.on('event.error', (error: RdkafkaError) => options.logger.debug({ err: error }, 'rdkafka'));
    producer.on('delivery-report', (error: RdkafkaError | null, report: { opaque: Send }) => {
      const send = report.opaque;
      send.missing -= 1;
      if (error) send.failure ??= error;
      if (send.missing === 0) send.settle();
    });
    await called((done) => producer.connect({ timeout: requestTimeoutMs }, done));
    if (producer.setPollInBackground !== undefined) producer.setPollInBackground(true);
    else producer.setPollInterval(queueFullWaitMs);
    return producer;
  };

  const connected = (): Promise<RdkafkaProducer> => {
    if (connecting === undefined) {
      connecting = open();
      connecting.catch(() => {
        connecting = undefined;
      });
    }
    return connecting;
  };

  /** Hands the records over; `acknowledged`, in an object so that it is not awaited here, settles later. */
  const enqueue = async (records: readonly OutgoingRecord[]): Promise<{ acknowledged: Promise<void> }> => {
    const producer = await connected();
    let settle: () => void = () => {};
    const settled = new Promise<void>((resolve) => {
      settle = resolve;
    });
    const send: Send = { missing: records.length, failure: undefined, settle };
    for (const [index, record] of records.entries()) {
      try {
        await produce(producer, record, send);
      } catch (error) {
        // None of the rest was handed over.
        send.missing -= records.length - index;
        send.failure ??= error as RdkafkaError;
        if (send.missing === 0) settle();
        break;
      }
    }
    const acknowledged = settled.then(() => {
      if (send.failure !== undefined) throw send.failure;
    });
    return { acknowledged };
  };

  const produce = async (producer: RdkafkaProducer, record: OutgoingRecord, send: Send): Promise<void> => {
    const headers = Object.entries(record.headers ?? {}).map(([name, value]) => ({ [name]: value }));
    for (;;) {
      try {
        const { topic, partition, value, key, timestampMs } = record;
        const keyBytes = typeof key === 'string' ? Buffer.from(key) : key;
        producer.produce(topic, partition ?? null, value, keyBytes, timestampMs, send, headers);
        return;
      } catch (error) {
        if ((error as RdkafkaError).code !== rdkafka.CODES.ERRORS.ERR__QUEUE_FULL) throw error;
        await pause(queueFullWaitMs);
      }
    }
  };

  return {
    send: async (records) => {
      if (records.length === 0) return;
      if (closed) throw refusal('producer is closed');
      if (records.some(({ key, value }) => key?.length === 0 || value?.length === 0))
        throw refusal('node-rdkafka would send an empty key or value as null');
      const mine = turn.then(() => enqueue(records));
      turn = mine.catch(() => {});
      try {
        const { acknowledged } = await mine;
        await acknowledged;
      } catch (error) {
        throw fault('send', error);
      }
    },
    close: async () => {
      closed = true;
      await turn;
      const producer = await connecting?.catch(() => undefined);
      if (producer === undefined) return;
      await called((done) => producer.flush(sendTimeoutMs, done)).catch(() => {});
      await called((done) => producer.disconnect(done)).catch(() => {});
    },
  };
};

const createRdkafkaConsumer = (
  rdkafka: RdkafkaModule,
  options: BrokerOptions,
  wanted: ConsumerOptions,
): Consumer => {
  const settings = { ...consumerDefaults, ...wanted };
  const { logger } = options;
  const { ERRORS } = rdkafka.CODES;
  let closed = false;
  let held = false;
  let opened = false;
  let polling: Promise<void> = Promise.resolve();
  let looping: Promise<void> = Promise.resolve();
  let rebalancing: Promise<void> = Promise.resolve();
  let lanes: PartitionLanes | undefined;
  let assignments = 0;
  let fail: (error: unknown) => void = () => {};
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failed.catch(() => {});
  const commits = createCommits();

  const consumer: RdkafkaConsumer = new rdkafka.KafkaConsumer(
    {
      ...clientConfig(options),
      'group.id': settings.group,
      'session.timeout.ms': settings.sessionTimeoutMs,
      'heartbeat.interval.ms': Math.floor(settings.sessionTimeoutMs / 3),
      'partition.assignment.strategy': 'roundrobin',
      'enable.auto.commit': false,
      'enable.auto.offset.store': false,
      'isolation.level': 'read_committed',
      'fetch.min.bytes': settings.fetchBytesMin,
      'fetch.wait.max.ms': settings.fetchWaitMs,
      'fetch.message.max.bytes': settings.fetchBytesPerPartitionMax,
      'queued.max.messages.kbytes': Math.ceil((settings.fetchBytesPerPartitionMax * 8) / 1024),
      'fetch.queue.backoff.ms': 10,
      offset_commit_cb: (error: RdkafkaError | null, partitions: RdkafkaAssignment[]) =>
        commits.settle(error, partitions),
      rebalance_cb: (error: RdkafkaError, partitions: RdkafkaAssignment[]) => {
        rebalancing = rebalancing.then(() => rebalance(error, partitions)).catch((problem) => fail(problem));
      },
    },
    { 'auto.offset.reset': 'earliest' },
  );
  consumer.on('event.error', (error: RdkafkaError) =>
    logger.debug({ err: error, group: settings.group }, 'rdkafka'),
  );

  const rebalance = async (error: RdkafkaError, partitions: RdkafkaAssignment[]): Promise<void> => {
    assignments += 1;
    if (error.code === ERRORS.ERR__ASSIGN_PARTITIONS) return begin(partitions, assignments);
    // Polling goes on meanwhile: it is what brings the answers to the last commits.
    await lanes?.end(closed ? 0 : settings.sessionTimeoutMs * 0.6);
    await whileNotPolling(() => consumer.unassign());
  };

  const begin = async (partitions: RdkafkaAssignment[], assignment: number): Promise<void> => {
    while (!closed && assignment === assignments) {
      try {
        await settings.onAssigned?.(partitions.map(({ topic, partition }) => ({ topic, partition })));
        const starts = await startsOf(partitions);
        await whileNotPolling(() => {
          lanes?.assign(starts);
          consumer.assign(
            starts.map(({ topic, partition, nextOffset }) => ({
              topic,
              partition,
              offset: Number(nextOffset),
            })),
          );
        });
        return;
      } catch (error) {
        logger.warn({ err: error, group: settings.group }, 'assignment not begun, trying again');
        await pause(retryMs);
      }
    }
  };

  /** What a poll under way would bring belongs to the assignment before. */
  const whileNotPolling = async (change: () => void): Promise<void> => {
    held = true;
    await polling;
    try {
      change();
    } finally {
      held = false;
    }
  };

  const startsOf = async (partitions: RdkafkaAssignment[]) => {
    const asked = partitions.map(({ topic, partition }) => ({ topic, partition }));
    if (asked.length === 0) return [];
    const committed = await called<RdkafkaAssignment[]>((done) =>
      consumer.committed(asked, requestTimeoutMs, done),
    );
    return Promise.all(
      asked.map(async (at) => {
        const { lowOffset, highOffset } = await called<{ lowOffset: number; highOffset: number }>((done) =>
          consumer.queryWatermarkOffsets(at.topic, at.partition, requestTimeoutMs, done),
        );
        const known = committed.find(
          (each) => each.topic === at.topic && each.partition === at.partition,
        )?.offset;
        const from =
          (await settings.startFrom?.(at)) ??
          (known === undefined || known < 0 ? BigInt(lowOffset) : BigInt(known));
        const isKept = from >= BigInt(lowOffset) && from <= BigInt(highOffset);
        if (!isKept)
          logger.error(
            { group: settings.group, ...at, asked: String(from), low: lowOffset, high: highOffset },
            'the offset to start from is not in the log, starting from its beginning',
          );
        return { ...at, nextOffset: isKept ? from : BigInt(lowOffset) };
      }),
    );
  };

  const poll = async (into: PartitionLanes): Promise<void> => {
    while (!closed) {
      if (held) {
        await pause(1);
        continue;
      }
      polling = called<RdkafkaMessage[]>((done) => consumer.consume(recordsPerPollMax, done)).then(
        (messages) => distribute(consumer, messages, into),
        (error) => {
          logger.debug({ err: error, group: settings.group }, 'rdkafka poll');
          return pause(retryMs);
        },
      );
      await polling;
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
        pause: (at) => consumer.pause([at]),
        resume: (at) => consumer.resume([at]),
        commit: (at, nextOffset) =>
          commits.wait(at, nextOffset, () => consumer.commit([{ ...at, offset: Number(nextOffset) }])),
        onBroken: fail,
      });
      try {
        await called((done) => consumer.connect({ timeout: requestTimeoutMs }, done));
      } catch (error) {
        throw fault(`consume ${settings.topics.join(', ')}`, error);
      }
      opened = true;
      consumer.setDefaultConsumeTimeout(settings.fetchWaitMs);
      consumer.subscribe([...settings.topics]);
      looping = poll(lanes);
    },
    close: async () => {
      if (closed) return;
      await lanes?.end(closeWaitMs);
      closed = true;
      await looping;
      if (opened) await called((done) => consumer.disconnect(done)).catch(() => {});
    },
  };
};

const distribute = (
  consumer: RdkafkaConsumer,
  messages: readonly RdkafkaMessage[],
  lanes: PartitionLanes,
): void => {
  const byPartition = new Map<string, RdkafkaMessage[]>();
  for (const message of messages) {
    const name = `${message.topic}/${message.partition}`;
    const together = byPartition.get(name);
    if (together === undefined) byPartition.set(name, [message]);
    else together.push(message);
  }
  for (const together of byPartition.values()) {
    const { topic, partition, offset } = together.at(-1) as RdkafkaMessage;
    const { highOffset } = consumer.getWatermarkOffsets(topic, partition);
    let bytes = 0;
    for (const message of together) bytes += 64 + message.size;
    lanes.push(
      {
        topic,
        partition,
        records: together.map(toRecord),
        highWatermark: BigInt(Math.max(highOffset, offset + 1)),
      },
      bytes,
    );
  }
};

const noHeaders: RecordHeaders = Object.freeze({});

const toRecord = (message: RdkafkaMessage): IncomingRecord => ({
  key: typeof message.key === 'string' ? Buffer.from(message.key) : (message.key ?? null),
  value: message.value,
  headers: message.headers === undefined ? noHeaders : readHeaders(message.headers),
  offset: BigInt(message.offset),
  timestampMs: message.timestamp ?? 0,
});

/** Of a header that is there several times, the last. */
const readHeaders = (headers: readonly Record<string, Buffer | string>[]): RecordHeaders => {
  const read: RecordHeaders = {};
  for (const header of headers)
    for (const [name, value] of Object.entries(header)) read[name] = value.toString();
  return read;
};

/** Commits that wait for the broker's word; librdkafka gives it while it is polled. */
const createCommits = () => {
  const waiting = new Map<string, { resolve(): void; reject(error: unknown): void }[]>();
  const nameOf = ({ topic, partition }: TopicPartition, offset: string) => `${topic}/${partition}@${offset}`;
  return {
    settle: (error: RdkafkaError | null, partitions: readonly RdkafkaAssignment[]): void => {
      for (const each of partitions) {
        const name = nameOf(each, String(each.offset));
        const waiters = waiting.get(name) ?? [];
        waiting.delete(name);
        for (const waiter of waiters)
          if (error) waiter.reject(fault('commit', error));
          else waiter.resolve();
      }
    },
    wait: (at: TopicPartition, nextOffset: bigint, commit: () => void): Promise<void> =>
      new Promise((resolve, reject) => {
        const name = nameOf(at, String(nextOffset));
        const timer = setTimeout(() => {
          waiting.delete(name);
          reject(fault('commit', new Error('not confirmed in time')));
        }, sendTimeoutMs);
        const settled = (settle: () => void) => {
          clearTimeout(timer);
          settle();
        };
        waiting.set(name, [
          ...(waiting.get(name) ?? []),
          { resolve: () => settled(resolve), reject: (error) => settled(() => reject(error)) },
        ]);
        try {
          commit();
        } catch (error) {
          settled(() => reject(fault('commit', error)));
        }
      }),
  };
};

const openRdkafkaAdmin = async (rdkafka: RdkafkaModule, options: BrokerOptions): Promise<BrokerAdmin> => {
  const config = clientConfig(options);
  const client = new rdkafka.Producer(config, {});
  client.on('event.error', (error: RdkafkaError) => options.logger.debug({ err: error }, 'rdkafka'));
  const attempt = async <T>(action: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw fault(action, error);
    }
  };
  await attempt('connect', () => called((done) => client.connect({ timeout: requestTimeoutMs }, done)));
  const admin = rdkafka.AdminClient.create(config);

  const partitionsOf = async (topic: string): Promise<number[]> => {
    const { topics } = await called<{ topics: { name: string; partitions: { id: number }[] }[] }>((done) =>
      client.getMetadata({ topic, timeout: requestTimeoutMs }, done),
    );
    return (topics.find(({ name }) => name === topic)?.partitions ?? [])
      .map(({ id }) => id)
      .sort((a, b) => a - b);
  };

  const create = async (topic: string, partitions: number, replicas: number, settings: object) => {
    const spec = { topic, num_partitions: partitions, replication_factor: replicas, config: { ...settings } };
    await called((done) => admin.createTopic(spec, requestTimeoutMs, done)).catch((error: RdkafkaError) => {
      if (error.code !== rdkafka.CODES.ERRORS.ERR_TOPIC_ALREADY_EXISTS) throw error;
    });
    for (let tries = 0; (await partitionsOf(topic)).length === 0; tries += 1) {
      if (tries > requestTimeoutMs / queueFullWaitMs) throw new Error(`${topic} has no leader`);
      await pause(queueFullWaitMs);
    }
  };

  return {
    createTopics: (specs) =>
      attempt('create topics', async () => {
        for (const { topic, partitions, replicas, config: settings } of specs)
          await create(topic, partitions, replicas ?? 1, settings ?? {});
      }),
    offsets: (topic) =>
      attempt('offsets', async () => {
        const partitions = await partitionsOf(topic);
        return Promise.all(
          partitions.map(async (partition) => {
            const marks = await onceLed(() =>
              called<{ lowOffset: number; highOffset: number }>((done) =>
                client.queryWatermarkOffsets(topic, partition, requestTimeoutMs, done),
              ),
            );
            return { partition, low: BigInt(marks.lowOffset), high: BigInt(marks.highOffset) };
          }),
        );
      }),
    committedOffsets: (group, topic) =>
      attempt('committed offsets', async () => {
        const partitions = await partitionsOf(topic);
        // Asks in the group's name without joining it.
        const member = new rdkafka.KafkaConsumer({ ...config, 'group.id': group }, {});
        await called((done) => member.connect({ timeout: requestTimeoutMs }, done));
        try {
          const asked = partitions.map((partition) => ({ topic, partition }));
          const found = await called<RdkafkaAssignment[]>((done) =>
            member.committed(asked, requestTimeoutMs, done),
          );
          return found.map(({ partition, offset }) => ({
            partition,
            nextOffset: offset === undefined || offset < 0 ? null : BigInt(offset),
          }));
        } finally {
          await called((done) => member.disconnect(done)).catch(() => {});
        }
      }),
    deleteTopics: (topics) =>
      attempt('delete topics', async () => {
        for (const topic of topics) await called((done) => admin.deleteTopic(topic, requestTimeoutMs, done));
      }),
    close: async () => {
      admin.disconnect();
      await called((done) => client.disconnect(done)).catch(() => {});
    },
  };
};

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
