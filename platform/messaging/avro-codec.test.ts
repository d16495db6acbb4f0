import { describe, expect, test } from 'vitest';
import { PlatformError } from '#platform/errors';
import { avroType, createAvroDecoder, encode } from '#platform/messaging/avro-codec';

const thing = (fields: object[]) => ({ type: 'record', name: 'Thing', namespace: 'test', fields });
const v1 = thing([
  { name: 'id', type: 'string' },
  { name: 'amount', type: 'long' },
]);
const v2 = thing([
  { name: 'id', type: 'string' },
  { name: 'amount', type: 'long' },
  { name: 'note', type: ['null', 'string'], default: null },
]);
const lists = thing([
  { name: 'ids', type: { type: 'array', items: 'string' } },
  { name: 'named', type: { type: 'map', values: 'long' } },
]);
const at = thing([{ name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } }]);

const decoderOf = (readers: object[], schemas: Record<number, object>) =>
  createAvroDecoder(
    {
      schemaById: async (id) => {
        const schema = schemas[id];
        if (schema === undefined) throw new PlatformError('schema_unknown', `${id}`, { retriable: false });
        return schema;
      },
    },
    readers,
  );

describe('a message', () => {
  test('is a zero, the schema id in four bytes and the datum', () => {
    const message = encode(258, avroType(v1), { id: 'ab', amount: -1 });
    expect(message).toEqual(Buffer.from([0, 0, 0, 1, 2, 4, 0x61, 0x62, 1]));
  });

  test('comes out as it went in', async () => {
    const value = { id: 'ž', amount: 9007199254740990, note: null };
    const decoder = decoderOf([v2], { 2: v2 });
    expect(await decoder.decode(encode(2, avroType(v2), value))).toEqual({
      schemaId: 2,
      recordName: 'test.Thing',
      value,
    });
  });

  test('comes out with its lists', async () => {
    for (const value of [
      { ids: [], named: {} },
      { ids: ['a', '', 'ž'], named: { one: 1, two: -2 } },
    ])
      expect(
        (await decoderOf([lists], { 5: lists }).decode(encode(5, avroType(lists), value))).value,
      ).toEqual(value);
  });

  test('of an older or a newer writer is read as our own version', async () => {
    const older = encode(1, avroType(v1), { id: 'a', amount: 1 });
    const newer = encode(2, avroType(v2), { id: 'a', amount: 1, note: 'n' });
    const schemas = { 1: v1, 2: v2 };
    expect((await decoderOf([v2], schemas).decode(older)).value).toEqual({ id: 'a', amount: 1, note: null });
    expect((await decoderOf([v1], schemas).decode(newer)).value).toEqual({ id: 'a', amount: 1 });
    expect((await decoderOf([], schemas).decode(newer)).value).toEqual({ id: 'a', amount: 1, note: 'n' });
  });

  test('gives a timestamp as its epoch milliseconds', async () => {
    const message = encode(3, avroType(at), { at: 1_700_000_000_123 });
    expect((await decoderOf([at], { 3: at }).decode(message)).value).toEqual({ at: 1_700_000_000_123 });
  });
});

describe('poison', () => {
  const good = encode(1, avroType(v1), { id: 'abc', amount: 300 });
  const decoder = decoderOf([v1], { 1: v1, 4: thing([{ name: 'id', type: 'int' }]) });

  test.each([
    ['a wrong magic byte', Buffer.concat([Buffer.from([1]), good.subarray(1)]), 'magic byte is 1'],
    ['nothing', Buffer.alloc(0), 'only 0 bytes'],
    ['less than a prefix', good.subarray(0, 4), 'only 4 bytes'],
    ['a datum that ends too early', good.subarray(0, -1), 'ends too early'],
    ['no datum', good.subarray(0, 5), 'ends too early'],
    ['bytes behind the datum', Buffer.concat([good, Buffer.from([0])]), '1 bytes after'],
    [
      'a schema that is not compatible',
      encode(4, avroType(thing([{ name: 'id', type: 'int' }])), { id: 1 }),
      'cannot be read',
    ],
    [
      'a number that JavaScript cannot hold',
      Buffer.concat([
        good.subarray(0, 5),
        Buffer.from([0, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
      ]),
      'Thing',
    ],
  ])('is %s', async (_name, message, says) => {
    const decoding = decoder.decode(message);
    await expect(decoding).rejects.toMatchObject({ code: 'datum_malformed', retriable: false });
    await expect(decoding).rejects.toThrow(says);
  });

  // avsc makes room for as many items as the datum says: this many take all memory of a process, which nothing catches.
  test.each([
    ['a list', [0x80, 0x84, 0xaf, 0x5f]],
    ['a map', [0, 0x80, 0x84, 0xaf, 0x5f]],
  ])('is %s of a hundred million items that are not there', async (_name, datum) => {
    const message = Buffer.from([0, 0, 0, 0, 5, ...datum]);
    for (const readers of [[lists], []]) {
      const decoding = decoderOf(readers, { 5: lists }).decode(message);
      await expect(decoding).rejects.toMatchObject({ code: 'datum_malformed', retriable: false });
    }
  });

  test('is an id the registry does not know', async () => {
    await expect(decoder.decode(Buffer.from([0, 0, 0, 0, 9]))).rejects.toMatchObject({
      code: 'schema_unknown',
    });
  });
});

test('a value that does not fit is refused with its field and what it should be', () => {
  const type = avroType(v1);
  expect(() => encode(1, type, { id: 'a', amount: 2 ** 53 })).toThrow(
    'amount is 9007199254740992, not "long"',
  );
  expect(() => encode(1, type, { id: 'a', amount: 1.5 })).toThrow('amount is 1.5');
  expect(() => encode(1, type, { id: null, amount: 1 })).toThrow('id is null, not "string"');
});
