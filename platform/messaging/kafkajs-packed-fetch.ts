import { createRequire } from 'node:module';
import kafkajs from 'kafkajs';
import type { RecordPack } from '#platform/messaging/record-pack';

/**
 * Makes one consumer's fetches return packs: kafkajs keeps doing the group, the fetching and the offsets, but what it
 * takes for a message is a whole record batch, whose offset is that of its last record. A profile of ingest showed
 * three quarters of its time in kafkajs' decoding of records and headers, and in collecting what that leaves behind.
 *
 * Hooks into kafkajs 2.2.4 where a consumer's own brokers look up how to decode a fetch, so no other consumer is
 * touched. Where the broker and kafkajs agree on another version of the response, everything stays as it was.
 */
export const fetchPacked = (cluster: unknown): void => {
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
        if (built.response !== responseV11) return built;
        return { ...built, response: { parse: responseV11.parse, decode: decodePacked } };
      };
    };
    packing.add(packed);
    broker.lookupRequest = packed;
    return broker;
  };
};

/** What kafkajs takes for a message. */
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

const batchHeaderBytes = 61;
const compressionMask = 0x07;
const appendTimeFlag = 0x08;
const transactionalFlag = 0x10;
const controlFlag = 0x20;

/** The fetch response of version 11, as kafkajs' own decoder returns it but for its messages. */
const decodePacked = async (data: Buffer): Promise<unknown> => {
  let at = 0;
  const int16 = (): number => {
    at += 2;
    return data.readInt16BE(at - 2);
  };
  const int32 = (): number => {
    at += 4;
    return data.readInt32BE(at - 4);
  };
  const int64 = (): string => {
    at += 8;
    return String(data.readBigInt64BE(at - 8));
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
    const topicName = data.toString('utf8', at, at + nameLength);
    at += nameLength;
    const partitions = await array(async () => {
      const head = {
        partition: int32(),
        errorCode: int16(),
        highWatermark: int64(),
        lastStableOffset: int64(),
        lastStartOffset: int64(),
        abortedTransactions: await array(() => ({ producerId: int64(), firstOffset: int64() })),
        preferredReadReplica: int32(),
      };
      const bytes = int32();
      const start = at;
      if (bytes > 0) at += bytes;
      const messages = bytes > 0 ? await packsOf(data.subarray(start, at), head.abortedTransactions) : [];
      // What was aborted is left out here: kafkajs lets some of it through where several were aborted at once.
      return { ...head, abortedTransactions: [], messages };
    });
    return { topicName, partitions };
  });
  return { throttleTime: 0, clientSideThrottleTime, errorCode, sessionId, responses };
};

type AbortedTransaction = { producerId: string; firstOffset: string };

/** The last batch may have been cut off by the fetch's size; it comes whole with the next. */
const packsOf = async (data: Buffer, aborted: readonly AbortedTransaction[]): Promise<PackedMessage[]> => {
  const messages: PackedMessage[] = [];
  const isAborted = createAbortedFilter(aborted);
  for (let at = 0; at + batchHeaderBytes <= data.length; ) {
    const end = at + 12 + data.readInt32BE(at + 8);
    if (end > data.length) break;
    const magic = data[at + 16];
    if (magic !== 2) throw new Error(`records of format ${magic}, from before Kafka 0.11, cannot be read`);
    const batch = data.subarray(at, end);
    const attributes = batch.readInt16BE(21);
    const isEmpty = isAborted(batch, attributes) || (attributes & controlFlag) !== 0;
    messages.push(isEmpty ? emptyPackOf(batch) : await packOf(batch, attributes));
    at = end;
  }
  return messages;
};

/**
 * Which batches belong to a transaction that was aborted, asked of every batch in the order of the log. A marker ends
 * its producer's transaction; the next one of that producer is in the list by itself.
 */
const createAbortedFilter = (aborted: readonly AbortedTransaction[]) => {
  const toCome = aborted
    .map(({ producerId, firstOffset }) => ({
      producerId: BigInt(producerId),
      firstOffset: BigInt(firstOffset),
    }))
    .sort((one, other) => Number(one.firstOffset - other.firstOffset));
  const open = new Set<bigint>();
  return (batch: Buffer, attributes: number): boolean => {
    if ((attributes & transactionalFlag) === 0) return false;
    const lastOffset = lastOffsetOf(batch);
    while (toCome[0] !== undefined && toCome[0].firstOffset <= lastOffset)
      open.add((toCome.shift() as { producerId: bigint }).producerId);
    const producerId = batch.readBigInt64BE(43);
    if ((attributes & controlFlag) !== 0) {
      open.delete(producerId);
      return false;
    }
    return open.has(producerId);
  };
};

const lastOffsetOf = (batch: Buffer): bigint => batch.readBigInt64BE(0) + BigInt(batch.readInt32BE(23));

const message = (batch: Buffer, pack: RecordPack): PackedMessage => ({
  offset: String(lastOffsetOf(batch)),
  timestamp: String(batch.readBigInt64BE(35)),
  key: null,
  value: pack.bytes,
  headers: {},
  isControlRecord: false,
  batchContext: { producerId: '-1', inTransaction: false },
  pack,
});

/** Where nothing is to be read, the consumer still has to learn how far the log goes. */
const emptyPackOf = (batch: Buffer): PackedMessage =>
  message(batch, {
    baseOffset: Number(batch.readBigInt64BE(0)),
    baseTimestampMs: 0,
    count: 0,
    bytes: nothing,
  });

const nothing = Buffer.alloc(0);

const packOf = async (batch: Buffer, attributes: number): Promise<PackedMessage> => {
  const baseOffset = Number(batch.readBigInt64BE(0));
  const stored = batch.subarray(batchHeaderBytes);
  const compression = attributes & compressionMask;
  const pack: RecordPack = {
    baseOffset,
    baseTimestampMs: Number(batch.readBigInt64BE(27)),
    ...((attributes & appendTimeFlag) === 0 ? {} : { appendedAtMs: Number(batch.readBigInt64BE(35)) }),
    count: batch.readInt32BE(57),
    bytes: compression === 0 ? stored : await decompress(compression, stored),
  };
  return message(batch, pack);
};

const decompress = (compression: number, stored: Buffer): Promise<Buffer> => {
  const codec = (
    kafkajs.CompressionCodecs as unknown as Record<
      number,
      undefined | (() => { decompress(from: Buffer): Promise<Buffer> })
    >
  )[compression];
  if (codec === undefined) throw new Error(`compression ${compression} is not known`);
  return codec().decompress(stored);
};
