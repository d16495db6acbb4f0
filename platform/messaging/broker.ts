/**
 * The face of a Kafka-like broker, in the words of Kafka. Two implementations pass `broker.contract.ts`:
 * `kafkajs-broker.ts` (pure JavaScript, the default) and `rdkafka-broker.ts` (native, built on demand).
 */
export type RecordHeaders = Record<string, string>;

/** A header as it lies on the log. Names may repeat; a value may be any bytes, or missing (null). */
export type RawHeader = readonly [name: string, value: Buffer | null];

export type OutgoingRecord = {
  topic: string;
  /**
   * Decides the partition by murmur2, as Java's producer does; both implementations place it equally. Null only
   * beside a `partition`.
   */
  key: string | Buffer | null;
  value: Buffer | null;
  /** A list keeps bytes, missing values and repeats; those of one name stay in order. */
  headers?: RecordHeaders | readonly RawHeader[];
  timestampMs?: number;
  /** Overrides the key's partition. Only dead letters and tests want it. */
  partition?: number;
};

/**
 * Records as the broker stores and sends them, decompressed: Kafka's record batch of format 2
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
  /** Where the broker's clock stamps the records, it gives all of a pack this time. */
  appendedAtMs?: number;
  count: number;
  bytes: Buffer;
};

export type IncomingRecord = {
  key: Buffer | null;
  value: Buffer | null;
  /** As text, for reading: the last value of each name, and no name whose last value is missing. */
  headers: RecordHeaders;
  /** As they were written, for passing on. */
  rawHeaders: readonly RawHeader[];
  offset: bigint;
  timestampMs: number;
  /**
   * With `packed`: the records that this stands for, up to `offset`, perhaps none: also markers of transactions and what
   * was aborted has to be passed. They may begin before what was asked for.
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
   * Makes `nextOffset` (the first offset NOT yet done) durable for the group. Throws a retriable fault if the
   * broker does not confirm it or the partition has moved to another member.
   */
  commit(nextOffset: bigint): Promise<void>;
  /** Keeps group membership alive during long work; throws when the group has rebalanced without us. */
  heartbeat(): Promise<void>;
  /** True once the partition is no longer ours or the consumer is closing: stop without committing. */
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
  /** 100 if unset. */
  fetchWaitMs?: number;
  /**
   * Leaves records in the form in which they are stored, where the implementation can: those of a batch are then
   * packs, to be read with a `PackCursor`. For consumers to which a record is bytes to pass on. False if unset.
   */
  packed?: boolean;
  /**
   * Set by who tells `kafka_consumer_lag` itself, because its records are done later than their batch is handed over.
   * False if unset.
   */
  tellsLag?: boolean;
  /** A member silent for this long loses its partitions. 10000 if unset. */
  sessionTimeoutMs?: number;
  /** Called with the partitions this member got, before the first batch of any of them is handled. */
  onAssigned?: (partitions: readonly TopicPartition[]) => Promise<void> | void;
  /**
   * Where to start a partition, asked once after each assignment, before its first batch: a `nextOffset`, or
   * null for what the group has committed (the beginning if nothing).
   */
  startFrom?: (partition: TopicPartition) => Promise<bigint | null>;
};

export type TopicPartition = { topic: string; partition: number };

export type PartitionProgress = TopicPartition & {
  /** Every record below it has been handled, or will never be delivered (markers, aborted transactions). */
  nextOffset: bigint;
  /**
   * The partition's end as the broker last gave it, also while nothing is fetched: records left =
   * `highWatermark - nextOffset`. It is never below `nextOffset`, and at most some seconds old while the broker answers.
   */
  highWatermark: bigint;
  /** How long `nextOffset` has not moved although records were left. 0 when none are left. */
  stalledForMs: number;
  /** How often in a row the batch at `nextOffset` failed, or could not be read. 0 when it did not. */
  failures: number;
  /** The message of the last of these failures. */
  cause: string | undefined;
};

export type ConsumerProgress = {
  /** Of the current assignment; while there is none, of the last one. */
  partitions: readonly PartitionProgress[];
  /** How long this member has been without an assignment (joining, or unable to). 0 while it has one. */
  unassignedForMs: number;
  /** How often it gave up its connection and membership and started over, since it was created. */
  restarts: number;
  /** Why it last started over or could not begin. Undefined while it has an assignment. */
  trouble: string | undefined;
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
   * Where it stands, without asking the broker: cheap enough for every scrape and health check. Also before `run`
   * (nothing assigned) and while the broker does not answer (then the last that was known).
   */
  progress(): ConsumerProgress;
  /** Lets the batches in hand finish (10 s at most), leaves the group, disconnects. */
  close(): Promise<void>;
};

export type Producer = {
  /** Connects ahead of the first `send`, which would do it otherwise. Rejects with a retriable `broker_unavailable`. */
  open(): Promise<void>;
  /**
   * Resolves when all in-sync replicas have all records (acks=all, idempotent: a retry inside does not double
   * them). Rejects with a retriable `broker_unavailable`: then some may have been written. Rejects with a
   * `broker_rejected` that is not retriable when the broker will never take one of them (too large, not valid).
   * Records of one key keep their order within a call and across awaited calls.
   */
  send(records: readonly OutgoingRecord[]): Promise<void>;
  close(): Promise<void>;
};

export type TopicSpec = {
  topic: string;
  partitions: number;
  /** As many as the cluster makes by itself if unset. */
  replicas?: number;
  /** Broker settings such as `retention.ms`. */
  config?: Record<string, string>;
};

export type BrokerAdmin = {
  /** Creates the topics that do not exist; leaves existing ones as they are. */
  createTopics(topics: readonly TopicSpec[]): Promise<void>;
  /** First and next-to-be-written offset of each partition. */
  offsets(topic: string): Promise<{ partition: number; low: bigint; high: bigint }[]>;
  /** What a group has committed; null where nothing. */
  committedOffsets(group: string, topic: string): Promise<{ partition: number; nextOffset: bigint | null }[]>;
  deleteTopics(topics: readonly string[]): Promise<void>;
  close(): Promise<void>;
};

export type Broker = {
  producer(): Promise<Producer>;
  consumer(options: ConsumerOptions): Consumer;
  admin(): Promise<BrokerAdmin>;
};
