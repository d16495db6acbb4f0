/**
 * The interface of a Kafka-like broker, in Kafka's own terms. Two implementations pass `broker.contract.ts`:
 * `kafkajs-broker.ts` (pure JavaScript, the default) and `rdkafka-broker.ts` (native, built on demand).
 */
export type RecordHeaders = Record<string, string>;

/** A header as it is stored on the log. Names may repeat; a value may be any bytes, or missing (null). */
export type RawHeader = readonly [name: string, value: Buffer | null];

export type OutgoingRecord = {
  topic: string;
  /**
   * Decides the partition by murmur2, as Java's producer does, in both implementations alike. May be null only where
   * `partition` is set.
   */
  key: string | Buffer | null;
  value: Buffer | null;
  /** Given as a list, headers keep their bytes, missing values and repeats; those of one name stay in order. */
  headers?: RecordHeaders | readonly RawHeader[];
  timestampMs?: number;
  /** Overrides the key's partition. Only dead letters and tests use it. */
  partition?: number;
};

/**
 * Records as the broker stores and sends them, decompressed. The format is Kafka's record batch of version 2
 * (https://kafka.apache.org/documentation/#recordbatch). Reading one in place costs a tenth of turning each of its
 * records into objects.
 *
 *     record  = length attributes timestamp-delta offset-delta key value headers
 *     key     = value = length *byte        ; length -1 is null
 *     headers = count *(name value)
 *     every number a zigzag varint, attributes one byte
 */
export type RecordPack = {
  baseOffset: number;
  baseTimestampMs: number;
  /** The time of all records of the pack, on topics where the broker sets the time. Absent on other topics. */
  appendedAtMs?: number;
  count: number;
  bytes: Buffer;
};

export type IncomingRecord = {
  key: Buffer | null;
  value: Buffer | null;
  /** As text: the last value of each name, without the names whose last value is missing. */
  headers: RecordHeaders;
  /** As they were written, for a consumer that passes the record on. */
  rawHeaders: readonly RawHeader[];
  offset: bigint;
  timestampMs: number;
  /**
   * Set for consumers with `packed`: the records that this one stands for, up to `offset`. They may be none, where the
   * log holds only markers of transactions and aborted records. They may begin before the offset that was asked for.
   */
  pack?: RecordPack | undefined;
};

/** Records of one partition in offset order; offsets may have gaps (compaction, transaction markers). */
export type RecordBatch = {
  topic: string;
  partition: number;
  records: readonly IncomingRecord[];
  /** The partition's end offset when the batch was fetched: lag = highWatermark - last offset - 1. */
  highWatermark: bigint;
};

export type BatchControl = {
  /**
   * Makes `nextOffset` (the first offset NOT yet handled) durable for the group. Throws a retriable fault if the
   * broker does not confirm it or the partition has moved to another member.
   */
  commit(nextOffset: bigint): Promise<void>;
  /**
   * Counts everything before `nextOffset` as handled now, and commits it with others after `lateCommitMs`, and before
   * the partition is handed over. A commit that fails is tried again as often, until it succeeds, a later one takes its
   * place or the partition moves. A process that dies before is given these records again, so it is for handlers that
   * recognise repeats. Throws where the partition has moved already.
   */
  commitSoon(nextOffset: bigint): void;
  /** Keeps the group membership during long work; throws when the group has rebalanced without this member. */
  heartbeat(): Promise<void>;
  /**
   * True once the partition belongs to another member or the consumer is closing: stop, without committing what is not
   * done. What is done can be committed while the consumer is closing.
   */
  isStale(): boolean;
};

export type BatchHandler = (batch: RecordBatch, control: BatchControl) => Promise<void>;

export type ConsumerOptions = {
  /** `<process>.<purpose>`, e.g. `inventory.reactions`. */
  group: string;
  topics: readonly string[];
  /**
   * Batches of one partition are handled one after the other in offset order; those of different partitions
   * up to this many at once. 1 if unset.
   */
  partitionsConcurrentlyMax?: number;
  /** Most bytes fetched for one partition at a time. 1 MiB if unset. */
  fetchBytesPerPartitionMax?: number;
  /** The broker answers a fetch as soon as it has this many bytes, or after `fetchWaitMs`. 1 if unset. */
  fetchBytesMin?: number;
  /** 1,000 if unset. */
  fetchWaitMs?: number;
  /**
   * So long lies at least between the beginnings of two fetches, unless the first returned much: for a reader whose
   * records may wait, so that it reads more of them at a time. 0 if unset. librdkafka, which fetches ahead, ignores it.
   */
  fetchSpacingMs?: number;
  /** An offset noted with `commitSoon` is committed after so long, together with those noted meanwhile. 2,000 if unset. */
  lateCommitMs?: number;
  /**
   * Delivers records in the form in which they are stored, where the implementation can: the records of a batch are
   * then packs, to be read with a `PackCursor`. For consumers that pass records on as bytes. False if unset.
   */
  packed?: boolean;
  /**
   * True for a consumer that sets `kafka_consumer_lag` itself, because it finishes records after `handle` has returned.
   * False if unset.
   */
  reportsLag?: boolean;
  /** A member silent for this long loses its partitions. If unset 20,000 with kafkajs, 10,000 with librdkafka. */
  sessionTimeoutMs?: number;
  /** Called with the partitions this member got, before the first batch of any of them is handled. */
  onAssigned?: (partitions: readonly TopicPartition[]) => Promise<void> | void;
  /**
   * Where to start a partition. Called once after each assignment, before its first batch. Resolves to the offset to
   * read first, or to null for the offset that the group has committed (the partition's beginning without one). Where
   * either lies before `log.low`, the first record that Kafka has, the records between them count as lost: so who only
   * wants some records again asks for none before `low`.
   */
  startFrom?: (partition: TopicPartition, log: { low: bigint }) => Promise<bigint | null>;
};

