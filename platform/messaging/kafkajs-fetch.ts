import { createRequire } from 'node:module';
import type { Batch } from 'kafkajs';
import type { IncomingRecord, RecordBatch, RecordPack, TopicPartition } from '#platform/messaging/broker';
import { decompress } from '#platform/messaging/kafkajs-codecs';
import { PackCursor } from '#platform/messaging/record-pack';

/** What fetches report to a consumer besides the records. */
export type FetchListener = {
  /** Where the partition begins and ends, and the offset up to which a reader of committed records may read. */
  onBounds(at: TopicPartition, bounds: { low: bigint; high: bigint; readableEnd: bigint }): void;
  /** The batch that begins at `offset` cannot be read. Called when a fetch of the partition begins with it. */
  onUnreadable(at: TopicPartition, offset: bigint, cause: unknown): void;
};

/**
 * Makes one consumer's fetches return packs. kafkajs still manages the group, the fetching and the offsets, but each of
 * its messages is a whole record batch with the offset of its last record. There are three reasons. A profile of ingest
 * showed three quarters of its time in kafkajs's decoding of records and headers. kafkajs does not distinguish missing
 * header values from empty ones. And it fails the fetch of all partitions when one batch cannot be decoded.
 *
 * The hook replaces the decoder in the consumer's own kafkajs 2.2.4 brokers, so no other client is affected.
 */
export const fetchPacks = (cluster: unknown, listener: FetchListener): void => {
  const hooked = cluster as Cluster;
  const find = hooked.findBroker.bind(hooked);
  hooked.findBroker = async (which) => {
    const broker = await find(which);
    if (packing.has(broker.lookupRequest)) return broker;
    const lookup = broker.lookupRequest;
    const packed: Lookup = (apiKey, definition) => {
      const build = lookup(apiKey, definition);
      if (apiKey !== fetchApiKey) return build;
      return (request) => {
        const built = build(request);
        if (built.response !== responseV11)
          throw new Error('the broker does not speak version 11 of the fetch request (Kafka 2.3)');
        return {
          ...built,
          response: { parse: responseV11.parse, decode: (data) => decodeResponse(data, listener) },
        };
      };
    };
    packing.add(packed);
    broker.lookupRequest = packed;
    return broker;
  };
};

/** A pack in the form of a kafkajs message. */
export type PackedMessage = {
  offset: string;
  timestamp: string;
  key: Buffer | null;
  value: Buffer;
  headers: Record<string, never>;
  isControlRecord: boolean;
  batchContext: { producerId: string; inTransaction: boolean };
  pack: RecordPack;
};

type Response = { decode(data: Buffer): Promise<unknown>; parse(decoded: unknown): Promise<unknown> };
type Lookup = (apiKey: number, definition: unknown) => (request: unknown) => { response: Response };
type Cluster = { findBroker(which: unknown): Promise<{ lookupRequest: Lookup }> };

const fetchApiKey = 1;
const responseV11 = createRequire(import.meta.url)(
  'kafkajs/src/protocol/requests/fetch/v11/response',
) as Response;
const packing = new WeakSet<Lookup>();

/** The most that one fetch may hold in memory; the next fetch returns the rest. */
const responseBytesMax = 256 * 1024 * 1024;

const batchHeaderBytes = 61;
const compressionMask = 0x07;
const appendTimeFlag = 0x08;
const transactionalFlag = 0x10;
const controlFlag = 0x20;

/** The fetch response of version 11, as kafkajs's own decoder returns it except for the messages. */
const decodeResponse = async (data: Buffer, listener: FetchListener): Promise<unknown> => {
  const budget = { bytesLeft: responseBytesMax };
  let at = 0;
  const int16 = (): number => {
    at += 2;
    return data.readInt16BE(at - 2);
  };
  const int32 = (): number => {
    at += 4;
    return data.readInt32BE(at - 4);
  };
  const int64 = (): bigint => {
    at += 8;
    return data.readBigInt64BE(at - 8);
  };
  const array = async <T>(read: () => T | Promise<T>): Promise<T[]> => {
    const items: T[] = [];
    for (let left = int32(); left > 0; left -= 1) items.push(await read());
    return items;
  };
  const clientSideThrottleTime = int32();
  const errorCode = int16();
  const sessionId = int32();
  const responses = await array(async () => {
    const nameLength = int16();
    const topic = data.toString('utf8', at, at + nameLength);
    at += nameLength;
    const partitions = await array(async () => {
      const partition = int32();
      const partitionError = int16();
      const highWatermark = int64();
      const lastStableOffset = int64();
      const lastStartOffset = int64();
      const abortedTransactions = await array(() => ({
        producerId: int64(),
        firstOffset: int64(),
      }));
      const preferredReadReplica = int32();
      const bytes = Math.max(0, int32());
      const start = at;
      at += bytes;
      if (partitionError === 0)
        listener.onBounds(
          { topic, partition },
          { low: lastStartOffset, high: highWatermark, readableEnd: lastStableOffset },
        );
      return {
        partition,
        errorCode: partitionError,
        highWatermark: String(highWatermark),
        lastStableOffset: String(lastStableOffset),
        lastStartOffset: String(lastStartOffset),
        // Aborted records are left out here: kafkajs delivers some of them where several transactions were aborted at
        // once.
        abortedTransactions: [],
        preferredReadReplica,
        messages: await packsOf(data.subarray(start, start + bytes), {
          at: { topic, partition },
          isAborted: createAbortedFilter(abortedTransactions),
          budget,
          listener,
        }),
      };
    });
    return { topicName: topic, partitions };
  });
  return { throttleTime: 0, clientSideThrottleTime, errorCode, sessionId, responses };
};

