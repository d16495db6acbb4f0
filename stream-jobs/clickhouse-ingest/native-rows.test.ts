import avro from 'avsc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileDatumWalk } from './datum-check.js';
import { columnName, createDatumRows, nativeBody, rowLayout } from './native-rows.js';

const schema = {
  type: 'record',
  name: 'test.Columns',
  fields: [
    { name: 'flag', type: 'boolean' },
    { name: 'words', type: { type: 'array', items: 'string' } },
    { name: 'small', type: 'int' },
    { name: 'large', type: 'long' },
    { name: 'half', type: 'float' },
    { name: 'whole', type: 'double' },
    { name: 'plainText', type: 'string' },
    { name: 'maybeText', type: ['null', 'string'], default: null },
    { name: 'maybeSmall', type: ['int', 'null'] },
    { name: 'colour', type: { type: 'enum', name: 'Colour', symbols: ['RED', 'GREEN'] } },
    { name: 'maybeFlag', type: ['null', 'boolean'] },
    { name: 'happenedAt', type: { type: 'long', logicalType: 'timestamp-millis' } },
    { name: 'either', type: ['null', 'string', 'long'] },
  ],
};

/** Longs as BigInt, since those of 64 bits are no safe numbers. */
const long = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  },
  fromJSON: BigInt,
  toJSON: String,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (one: bigint, other: bigint) => (one === other ? 0 : one < other ? -1 : 1),
});
const type = avro.Type.forSchema(schema as avro.Schema, {
  typeHook: (given) => (given === 'long' || (given as { type?: unknown }).type === 'long' ? long : undefined),
  wrapUnions: true,
});

const int = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const aLong = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const aRecord = fc.record({
  flag: fc.boolean(),
  words: fc.array(fc.string(), { maxLength: 3 }),
  small: int,
  large: aLong,
  half: fc.float({ noNaN: true }),
  whole: fc.double({ noNaN: true }),
  plainText: fc.string({ unit: 'grapheme', maxLength: 400 }),
  maybeText: fc.option(fc.string({ maxLength: 100 })),
  maybeSmall: fc.option(int),
  colour: fc.constantFrom('RED', 'GREEN'),
  maybeFlag: fc.option(fc.boolean()),
  happenedAt: aLong,
});

type Columns = Record<string, { type: string; values: unknown[] }>;

/** Reads a body as ClickHouse's documentation describes the format; independent of the writer. */
const readNative = (body: Buffer): Columns => {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = body.readUInt8(at++);
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  const text = (): string => {
    const length = varint();
    at += length;
    return body.toString('utf8', at - length, at);
  };
  const step = <T>(bytes: number, value: T): T => {
    at += bytes;
    return value;
  };
  const readers: Record<string, () => unknown> = {
    UInt16: () => step(2, body.readUInt16LE(at)),
    UInt64: () => step(8, body.readBigUInt64LE(at)),
    Int32: () => step(4, body.readInt32LE(at)),
    Int64: () => step(8, body.readBigInt64LE(at)),
    "DateTime64(3, 'UTC')": () => step(8, body.readBigInt64LE(at)),
    Float32: () => step(4, body.readFloatLE(at)),
    Float64: () => step(8, body.readDoubleLE(at)),
    Bool: () => step(1, body.readUInt8(at) === 1),
    String: text,
  };
  const columns: Columns = {};
  const count = varint();
  const rows = varint();
  for (let column = 0; column < count; column += 1) {
    const name = text();
    const full = text();
    const inner = /^Nullable\((.*)\)$/.exec(full)?.[1];
    const nulls = Array.from(
      { length: rows },
      () => inner !== undefined && step(1, body.readUInt8(at)) === 1,
    );
    const read = readers[inner ?? full] as () => unknown;
    const values = nulls.map((isNull) => {
      const value = read();
      return isNull ? null : value;
    });
    columns[name] = { type: full, values };
  }
  expect(at).toBe(body.length);
  return columns;
};

describe('rows in the format Native', () => {
  it('are the values of the datums, each with its partition and offset, in the order given', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(aRecord, { maxLength: 20 }), { minLength: 1, maxLength: 4 }),
        (groups) => {
          const layout = rowLayout(schema);
          const walk = compileDatumWalk(schema, undefined);
          const firstOffset = 2 ** 40 - 3;
          const together = groups.map((group, partition) => {
            const rows = createDatumRows(layout, walk.bounds, 300 + partition);
            for (const [nth, value] of group.entries()) {
              const datum = type.toBuffer({
                ...value,
                maybeText: value.maybeText === null ? null : { string: value.maybeText },
                maybeSmall: value.maybeSmall === null ? null : { int: value.maybeSmall },
                maybeFlag: value.maybeFlag === null ? null : { boolean: value.maybeFlag },
                either: null,
              });
              const message = Buffer.concat([Buffer.from('xx'), datum, Buffer.from('y')]);
              expect(walk.over(message, 2, message.length)).toBe(message.length - 1);
              rows.append({ offset: firstOffset + nth, bytes: message });
            }
            expect(rows.rows).toBe(group.length);
            return rows;
          });
          const columns = readNative(Buffer.concat(nativeBody(together)));
          const all = groups.flat();
          const valuesOf = (name: string) => columns[name]?.values;
          expect(valuesOf('kafka_partition')).toEqual(
            groups.flatMap((group, at) => group.map(() => 300 + at)),
          );
          expect(valuesOf('kafka_offset')).toEqual(
            groups.flatMap((group) => group.map((_, nth) => BigInt(firstOffset + nth))),
          );
          for (const name of Object.keys(all[0] ?? {}))
            if (name !== 'words')
              expect(valuesOf(columnName(name))).toEqual(
                all.map((record) => record[name as keyof (typeof all)[number]]),
              );
        },
      ),
      { numRuns: 60 },
    );
  });

  it('have a column for every plain field, of the type that ClickHouse has for it, and none for others', () => {
    const columns = rowLayout(schema).columns.map((column) => [column.name, column.type]);
    expect(Object.fromEntries(columns)).toEqual({
      flag: 'Bool',
      small: 'Int32',
      large: 'Int64',
      half: 'Float32',
      whole: 'Float64',
      plain_text: 'String',
      maybe_text: 'Nullable(String)',
      maybe_small: 'Nullable(Int32)',
      colour: 'String',
      maybe_flag: 'Nullable(Bool)',
      happened_at: "DateTime64(3, 'UTC')",
    });
  });
});