export type TopicPartition = { topic: string; partition: number };

export type PartitionProgress = TopicPartition & {
  /** Every record before it has been handled, or will never be delivered (markers, aborted transactions). */
  nextOffset: bigint;
  /**
   * The partition's end as the broker last reported it, also while nothing is fetched: records left =
   * `highWatermark - nextOffset`. It is never below `nextOffset`, and at most some seconds old while the broker
   * answers.
   */
  highWatermark: bigint;
  /** How long ago the broker last reported it; infinite if it has not yet. It is past 7 s only where no answer comes. */
  endAgeMs: number;
  /** How long `nextOffset` has not moved although records were left. 0 when none are left. */
  stalledForMs: number;
  /** How often in a row the batch at `nextOffset` failed or could not be read. */
  failures: number;
  /** The message of the last of these failures. */
  cause: string | undefined;
};

/** How many records of a partition Kafka deleted before they were read. */
export type LostRecords = TopicPartition & { records: bigint };

export type ConsumerProgress = {
  /** The partitions of the current assignment; while there is none, of the last one. */
  partitions: readonly PartitionProgress[];
  /** How long this member has been without an assignment (joining, or unable to join). 0 while it has one. */
  unassignedForMs: number;
  /** How often the consumer gave up its connection and membership and started over, since it was created. */
  restarts: number;
  /** Why it last started over or could not begin. Undefined while it has an assignment. */
  trouble: string | undefined;
  /** The partitions of which records were lost since it was created, whoever has them now. */
  lost: readonly LostRecords[];
};

export type Consumer = {
  /**
   * Starts consuming and returns once subscribed; reads from the beginning where the group has no offset.
   * When `handle` throws, nothing past the last commit is lost: the batch is delivered again after a backoff
   * that grows to 5 s. An `AssertionError` is not retried but rejects `failed`. `handle` commits by itself.
   */
  run(handle: BatchHandler): Promise<void>;
  /** Rejects when the consumer cannot go on (a broken invariant in the handler); never resolves. */
  readonly failed: Promise<never>;
  /**
   * How far the consumer is, without a request to the broker: cheap enough for every scrape and health check. It can be
   * called before `run` (nothing is assigned) and while the broker does not answer (the last values are returned).
   */
  progress(): ConsumerProgress;
  /** Lets the batches in progress stop (4 s at most) and commit what they have done, leaves the group, disconnects. */
  close(): Promise<void>;
};

export type Producer = {
  /** Connects now instead of at the first `send`. Rejects with a retriable `broker_unavailable`. */
  open(): Promise<void>;
  /**
   * Resolves when all in-sync replicas have all records (acks=all, idempotent: a retry inside writes no record twice).
   * Rejects with a retriable `broker_unavailable`: then some records may have been written. Rejects with a
   * `broker_rejected` that is not retriable when the broker will never accept one of them (too large, not valid).
   * Records of one key keep their order within a call and across awaited calls.
   */
  send(records: readonly OutgoingRecord[]): Promise<void>;
  close(): Promise<void>;
};

export type TopicSpec = {
  topic: string;
  partitions: number;
  /** The cluster's default if unset. */
  replicas?: number;
  /** Broker settings such as `retention.ms`. */
  config?: Record<string, string>;
};

export type BrokerAdmin = {
  /** Creates the topics that do not exist; leaves existing ones as they are. */
  createTopics(topics: readonly TopicSpec[]): Promise<void>;
  /** First and next-to-be-written offset of each partition. */
  offsets(topic: string): Promise<{ partition: number; low: bigint; high: bigint }[]>;
  /** The offset of each partition's first record with a timestamp from `sinceMs` on; its next-to-be-written one without such. */
  offsetsSince(topic: string, sinceMs: number): Promise<{ partition: number; offset: bigint }[]>;
  /** What a group has committed; null where nothing. */
  committedOffsets(group: string, topic: string): Promise<{ partition: number; nextOffset: bigint | null }[]>;
  /** One that is gone already counts as deleted. */
  deleteTopics(topics: readonly string[]): Promise<void>;
  close(): Promise<void>;
};

export type Broker = {
  producer(): Promise<Producer>;
  consumer(options: ConsumerOptions): Consumer;
  admin(): Promise<BrokerAdmin>;
};
