import type { IncomingRecord, RawHeader, RecordHeaders, TopicPartition } from '#platform/messaging/broker';
import type { PartitionLanes } from '#platform/messaging/partition-lanes';
import { partitionName } from '#platform/messaging/partition-name';
import { called } from '#platform/messaging/rdkafka-connection';
import type { RdkafkaConsumer, RdkafkaMessage } from '#platform/messaging/rdkafka-module';
import { headerText } from '#platform/messaging/record-headers';
import type { Logger } from '#platform/telemetry/logger';
import { backoffMs } from '#platform/waiting/backoff';
import { sleep } from '#platform/waiting/sleep';

const recordsPerPollMax = 1_000;
/**
 * A poll returns the records that librdkafka has and does not wait for more: it occupies one of the few threads of
 * Node's pool, and a process hosts many consumers.
 */
const idle = { minMs: 2, maxMs: 20 };
const retryMs = 250;

export type RdkafkaPolling = {
  /** Fetches into `lanes` until it is stopped. */
  start(lanes: PartitionLanes): void;
  /** Runs `change` while no poll is running: polled records belong to the assignment before the change. */
  between(change: () => void): Promise<void>;
  stop(): Promise<void>;
};

export const createRdkafkaPolling = (
  consumer: RdkafkaConsumer,
  { group, logger, packed }: { group: string; logger: Logger; packed: boolean },
): RdkafkaPolling => {
  const stopping = new AbortController();
  let looping: Promise<void> = Promise.resolve();
  let fetching: Promise<unknown> = Promise.resolve();
  let held: Promise<unknown> | undefined;

  const readEnds: ReadEnd[] = [];
  consumer.on('partition.eof', (end: ReadEnd) => readEnds.push(end));

  const fetchInto = async (lanes: PartitionLanes): Promise<number> => {
    const messages = await called<RdkafkaMessage[]>((done) => consumer.consume(recordsPerPollMax, done));
    distribute(consumer, messages, lanes);
    // These come after the records, which the same poll may have returned.
    for (const { topic, partition, offset } of readEnds.splice(0)) {
      const nextOffset = BigInt(offset);
      // A consumer of packs receives an empty one, which moves it past markers and aborted records.
      const records = packed && nextOffset > 0n ? [emptyPackBefore(nextOffset)] : [];
      lanes.push({ topic, partition, records, highWatermark: nextOffset }, 0, nextOffset);
    }
    return messages.length;
  };

  const loop = async (lanes: PartitionLanes): Promise<void> => {
    for (let empty = 0; !stopping.signal.aborted; ) {
      while (held !== undefined) await held;
      const fetched = fetchInto(lanes);
      fetching = fetched.catch(() => {});
      try {
        empty = (await fetched) === 0 ? empty + 1 : 0;
        if (empty > 0) await sleep(backoffMs(idle, empty), { signal: stopping.signal });
      } catch (error) {
        logger.debug({ err: error, group }, 'rdkafka poll');
        await sleep(retryMs, { signal: stopping.signal });
      }
    }
  };

  return {
    start: (lanes) => {
      looping = loop(lanes);
    },
    between: async (change) => {
      const changing = fetching.then(change);
      const settled = changing.catch(() => {});
      held = settled;
      await settled;
      if (held === settled) held = undefined;
      await changing;
    },
    stop: async () => {
      stopping.abort();
      await looping;
    },
  };
};

/** How far a partition was read where that is after the last record: past markers and aborted transactions. */
type ReadEnd = TopicPartition & { offset: number };

const distribute = (
  consumer: RdkafkaConsumer,
  messages: readonly RdkafkaMessage[],
  lanes: PartitionLanes,
): void => {
  const byPartition = new Map<string, RdkafkaMessage[]>();
  for (const message of messages) {
    const name = partitionName(message);
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
        records: together.map((message) => new RdkafkaRecord(message)),
        highWatermark: BigInt(Math.max(highOffset, offset + 1)),
      },
      bytes,
    );
  }
};

const emptyPackBefore = (nextOffset: bigint): IncomingRecord => ({
  key: null,
  value: null,
  headers: {},
  rawHeaders: [],
  offset: nextOffset - 1n,
  timestampMs: 0,
  pack: { baseOffset: Number(nextOffset) - 1, baseTimestampMs: 0, count: 0, bytes: Buffer.alloc(0) },
});

/** Converts each field on demand: consumers of many records never use most fields. */
class RdkafkaRecord implements IncomingRecord {
  readonly #message: RdkafkaMessage;
  #offset: bigint | undefined;
  #headers: RecordHeaders | undefined;
  #rawHeaders: readonly RawHeader[] | undefined;

  constructor(message: RdkafkaMessage) {
    this.#message = message;
  }
  get key(): Buffer | null {
    const { key } = this.#message;
    return typeof key === 'string' ? Buffer.from(key) : (key ?? null);
  }
  get value(): Buffer | null {
    return this.#message.value;
  }
  get offset(): bigint {
    this.#offset ??= BigInt(this.#message.offset);
    return this.#offset;
  }
  get timestampMs(): number {
    return this.#message.timestamp ?? 0;
  }
  get headers(): RecordHeaders {
    this.#headers ??= headerText(this.rawHeaders);
    return this.#headers;
  }
  get rawHeaders(): readonly RawHeader[] {
    this.#rawHeaders ??= headersOf(this.#message.headers ?? []);
    return this.#rawHeaders;
  }
}

/** One object for each header. node-rdkafka gives an empty value for a missing one. */
const headersOf = (headers: readonly Record<string, Buffer | string>[]): RawHeader[] =>
  headers.flatMap((header) =>
    Object.entries(header).map(
      ([name, value]): RawHeader => [name, typeof value === 'string' ? Buffer.from(value) : value],
    ),
  );
