import { createRequire } from 'node:module';

type Content = string | Buffer | null | undefined;
type Headers = Record<string, Content | Content[]>;
export type KafkajsRecord = {
  offsetDelta?: number;
  timestampDelta?: number;
  key?: Content;
  value?: Content;
  headers?: Headers;
};

/** What kafkajs reads of an encoder that it writes into another one. */
type Encoded = { buf: Buffer; buffer: Buffer };

/**
 * Stands for null in a header, which kafkajs's types do not allow: it is written with the length -1, which means a
 * missing value to Kafka.
 */
export const missingValue = Buffer.alloc(0);

const varIntBytesMax = 5;
const varLongBytesMax = 10;
const utf8BytesMax = 3;

/** Where a record is written before its length is known; grows to the longest one so far. */
let scratch = Buffer.allocUnsafeSlow(4096);
let at = 0;

/** Zigzag and base 128: https://protobuf.dev/programming-guides/encoding/#signed-ints */
const writeVarInt = (value: number): void => {
  let left = ((value << 1) ^ (value >> 31)) >>> 0;
  while (left > 0x7f) {
    scratch[at++] = (left & 0x7f) | 0x80;
    left >>>= 7;
  }
  scratch[at++] = left;
};

const writeVarLong = (value: number): void => {
  if (value === (value | 0)) {
    writeVarInt(value);
    return;
  }
  let left = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n));
  while (left > 0x7fn) {
    scratch[at++] = Number(left & 0x7fn) | 0x80;
    left >>= 7n;
  }
  scratch[at++] = Number(left);
};

const writeContent = (content: Content): void => {
  if (content === null || content === undefined || content === missingValue) writeVarInt(-1);
  else if (typeof content === 'string') {
    const bytes = Buffer.byteLength(content);
    writeVarInt(bytes);
    // Most texts are ids and names: one byte a character.
    scratch.write(content, at, bytes, bytes === content.length ? 'latin1' : 'utf8');
    at += bytes;
  } else {
    writeVarInt(content.length);
    content.copy(scratch, at);
    at += content.length;
  }
};

const bytesMaxOf = (content: Content): number =>
  varIntBytesMax +
  (typeof content === 'string' ? content.length * utf8BytesMax : content ? content.length : 0);

const makeRoom = (bytes: number): void => {
  if (bytes > scratch.length) scratch = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(bytes)));
};

/**
 * A record of version 2 (https://kafka.apache.org/documentation/#record), in the bytes that kafkajs itself makes of it,
 * but in one buffer. kafkajs makes an encoder for each header, with a kilobyte of zeroes each.
 */
export const encodeRecord = (record: KafkajsRecord): Encoded => {
  const { offsetDelta = 0, timestampDelta = 0, key, value, headers = {} } = record;
  let bytesMax = 3 * varIntBytesMax + 1 + varLongBytesMax + bytesMaxOf(key) + bytesMaxOf(value);
  let headerCount = 0;
  for (const name in headers) {
    const content = headers[name];
    const contents = Array.isArray(content) ? content : [content];
    for (const each of contents) bytesMax += bytesMaxOf(name) + bytesMaxOf(each);
    headerCount += contents.length;
  }
  makeRoom(bytesMax);
  at = varIntBytesMax;
  scratch[at++] = 0;
  writeVarLong(timestampDelta);
  writeVarInt(offsetDelta);
  writeContent(key);
  writeContent(value);
  writeVarInt(headerCount);
  for (const name in headers) {
    const content = headers[name];
    if (!Array.isArray(content)) {
      writeContent(name);
      writeContent(content);
    } else
      for (const each of content) {
        writeContent(name);
        writeContent(each);
      }
  }
  return withLength(at);
};

/** The record's length precedes it, in as many bytes as it needs. */
const withLength = (end: number): Encoded => {
  const length = end - varIntBytesMax;
  at = 0;
  writeVarInt(length);
  const lengthBytes = at;
  const from = varIntBytesMax - lengthBytes;
  scratch.copyWithin(from, 0, lengthBytes);
  const buffer = Buffer.allocUnsafe(lengthBytes + length);
  scratch.copy(buffer, 0, from, end);
  return { buf: buffer, buffer };
};

/** Has kafkajs encode records with `encodeRecord`. Call it once, before the first record is sent. */
export const encodeRecordsAtOnce = (): void => {
  const require = createRequire(import.meta.url);
  const path = require.resolve('kafkajs/src/protocol/recordBatch/record/v0');
  require(path);
  const loaded = require.cache[path];
  if (loaded !== undefined) loaded.exports = encodeRecord;
};
