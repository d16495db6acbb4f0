import { createHash } from 'node:crypto';
import type { AvroSchema } from '#platform/messaging/schema-registry';

/**
 * Avro object container file (https://avro.apache.org/docs/1.11.1/specification/#object-container-files):
 *
 *     file   = "Obj" %x01 metadata sync block
 *     metadata = map of bytes: avro.schema, avro.codec
 *     block  = count size *datum sync
 *
 * and in front of each datum the two fields that the writer's schema is extended by: `kafka_partition` (int) and
 * `kafka_offset` (long), so that every row has the position of its record.
 */
export type FileHeader = { readonly bytes: Buffer; readonly sync: Buffer };

type Field = { name: string; aliases?: unknown } & Record<string, unknown>;

/**
 * The header for datums of `schema` with their partition and offset in front. Field names become the names of columns
 * (`productId` → `product_id`): Avro's bytes contain no names, so renaming costs nothing.
 */
export const fileHeader = (schema: AvroSchema): FileHeader => {
  const record = schema as { fields: Field[] };
  const extended = {
    ...record,
    fields: [
      { name: 'kafka_partition', type: 'int' },
      { name: 'kafka_offset', type: 'long' },
      ...record.fields.map(({ aliases: _aliases, ...field }) => ({ ...field, name: columnName(field.name) })),
    ],
  };
  const text = JSON.stringify(extended);
  const sync = createHash('md5').update(text).digest();
  const bytes = Buffer.concat([
    Buffer.from('Obj\x01', 'latin1'),
    varint(4),
    avroText('avro.schema'),
    avroText(text),
    avroText('avro.codec'),
    avroText('null'),
    varint(0),
    sync,
  ]);
  return { bytes, sync };
};

export const columnName = (field: string): string =>
  field.replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`);

/** A growing file of datums of one schema: the body of one insert. */
export type AvroFile = {
  readonly rows: number;
  /** The size of the datums with their partitions and offsets. */
  readonly bytes: number;
  /** Appends partition and offset, then `source` from `start` to `end`. */
  append(offset: number, source: Buffer, start: number, end: number): void;
  /** Returns the bytes of the file. Nothing can be appended afterwards. */
  seal(): Buffer;
};

const initialBytes = 16 * 1024;
/** The most bytes of a count and a size, which are two longs. */
const framingBytesMax = 20;
/** A varint of 53 bits shifted by one. */
const offsetBytesMax = 8;

export const createAvroFile = (header: FileHeader, partition: number): AvroFile => {
  const partitionBytes = varint(partition * 2);
  const dataStart = header.bytes.length + framingBytesMax;
  const trailer = header.sync.length;
  let buffer = Buffer.allocUnsafeSlow(dataStart + initialBytes);
  let at = dataStart;
  let rows = 0;

  const grow = (bytesMore: number): void => {
    let size = buffer.length * 2;
    while (size < at + bytesMore) size *= 2;
    const larger = Buffer.allocUnsafeSlow(size);
    buffer.copy(larger, 0, 0, at);
    buffer = larger;
  };

  return {
    get rows() {
      return rows;
    },
    get bytes() {
      return at - dataStart;
    },
    append: (offset, source, start, end) => {
      const bytesMore = partitionBytes.length + offsetBytesMax + (end - start);
      if (at + bytesMore + trailer > buffer.length) grow(bytesMore + trailer);
      for (let i = 0; i < partitionBytes.length; i += 1) buffer[at + i] = partitionBytes[i] as number;
      at += partitionBytes.length;
      at = writeVarint(buffer, at, offset * 2);
      source.copy(buffer, at, start, end);
      at += end - start;
      rows += 1;
    },
    seal: () => {
      const framing = Buffer.concat([varint(rows * 2), varint((at - dataStart) * 2)]);
      const start = dataStart - framing.length - header.bytes.length;
      header.bytes.copy(buffer, start);
      framing.copy(buffer, start + header.bytes.length);
      header.sync.copy(buffer, at);
      return buffer.subarray(start, at + trailer);
    },
  };
};

/** `value` is zigzag-encoded already: twice the number, since no number here is negative. Up to 2^53. */
const writeVarint = (buffer: Buffer, start: number, value: number): number => {
  let at = start;
  let rest = value;
  while (rest > 0x7fffffff) {
    buffer[at++] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
  }
  while (rest > 127) {
    buffer[at++] = (rest & 127) | 128;
    rest >>>= 7;
  }
  buffer[at++] = rest;
  return at;
};

const varint = (zigzag: number): Buffer => {
  const bytes = Buffer.alloc(offsetBytesMax + 2);
  return bytes.subarray(0, writeVarint(bytes, 0, zigzag));
};

const avroText = (text: string): Buffer => {
  const bytes = Buffer.from(text, 'utf8');
  return Buffer.concat([varint(bytes.length * 2), bytes]);
};