/**
 * The last batch may have been cut off by the fetch's size; the next fetch returns it whole. A batch that cannot be
 * read ends the list of its own partition only.
 */
const packsOf = async (
  data: Buffer,
  context: {
    at: TopicPartition;
    isAborted: AbortedFilter;
    budget: { bytesLeft: number };
    listener: FetchListener;
  },
): Promise<PackedMessage[]> => {
  const { at, isAborted, budget, listener } = context;
  const messages: PackedMessage[] = [];
  for (let start = 0; start + batchHeaderBytes <= data.length && budget.bytesLeft > 0; ) {
    const end = start + 12 + data.readInt32BE(start + 8);
    if (end > data.length) break;
    try {
      const batch = data.subarray(start, end);
      const magic = batch[16];
      if (magic !== 2) throw new Error(`records of format ${magic}, from before Kafka 0.11, cannot be read`);
      const attributes = batch.readInt16BE(21);
      const isEmpty = isAborted(batch, attributes) || (attributes & controlFlag) !== 0;
      const message = isEmpty ? emptyPackOf(batch) : await packOf(batch, attributes);
      budget.bytesLeft -= message.value.length;
      messages.push(message);
    } catch (error) {
      // After the batches before it have been handled, the next fetch begins here.
      if (messages.length === 0) listener.onUnreadable(at, data.readBigInt64BE(start), error);
      return messages;
    }
    start = end;
  }
  return messages;
};

type AbortedTransaction = { producerId: bigint; firstOffset: bigint };
type AbortedFilter = (batch: Buffer, attributes: number) => boolean;

/**
 * Decides which batches belong to an aborted transaction. It must be called for every batch in the order of the log. A
 * marker ends its producer's transaction; a later aborted transaction of the same producer is another entry in the
 * list.
 */
const createAbortedFilter = (aborted: readonly AbortedTransaction[]): AbortedFilter => {
  const toCome = [...aborted].sort((one, other) => Number(one.firstOffset - other.firstOffset));
  const open = new Set<bigint>();
  return (batch, attributes) => {
    if ((attributes & transactionalFlag) === 0) return false;
    const lastOffset = lastOffsetOf(batch);
    while (toCome[0] !== undefined && toCome[0].firstOffset <= lastOffset)
      open.add((toCome.shift() as AbortedTransaction).producerId);
    const producerId = batch.readBigInt64BE(43);
    if ((attributes & controlFlag) !== 0) {
      open.delete(producerId);
      return false;
    }
    return open.has(producerId);
  };
};

const lastOffsetOf = (batch: Buffer): bigint => batch.readBigInt64BE(0) + BigInt(batch.readInt32BE(23));

const messageOf = (batch: Buffer, pack: RecordPack): PackedMessage => ({
  offset: String(lastOffsetOf(batch)),
  timestamp: String(batch.readBigInt64BE(35)),
  key: null,
  value: pack.bytes,
  headers: {},
  isControlRecord: false,
  batchContext: { producerId: '-1', inTransaction: false },
  pack,
});

/** A batch without readable records still has to move the consumer's offset past it. */
const emptyPackOf = (batch: Buffer): PackedMessage =>
  messageOf(batch, {
    baseOffset: Number(batch.readBigInt64BE(0)),
    baseTimestampMs: 0,
    count: 0,
    bytes: nothing,
  });

const nothing = Buffer.alloc(0);

const packOf = async (batch: Buffer, attributes: number): Promise<PackedMessage> =>
  messageOf(batch, {
    baseOffset: Number(batch.readBigInt64BE(0)),
    baseTimestampMs: Number(batch.readBigInt64BE(27)),
    ...((attributes & appendTimeFlag) === 0 ? {} : { appendedAtMs: Number(batch.readBigInt64BE(35)) }),
    count: batch.readInt32BE(57),
    bytes: await decompress(attributes & compressionMask, batch.subarray(batchHeaderBytes)),
  });

/** Converts fetched packs to records, or leaves them packed; `fetchedTo` is the offset to fetch next. */
export const recordsOf = (
  batch: Batch,
  packed: boolean,
  onUnreadable: FetchListener['onUnreadable'],
): { batch: RecordBatch; bytes: number; fetchedTo: bigint } => {
  const { topic, partition } = batch;
  const messages = batch.messages as unknown as PackedMessage[];
  const records: IncomingRecord[] = [];
  let bytes = 0;
  let fetchedTo = BigInt(batch.lastOffset()) + 1n;
  for (const { pack, offset } of messages) {
    bytes += 64 + pack.bytes.length;
    if (packed) records.push(packRecord(pack, offset));
    else
      try {
        const cursor = new PackCursor(pack);
        while (cursor.next()) records.push(cursor.record());
      } catch (error) {
        // Records before it may be handled; records after it must not be.
        fetchedTo = (records.at(-1)?.offset ?? BigInt(pack.baseOffset) - 1n) + 1n;
        onUnreadable({ topic, partition }, fetchedTo, error);
        break;
      }
  }
  return {
    batch: { topic, partition, records, highWatermark: BigInt(batch.highWatermark) },
    bytes,
    fetchedTo,
  };
};

const packRecord = (pack: RecordPack, lastOffset: string): IncomingRecord => ({
  key: null,
  value: pack.bytes,
  headers: {},
  rawHeaders: [],
  offset: BigInt(lastOffset),
  timestampMs: pack.baseTimestampMs,
  pack,
});
